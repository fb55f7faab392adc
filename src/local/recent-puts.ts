import { walSystems } from '#catalog/systems';
import { backupId, isBackupId } from '#model/backup-id';
import { backupsFolder, manifestKey, systemFolder } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

/** For each folder of WAL a key up to which nothing is looked at any more. */
export type SweepMarks = Record<string, string>;

export interface RecentPuts {
  objects: StoredObject[];
  marks: SweepMarks;
}

/**
 * The manifests and the WAL of a source that were stored since `since`. WAL is stored in the order of its keys, or
 * nearly so: the marks move over what was stored before `settled`, and what lies before them is not listed again. So
 * this costs some requests for a source, and one for a thousand objects that are newer than the marks.
 */
export async function recentPuts(
  store: ObjectStore,
  source: string,
  { since, settled, marks, signal }: { since: Date; settled: Date; marks: SweepMarks; signal: AbortSignal },
): Promise<RecentPuts> {
  const objects = await recentManifests(store, source, since, signal);
  const found: RecentPuts = { objects, marks: {} };
  for (const system of await walSystems(store, source, signal)) {
    const folder = systemFolder(source, system);
    for await (const element of store.folders(folder, { signal })) {
      const timeline = folder + element;
      await addTimeline(found, { store, timeline, since, settled, mark: marks[timeline], signal });
      const history = await store.head(`${timeline.slice(0, -1)}.history`, { signal });
      if (history && history.lastModified >= since) found.objects.push(history);
    }
  }
  return found;
}

/** A backup is put together in less time than this. */
const longestBackupMs = 7 * 24 * 3_600_000;

async function recentManifests(
  store: ObjectStore,
  source: string,
  since: Date,
  signal: AbortSignal,
): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  const oldest = backupId(new Date(since.getTime() - longestBackupMs), 'full');
  const startAfter = `${backupsFolder(source)}${oldest}`;
  for await (const folder of store.folders(backupsFolder(source), { startAfter, signal })) {
    const id = folder.slice(0, -1);
    const manifest = isBackupId(id) ? await store.head(manifestKey(source, id), { signal }) : undefined;
    if (manifest && manifest.lastModified >= since) found.push(manifest);
  }
  return found;
}

async function addTimeline(
  found: RecentPuts,
  { store, timeline, since, settled, mark, signal }: TimelineSweep,
): Promise<void> {
  let reached = mark;
  let isSettled = true;
  for await (const object of store.list(timeline, { signal, ...(mark === undefined ? {} : { startAfter: mark }) })) {
    isSettled &&= object.lastModified < settled;
    if (isSettled) reached = object.key;
    if (object.lastModified >= since) found.objects.push(object);
  }
  if (reached !== undefined) found.marks[timeline] = reached;
}

interface TimelineSweep {
  store: ObjectStore;
  /** its folder */
  timeline: string;
  since: Date;
  settled: Date;
  mark: string | undefined;
  signal: AbortSignal;
}
