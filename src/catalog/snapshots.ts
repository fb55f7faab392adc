import { z } from 'zod';
import { putRecord, readRecord } from '#catalog/put-record';
import { snapshotKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const snapshotSchema = z.strictObject({
  format: z.literal('lifeboat-snapshot/1'),
  source: z.string(),
  /** its identifier in RDS */
  snapshot: z.string(),
  arn: z.string(),
  database: z.strictObject({ type: z.enum(['instance', 'cluster']), id: z.string() }),
  engine: z.string(),
  engineVersion: z.string(),
  sizeGiB: z.number(),
  encrypted: z.boolean(),
  createdAt: z.iso.datetime(),
  copies: z.array(z.strictObject({ region: z.string(), arn: z.string() })),
  requestedBy: z.string(),
  execution: z.string(),
});
/** A snapshot as it was when it was there, and its copies, too. */
export type SnapshotRecord = z.infer<typeof snapshotSchema>;

/** Once and for all; who is second gets the first one's record. */
export async function recordSnapshot(store: ObjectStore, record: SnapshotRecord): Promise<SnapshotRecord> {
  const key = snapshotKey(record.source, record.snapshot);
  if (await putRecord(store, key, record)) return record;
  return (await readRecord(store, key, snapshotSchema)) ?? record;
}
