import { isDeepStrictEqual } from 'node:util';
import { checkObjects } from '#catalog/check-objects';
import { readCatalog, recordInCatalog } from '#catalog/projection';
import { type BackupId, backupId, isBackupId, parseBackupId } from '#model/backup-id';
import { InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import { type BackupSummary, type Manifest, parseManifest, printManifest, startTime, summarize } from '#model/manifest';
import { backupsFolder, catalogKey, manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const maxManifestBytes = 128 << 20;

/** The commit point. @throws ObjectDamaged when this backup was committed before */
export async function commitBackup(store: ObjectStore, manifest: Manifest, signal?: AbortSignal): Promise<void> {
  const key = manifestKey(manifest.source, manifest.backup);
  const body = Buffer.from(printManifest(manifest));
  const outcome = await store.put(key, body, { condition: 'absent', ...(signal ? { signal } : {}) });
  if (!outcome.stored) {
    throw new ObjectDamaged(`${key} exists already: backup ${manifest.backup} was committed by somebody else`, {
      operation: 'commit backup',
      subject: key,
      hint: 'two writers used the same backup id: look at the leases of this source',
    });
  }
}

/** Add a committed backup to the catalog, which then need not read its manifest. */
export async function catalogBackup(store: ObjectStore, manifest: Manifest): Promise<void> {
  await recordInCatalog(store, manifest.source, (known) => [...known, summarize(manifest)]);
}

/**
 * @throws InputInvalid when there is no such committed backup; ObjectMissing when there was one; ObjectDamaged when its
 * manifest is not one
 */
export async function readBackup(store: ObjectStore, source: string, id: BackupId): Promise<Manifest> {
  const key = manifestKey(source, id);
  const manifest = await readManifest(store, source, id);
  if (manifest) return manifest;
  if ((await readCatalog(store, source)).backups.some(({ backup }) => backup === id)) throw manifestGone(key);
  throw new InputInvalid('backup', id, `a committed backup of ${source}`, 'list them with `lifeboat backups`');
}

const manifestGone = (key: string): ObjectMissing =>
  new ObjectMissing(`${key} is gone, though the catalog knows this backup`, {
    operation: 'read manifest',
    subject: key,
    hint: 'it was deleted: bring it back, or run `lifeboat catalog rebuild` and restore from another backup',
  });

/**
 * The manifests of a recovery plan's chain. Plans are made from summaries that may come from the catalog; what is
 * restored are the manifests, so they have to say the same, and everything that they name has to be there.
 * @throws ObjectDamaged when it is not so; like readBackup and checkObjects
 */
export async function readChain(
  store: ObjectStore,
  source: string,
  chain: readonly BackupId[],
  planned: readonly BackupSummary[],
): Promise<Manifest[]> {
  const manifests = await Promise.all(chain.map((id) => readBackup(store, source, id)));
  for (const manifest of manifests) {
    const known = planned.find(({ backup }) => backup === manifest.backup);
    if (isDeepStrictEqual(summarize(manifest), { ...known })) continue;
    const key = manifestKey(source, manifest.backup);
    throw new ObjectDamaged(`${key} says otherwise than ${catalogKey(source)}`, {
      operation: 'read manifest',
      subject: key,
      hint: `see with \`lifeboat verify ${manifest.backup}\` whether the manifest is as it was written: then run \`lifeboat catalog rebuild\`, else restore from another backup`,
    });
  }
  await Promise.all(manifests.map((manifest) => checkObjects(store, manifest)));
  return manifests;
}

/** One folder below `<source>/backups/`: a committed backup, or what was left of one that never was. */
export type FoundBackup =
  | { state: 'committed'; id: BackupId; summary: BackupSummary }
  | { state: 'uncommitted'; id: BackupId }
  | { state: 'unreadable'; id: BackupId; failure: ObjectDamaged };

export interface WhichBackups {
  /** only those that began then or later: older ones are not even listed */
  begunSince?: Date;
}

/**
 * In the order of their ids, which is the order in which they began. One listing, and one read for each backup that
 * the catalog does not know yet.
 */
export async function findBackups(
  store: ObjectStore,
  source: string,
  { begunSince }: WhichBackups = {},
): Promise<FoundBackup[]> {
  const { backups } = await readCatalog(store, source);
  const known = new Map(backups.map((summary) => [summary.backup, summary]));
  const found: FoundBackup[] = [];
  const prefix = backupsFolder(source);
  const which = begunSince === undefined ? {} : { startAfter: prefix + backupId(begunSince, 'full').slice(0, -5) };
  for await (const folder of store.folders(prefix, which)) {
    const id = folder.slice(0, -1);
    if (!isBackupId(id)) continue;
    const summary = known.get(id);
    found.push(summary ? { state: 'committed', id, summary } : await look(store, source, id));
  }
  return found;
}

/** Backups that began this long before the newest one of the catalog are in it, or were never committed. */
const settledMs = 3 * 24 * 3600 * 1000;

/**
 * The committed backups by the word of the catalog, which only the newest are added to: a number of requests that does
 * not grow with their age. One that was deleted behind its back is still in it, which who reads its manifest finds.
 */
export async function knownBackups(store: ObjectStore, source: string): Promise<BackupSummary[]> {
  const { backups } = await readCatalog(store, source);
  const newest = backups.at(-1);
  if (!newest) return committedBackups(store, source);
  const since = new Date(startTime(newest).getTime() - settledMs);
  const settled = backups.filter((backup) => parseBackupId(backup.backup).startedAt < since);
  return [...settled, ...(await committedBackups(store, source, { begunSince: since }))];
}

export async function committedBackups(
  store: ObjectStore,
  source: string,
  which?: WhichBackups,
): Promise<BackupSummary[]> {
  const found = await findBackups(store, source, which);
  return found.flatMap((backup) => (backup.state === 'committed' ? [backup.summary] : []));
}

/** Make the catalog anew from the bucket alone. */
export async function rebuildCatalog(store: ObjectStore, source: string): Promise<FoundBackup[]> {
  const found: FoundBackup[] = [];
  for await (const folder of store.folders(backupsFolder(source))) {
    const id = folder.slice(0, -1);
    if (isBackupId(id)) found.push(await look(store, source, id));
  }
  const summaries = found.flatMap((backup) => (backup.state === 'committed' ? [backup.summary] : []));
  await recordInCatalog(store, source, () => summaries);
  return found;
}

async function look(store: ObjectStore, source: string, id: BackupId): Promise<FoundBackup> {
  try {
    const manifest = await readManifest(store, source, id);
    return manifest ? { state: 'committed', id, summary: summarize(manifest) } : { state: 'uncommitted', id };
  } catch (failure) {
    if (failure instanceof ObjectDamaged) return { state: 'unreadable', id, failure };
    throw failure;
  }
}

async function readManifest(store: ObjectStore, source: string, id: BackupId): Promise<Manifest | undefined> {
  const key = manifestKey(source, id);
  try {
    const bytes = await readObject(store, key, { maxBytes: maxManifestBytes });
    const manifest = parseManifest(bytes.toString('utf8'), key);
    if (manifest.source === source && manifest.backup === id) return manifest;
    throw new ObjectDamaged(`${key} is the manifest of ${manifest.source}/${manifest.backup}`, {
      operation: 'read manifest',
      subject: key,
      hint: 'the object was replaced: restore from another backup, and take a new full backup now',
    });
  } catch (failure) {
    if (failure instanceof ObjectMissing) return undefined;
    throw failure;
  }
}
