import { createHash } from 'node:crypto';
import { z } from 'zod';
import { putRecord, readRecord } from '#catalog/put-record';
import { ObjectDamaged } from '#model/failure';
import { parseDataKeyContext, type WrappedKey, wrappedKeySchema, wrappingKeyName } from '#model/wrapped-key';
import { keysFolder, rewrapKey, rewrapsFolder } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

/*
 * A data key stays where it was stored when the backup or WAL was, wrapped by the key of that time. When it is wrapped
 * by another key later, that is one more object beside them; test/golden/rewrap.json pins it.
 */
export const rewrapSchema = z.strictObject({
  format: z.literal('lifeboat-rewrap/1'),
  /** what the data key is for */
  context: z.string(),
  /** SHA-256 (hexadecimal) of the text `wrapped` as it stands in the manifest or header */
  original: z.string().regex(/^[0-9a-f]{64}$/),
  /** the same data key, wrapped by another key */
  wrapped: wrappedKeySchema,
  at: z.iso.datetime(),
});
export type Rewrap = z.infer<typeof rewrapSchema>;

const originalOf = ({ wrapped }: WrappedKey): string => createHash('sha256').update(wrapped).digest('hex');

/** Names a stored data key: the folder of its re-wraps. */
export const wrapDigest = (original: WrappedKey): string => originalOf(original).slice(0, 32);

/** Whether it was stored; false: it was wrapped by this key before, or by somebody else just now. */
export function putRewrap(
  store: ObjectStore,
  { context, original, wrapped, at }: { context: string; original: WrappedKey; wrapped: WrappedKey; at: Date },
): Promise<boolean> {
  const { source } = parseDataKeyContext(context);
  return putRecord(store, rewrapKey(source, wrapDigest(original), wrappingKeyName(wrapped)), {
    format: 'lifeboat-rewrap/1',
    context,
    original: originalOf(original),
    wrapped,
    at: at.toISOString(),
  } satisfies Rewrap);
}

/** Where it stands what a data key was wrapped by later, the newest first: one listing. */
export async function rewrapKeys(store: ObjectStore, original: WrappedKey, context: string): Promise<string[]> {
  const found: StoredObject[] = [];
  const folder = rewrapsFolder(parseDataKeyContext(context).source, wrapDigest(original));
  for await (const object of store.list(folder)) found.push(object);
  return found.sort((a, b) => b.lastModified.getTime() - a.lastModified.getTime()).map(({ key }) => key);
}

/** undefined when there is none. @throws ObjectDamaged when it is about another data key */
export async function readRewrap(
  store: ObjectStore,
  key: string,
  original: WrappedKey,
  context: string,
): Promise<WrappedKey | undefined> {
  const rewrap = await readRecord(store, key, rewrapSchema);
  return rewrap && checked(rewrap, key, original, context);
}

/** By which keys each data key of a source was wrapped later: `wrappingKeyName`s by `wrapDigest`. */
export async function listRewraps(store: ObjectStore, source: string): Promise<Map<string, Set<string>>> {
  const names = new Map<string, Set<string>>();
  const folder = keysFolder(source);
  for await (const { key } of store.list(folder)) {
    const [, digest, name] = /^([0-9a-f]{32})\/([\w-]+)\.json$/.exec(key.slice(folder.length)) ?? [];
    if (digest === undefined || name === undefined) continue;
    const known = names.get(digest);
    if (known) known.add(name);
    else names.set(digest, new Set([name]));
  }
  return names;
}

function checked(rewrap: Rewrap, key: string, original: WrappedKey, context: string): WrappedKey {
  const named = key.endsWith(`/${wrappingKeyName(rewrap.wrapped)}.json`);
  if (named && rewrap.context === context && rewrap.original === originalOf(original)) return rewrap.wrapped;
  throw new ObjectDamaged(`${key} is about another data key than its name says`, {
    operation: 'read re-wrapped key',
    subject: key,
    hint: 'the object was changed or moved: delete it, and run `lifeboat rekey` again',
  });
}
