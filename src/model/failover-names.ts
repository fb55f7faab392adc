import { z } from 'zod';
import { section, text, wholeNumber } from '#model/plan-field';

/** What clients find the primary by; `values` has one for each site. */
export type MovedName = { values: Record<string, string> } & (
  | { kind: 'file'; path: string }
  | { kind: 'route53'; zone: string; name: string; type: 'A' | 'AAAA' | 'CNAME'; ttlSeconds: number }
);

/** By site, on one line each. */
export const values = () =>
  z.record(z.string(), text('text of one line, at most 1,000 letters', /^[^\n\0]{1,1000}$/), {
    error: 'a map with a value for each site',
  });

export const movedName: z.ZodType<MovedName> = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('file'), path: text('the path of a file'), values: values() }),
    section({
      kind: z.literal('route53'),
      zone: text("a hosted zone's id", /^Z[A-Z0-9]{1,31}$/),
      name: text('the name of a record, like db.example.org', /^(?=.{1,253}\.?$)[\w*-]{1,63}(\.[\w-]{1,63})+\.?$/),
      type: z.enum(['A', 'AAAA', 'CNAME'], { error: 'one of A, AAAA, CNAME' }).default('CNAME'),
      ttlSeconds: wholeNumber(0, 300).default(30),
      values: values(),
    }),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? 'one of file, route53' : 'a map with kind, …') },
);
