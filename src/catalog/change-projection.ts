import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { ObjectMissing, StoreUnavailable } from '#model/failure';
import type { ObjectStore } from '#store/object-store';

/** An object that only saves reads: what it says can be derived again from what was written once. */
export interface Projection<T> {
  key: string;
  schema: z.ZodType<T>;
  /** when there is none, or when it is not one */
  empty: T;
}

const tries = 40;

export async function readProjection<T>(store: ObjectStore, projection: Projection<T>): Promise<T> {
  return (await read(store, projection)).content;
}

/**
 * Change it as one step, however many do so at once: `change` is asked again when somebody was faster, so it must add to
 * what it is given. What it leaves as it was is not stored. Answers the content that is stored now.
 * @throws StoreUnavailable when others are faster every time
 */
export async function changeProjection<T>(
  store: ObjectStore,
  projection: Projection<T>,
  change: (content: T) => T | Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const { content, etag } = await read(store, projection);
    const changed = await change(content);
    if (etag !== undefined && isDeepStrictEqual(changed, content)) return content;
    const body = Buffer.from(`${JSON.stringify(changed)}\n`);
    const outcome = await store.put(projection.key, body, { condition: etag === undefined ? 'absent' : { etag } });
    if (outcome.stored) return changed;
    await sleep(Math.random() * Math.min(500, 5 * 2 ** attempt));
  }
  throw new StoreUnavailable(`${projection.key} was changed by others ${tries} times in a row`, {
    operation: 'change projection',
    subject: projection.key,
  });
}

async function read<T>(
  store: ObjectStore,
  { key, schema, empty }: Projection<T>,
): Promise<{ content: T; etag: string | undefined }> {
  try {
    const { object, body } = await store.get(key);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    return { content: parse(Buffer.concat(chunks).toString('utf8'), schema) ?? empty, etag: object.etag };
  } catch (failure) {
    if (failure instanceof ObjectMissing) return { content: empty, etag: undefined };
    throw failure;
  }
}

function parse<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // it can be derived again
  }
}
