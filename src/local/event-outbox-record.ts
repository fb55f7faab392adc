import { z } from 'zod';
import type { PutRecord } from '#runtime/announce-puts';

/**
 * A file of the outbox, in lines of JSON: what its writer said (announce-puts.ts), and one line for each time that the
 * delivery failed, the last of which counts.
 */
export interface OutboxRecord {
  put: PutRecord;
  tries: DeliveryTries;
}

export interface DeliveryTries {
  tries: number;
  /** when the first of them was */
  since: string | null;
  /** the rules whose targets have taken the event */
  taken: string[];
  /** what the last one failed with */
  failure: string | null;
}

export const neverTried: DeliveryTries = { tries: 0, since: null, taken: [], failure: null };

/** undefined when this is none; what was torn at the end by a crash was never said. */
export function parseOutboxRecord(text: string): OutboxRecord | undefined {
  const [first = '', ...others] = text.split('\n');
  const put = putSchema.safeParse(parseJson(first));
  if (!put.success) return undefined;
  const tries = others.flatMap((line) => triesSchema.safeParse(parseJson(line)).data ?? []);
  return { put: put.data, tries: tries.at(-1) ?? neverTried };
}

/** To be appended. A line that was torn before it ends here. */
export const printTries = (tries: DeliveryTries): string => `\n${JSON.stringify(tries)}\n`;

const putSchema: z.ZodType<PutRecord> = z.object({
  format: z.literal('lifeboat-put/1'),
  bucket: z.string(),
  key: z.string().min(1),
  writer: z.object({ host: z.string(), pid: z.int().positive() }),
  object: z.object({ size: z.int().nonnegative(), etag: z.string(), lastModified: z.iso.datetime() }).exactOptional(),
});

const triesSchema: z.ZodType<DeliveryTries> = z.object({
  tries: z.int().nonnegative(),
  since: z.iso.datetime().nullable(),
  taken: z.array(z.string()),
  failure: z.string().nullable(),
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
