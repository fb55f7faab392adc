import { putRecord, readRecord } from '#catalog/put-record';
import { type BackupId, isBackupId } from '#model/backup-id';
import { type DumpId, isDumpId } from '#model/dump-id';
import { StoreUnavailable } from '#model/failure';
import { type Hold, holdSchema } from '#model/retention-record';
import { holdKey, holdsFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** Hold a backup or dump, or release it. Nothing that was said before is changed: the newest record counts. Answers its key. */
export async function putHold(store: ObjectStore, given: Hold): Promise<string> {
  const hold = holdSchema.parse(given);
  // two people may say so in the same millisecond
  for (let later = 0; later < 100; later++) {
    const key = holdKey(hold.source, hold.id, new Date(Date.parse(hold.at) + later));
    if (await putRecord(store, key, hold)) return key;
  }
  const key = holdKey(hold.source, hold.id, new Date(hold.at));
  throw new StoreUnavailable(`${key}: there are records at the next 100 milliseconds already`, {
    operation: 'put record',
    subject: key,
  });
}

/**
 * What is held now, by id. One listing, and one read for each that was ever held.
 * @throws ObjectDamaged for a record that is none: nobody knows then whether it holds
 */
export async function readHolds(store: ObjectStore, source: string, now: Date): Promise<Hold[]> {
  const newest = new Map<BackupId | DumpId, string>();
  const folder = holdsFolder(source);
  // of one id the keys come in the order of time
  for await (const { key } of store.list(folder)) {
    const [id = ''] = key.slice(folder.length).split('/');
    if ((isBackupId(id) || isDumpId(id)) && key.endsWith('.json')) newest.set(id, key);
  }
  const holds = await Promise.all([...newest.values()].map((key) => readRecord(store, key, holdSchema)));
  return holds.filter((hold) => hold !== undefined && isInForce(hold, now)) as Hold[];
}

const isInForce = ({ state, until }: Hold, now: Date): boolean =>
  state === 'held' && (until === null || now < new Date(until));
