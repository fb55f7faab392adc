import { createHash } from 'node:crypto';
import { z } from 'zod';
import { putRecord, readRecord } from '#catalog/put-record';
import { verifiedFolder, verifiedKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const lsnText = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const instant = z.iso.datetime();
const systemId = z.string().regex(/^\d{1,20}$/);
const timeline = z.number().int().positive();

/** A piece of WAL, as its header says and its bytes were found. */
const walPieceSchema = z.strictObject({
  systemId,
  timeline,
  segmentSize: z.number().int(),
  start: lsnText,
  end: lsnText,
  /** the server's clock when it sent the last byte */
  time: instant,
  /** of the last commit in it; null: none was found in it */
  commitTime: instant.nullable(),
});
export type WalPiece = z.infer<typeof walPieceSchema>;

const historySchema = z.strictObject({
  systemId,
  timeline,
  ancestors: z.array(z.strictObject({ timeline, switchpoint: lsnText, reason: z.string() })),
});

/** What reading one object back said. Each generation of an object is read back once. */
const verifiedSchema = z.strictObject({
  format: z.literal('lifeboat-verified/1'),
  source: z.string(),
  key: z.string(),
  /** names the generation that was read */
  version: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  storedAt: instant,
  ok: z.boolean(),
  /** what is wrong, in words */
  damage: z.array(z.string()),
  /** of a segment or chunk; null: it is something else, or damaged */
  wal: walPieceSchema.nullable(),
  /** of a history file; null: it is something else, or damaged */
  history: historySchema.nullable(),
  at: instant,
});
export type VerifiedObject = z.infer<typeof verifiedSchema>;

/** Of an etag, which may hold any characters. */
export const versionOf = (etag: string): string =>
  createHash('sha256').update(etag.replace(/^"|"$/g, '')).digest('hex').slice(0, 16);

/** Record it; answers the record that counts, which is another one's where that was first. */
export async function putVerified(store: ObjectStore, record: VerifiedObject): Promise<VerifiedObject> {
  const stored = verifiedSchema.parse(record);
  if (await putRecord(store, verifiedKey(record.source, record.key, record.version), stored)) return stored;
  return (await readVerified(store, record.source, record.key, record.version)) ?? stored;
}

export const readVerified = (
  store: ObjectStore,
  source: string,
  key: string,
  version: string,
): Promise<VerifiedObject | undefined> => readRecord(store, verifiedKey(source, key, version), verifiedSchema);

/** All records of a source. */
export async function* allVerified(store: ObjectStore, source: string): AsyncGenerator<VerifiedObject> {
  for await (const { key } of store.list(verifiedFolder(source))) {
    const record = await readRecord(store, key, verifiedSchema);
    if (record) yield record;
  }
}
