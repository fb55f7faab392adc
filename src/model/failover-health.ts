import { z } from 'zod';
import { section, text, wholeNumber } from '#model/plan-field';

/** What has to be so before a move counts as done. */
export type HealthCheck = { name: string } /** of the site that has the primary by now, or the same for both */ & (
  | { kind: 'http'; url: string | Record<string, string>; status: number; match?: string }
  /** by the name that moves: the source's own connection */
  | { kind: 'sql'; database: string; query: string; expect: string | number | boolean }
  /** the first value of an instant query */
  | { kind: 'prometheus'; url: string; query: string; below: number }
);

/** Where passwords could be sent in clear text is only this machine. */
export const webAddress = () => text('a URL that begins with https:// or http://', /^https?:\/\/[^\s@#]{1,2000}$/);

const name = text('a short name for messages').exactOptional();

export const healthCheck = z
  .discriminatedUnion(
    'kind',
    [
      section({
        kind: z.literal('http'),
        name,
        url: z.union([webAddress(), z.record(z.string(), webAddress())], {
          error: 'a URL, or a map of one for each site',
        }),
        status: wholeNumber(100, 599).default(200),
        /** a regular expression that the body has to match */
        match: text('a regular expression').refine(isExpression, { error: 'a regular expression' }).exactOptional(),
      }),
      section({
        kind: z.literal('sql'),
        name,
        database: text('the name of a database').default('postgres'),
        query: text('an SQL query'),
        expect: z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' }),
      }),
      section({
        kind: z.literal('prometheus'),
        name,
        url: webAddress(),
        query: text('a query of Prometheus'),
        below: z.number({ error: 'a number' }),
      }),
    ],
    { error: (issue) => (issue.code === 'invalid_union' ? 'one of http, sql, prometheus' : 'a map with kind, …') },
  )
  .transform((check): HealthCheck => ({ ...check, name: check.name ?? defaultName(check) }));

const defaultName = (check: { kind: string; url?: unknown; query?: string }): string =>
  check.kind === 'http'
    ? `http ${typeof check.url === 'string' ? check.url : 'of the site'}`
    : `${check.kind}: ${check.query}`;

function isExpression(value: string): boolean {
  try {
    return new RegExp(value) !== undefined;
  } catch {
    return false;
  }
}
