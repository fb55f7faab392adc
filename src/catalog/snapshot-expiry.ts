import { putRecord, readRecord } from '#catalog/put-record';
import { type SnapshotExpiry, snapshotExpirySchema } from '#model/snapshot-expiry';
import { taskResultKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** `execution`: the name of one of the machine retention */
export const snapshotExpiryKey = (execution: string): string => taskResultKey('retention', execution, 'snapshots');

/** Put what goes before anything goes; what an earlier attempt has put stands, and is the answer. */
export async function putSnapshotExpiry(
  store: ObjectStore,
  key: string,
  expiry: SnapshotExpiry,
): Promise<SnapshotExpiry> {
  if (await putRecord(store, key, expiry)) return expiry;
  return (await readRecord(store, key, snapshotExpirySchema)) ?? expiry;
}
