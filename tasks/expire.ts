import { removeDumps } from '#catalog/dumps';
import { expiredWal, forgetExpiredWal } from '#catalog/expire-wal';
import { forgetBackups } from '#catalog/forget-backups';
import { versionOf } from '#catalog/verified';
import { type BackupId, isBackupId } from '#model/backup-id';
import { type DumpId, isDumpId } from '#model/dump-id';
import type { ExpireResult, RetentionPlan, WalRule } from '#model/retention-record';
import {
  backupFolder,
  dumpFolder,
  dumpManifestKey,
  dumpProofsFolder,
  manifestKey,
  proofsFolder,
  rewrapsFolder,
  verificationsFolder,
  verifiedFolder,
  verifiedKey,
} from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { deleteObjects, type Expired, objectsBelow } from './delete-objects.ts';

export interface ExpireWork {
  store: ObjectStore;
  /** what was decided, and still holds */
  plan: RetentionPlan;
  /** of data keys, by the backup or dump that they belong to: what rekeying has put for them goes, too */
  keyDigests: ReadonlyMap<string, string>;
  /** aborted: nothing more is deleted */
  signal: AbortSignal;
  onProgress(phase: ExpirePhase, bytes: number): void;
}

export type ExpirePhase = 'manifests' | 'parts' | 'wal';

export type Expiry = Pick<ExpireResult, 'backups' | 'dumps' | 'leftovers' | 'wal' | 'records' | 'objects' | 'bytes'>;

/*
 * What a plan names is deleted in two steps:
 *
 *     projections → manifests, the newest first
 *     the rest of each backup: records, keys, then parts → projection of WAL → WAL, each piece after its record
 *
 * However it is interrupted, a backup whose manifest is there has all that it needs: parents go after those that build on
 * them, and WAL after the backups that it is for. What is half gone looks like what was never committed, which the next
 * plan names; so its parts go last. Done again it goes on, and counts what it deletes itself.
 */

/** The first step, while nobody backs the source up: from then on nothing of it is a backup or a dump. */
export async function expireManifests(work: ExpireWork): Promise<Expiry> {
  const { store, plan } = work;
  const counted: Expiry = {
    ...{ backups: [], dumps: [], leftovers: [], wal: { pieces: 0, chunks: 0 } },
    ...{ records: 0, objects: 0, bytes: 0 },
  };
  await forgetAll(store, plan);
  await deleteManifests(work, counted);
  // an event that came late may have brought one back meanwhile: from now on there is no manifest that it could read
  await forgetAll(store, plan);
  return counted;
}

/** The second one: what nobody looks for any more. Adds to what was counted. */
export async function expireRest(work: ExpireWork, counted: Expiry): Promise<void> {
  const { store, plan } = work;
  await deleteRest(work, counted);
  await forgetExpiredWal(store, plan);
  for (const rule of plan.wal) {
    const deleted = await deleteCounted(work, 'wal', counted, walOf(work, rule, counted));
    counted.records += deleted / 2; // each piece came with its record
  }
}

const idsOf = ({ goes }: RetentionPlan): (BackupId | DumpId)[] => goes.map(({ id }) => id).sort();

async function forgetAll(store: ObjectStore, plan: RetentionPlan): Promise<void> {
  const ids = idsOf(plan);
  const dumps = ids.filter(isDumpId);
  await forgetBackups(store, plan.source, ids.filter(isBackupId));
  if (dumps.length > 0) await removeDumps(store, plan.source, dumps);
}

/** One after the other: an incremental backup goes before its parent does. */
async function deleteManifests({ store, plan, signal, onProgress }: ExpireWork, counted: Expiry): Promise<void> {
  for (const id of idsOf(plan).toReversed()) {
    signal.throwIfAborted();
    const key = isDumpId(id) ? dumpManifestKey(plan.source, id) : manifestKey(plan.source, id);
    const stored = await store.head(key);
    if (!stored) continue;
    await store.delete(key);
    counted.objects += 1;
    counted.bytes += stored.size;
    if (isDumpId(id)) counted.dumps.push(id);
    else counted.backups.push(id);
    onProgress('manifests', counted.bytes);
  }
  counted.backups.sort();
  counted.dumps.sort();
}

/** One backup or dump after the other, and of each its parts once nothing else of it is left. */
async function deleteRest(work: ExpireWork, counted: Expiry): Promise<void> {
  const { store, plan, keyDigests } = work;
  const leftovers = new Set<string>(plan.goes.flatMap(({ id, what }) => (what === 'leftover' ? [id] : [])));
  for (const id of idsOf(plan)) {
    for (const folder of foldersAbout(plan.source, id, keyDigests.get(id))) {
      counted.records += await deleteCounted(work, 'parts', counted, objectsBelow(store, folder));
    }
    const folder = isDumpId(id) ? dumpFolder(plan.source, id) : backupFolder(plan.source, id);
    const parts = await deleteCounted(work, 'parts', counted, objectsBelow(store, folder));
    if (leftovers.has(id) && parts > 0) counted.leftovers.push(id);
  }
}

/** What was recorded of one backup or dump, and of nothing else. */
function foldersAbout(source: string, id: BackupId | DumpId, keyDigest: string | undefined): string[] {
  const records = isDumpId(id)
    ? [`${dumpProofsFolder(source)}${id}/`, `${verifiedFolder(source)}dumps/${id}/`]
    : [
        `${verificationsFolder(source)}${id}/`,
        `${proofsFolder(source)}${id}/`,
        `${verifiedFolder(source)}backups/${id}/`,
      ];
  return keyDigest === undefined ? records : [...records, rewrapsFolder(source, keyDigest)];
}

async function* walOf(
  { store, plan }: ExpireWork,
  rule: WalRule,
  counted: Expiry,
): AsyncGenerator<Expired & { records: [string] }> {
  for await (const { what, object } of expiredWal(store, plan, rule)) {
    const { key, size, etag } = object;
    counted.wal[what === 'chunk' ? 'chunks' : 'pieces'] += 1;
    yield { key, sizeBytes: size, records: [verifiedKey(plan.source, key, versionOf(etag))] };
  }
}

/** Answers how many objects it deleted, those that came with others included. */
async function deleteCounted(
  { store, signal, onProgress }: ExpireWork,
  phase: ExpirePhase,
  counted: Expiry,
  expired: AsyncIterable<Expired>,
): Promise<number> {
  let count = 0;
  const onDeleted = (objects: number, bytes: number) => {
    count += objects;
    counted.objects += objects;
    counted.bytes += bytes;
    onProgress(phase, counted.bytes);
  };
  await deleteObjects({ store, signal, onDeleted }, expired);
  return count;
}
