import type pg from 'pg';
import { catalogBackup, commitBackup, committedBackups } from '#catalog/backups';
import { chooseParent } from '#catalog/choose-parent';
import { type BackupKind, backupId } from '#model/backup-id';
import { type Failure, ObjectDamaged, ObjectMissing, ServerError } from '#model/failure';
import { formatLsn, type Lsn } from '#model/lsn';
import { type BackupSummary, type Manifest, sealedClaims } from '#model/manifest';
import type { Timeline } from '#model/timeline';
import type { WrappedKey } from '#model/wrapped-key';
import { writeIndex } from '#pipeline/backup-index';
import type { KeyRing } from '#pipeline/data-key';
import { run } from '#pipeline/run';
import type { BaseBackupStart } from '#postgres/base-backup';
import { type ServerFacts, ServerQueries } from '#postgres/server-facts';
import { openBackup } from '#recovery/open-backup';
import { backupObjectKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { BackupObjects } from './backup-objects.ts';
import { clearLeftovers } from './clear-leftovers.ts';
import { type Copied, copyCluster } from './copy-cluster.ts';

export interface BaseBackupWork {
  source: string;
  kind: BackupKind;
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
  connection: pg.ClientConfig;
  level: number;
  lanes: number;
  wal: WalCover;
  requestedBy: string;
  execution: string | null;
  startedAt: Date;
  signal: AbortSignal;
  onProgress(progress: BackupProgress): void;
  /** something that a person should know, though the backup is good */
  onWarning(text: string): void;
}

export interface WalPoint {
  lsn: Lsn;
  timeline: Timeline;
}

/** Who sees to it that the WAL between a backup's start and its stop is stored. */
export interface WalCover {
  /** Called before the backup starts: from then on the server keeps its WAL for us. */
  prepare(server: ServerFacts, signal: AbortSignal): Promise<void>;
  /** Settles when the WAL from `start` to `stop`, which becomes known later, is stored. */
  cover(start: WalPoint, stop: Promise<WalPoint>, signal: AbortSignal): Promise<void>;
}

export interface BackupProgress {
  phase: 'checkpoint' | 'copy' | 'wal' | 'commit';
  doneBytes: number;
  /** the server's estimate; 0 when it is not known yet */
  totalBytes: number;
}

export interface BaseBackupResult {
  manifest: Manifest;
  /** why a full backup was taken where an incremental one was asked for */
  fallback: string | undefined;
}

/** Takes one base backup. It is committed when this settles, and nothing of it counts when this rejects. */
export async function takeBaseBackup(work: BaseBackupWork): Promise<BaseBackupResult> {
  const queries = await ServerQueries.open(work.connection);
  try {
    const server = await queries.facts();
    if (work.kind === 'full') return { manifest: await attempt(work, server, queries, undefined), fallback: undefined };
    const choice = chooseParent(await committedBackups(work.store, work.source), {
      ...server,
      encrypted: work.keyRing !== undefined,
    });
    if ('reason' in choice) return await fullInstead(work, server, queries, choice.reason);
    try {
      return { manifest: await attempt(work, server, queries, choice.parent), fallback: undefined };
    } catch (failure) {
      if (!isSummaryMissing(failure) && !isParentDamaged(failure, work.source, choice.parent)) throw failure;
      return await fullInstead(work, server, queries, failure.message);
    }
  } finally {
    await queries.close();
  }
}

/** object_not_in_prerequisite_state: no summaries for the WAL since the parent, or a timeline it is not on. */
const isSummaryMissing = (failure: unknown): failure is ServerError =>
  failure instanceof ServerError && failure.sqlState === '55000';

/** What the server has to be given of the parent is not there as it was written: then its child would not be, either. */
const isParentDamaged = (failure: unknown, source: string, parent: BackupSummary): failure is Failure =>
  (failure instanceof ObjectDamaged || failure instanceof ObjectMissing) &&
  failure.subject === backupObjectKey(source, parent.backup, parent.serverManifest.name);

async function fullInstead(work: BaseBackupWork, server: ServerFacts, queries: ServerQueries, reason: string) {
  return { manifest: await attempt({ ...work, kind: 'full' }, server, queries, undefined), fallback: reason };
}

async function attempt(
  work: BaseBackupWork,
  server: ServerFacts,
  queries: ServerQueries,
  parent: BackupSummary | undefined,
): Promise<Manifest> {
  const { source, store, keyRing, onProgress } = work;
  const id = backupId(work.startedAt, work.kind);
  const key = await keyRing?.create(`${source}/${id}`);
  const objects = new BackupObjects(store, { source, id, dataKey: key?.dataKey });
  const startTime = await queries.clock();
  const { copied, stopTime } = await copyWithWal(work, objects, server, queries, parent);
  const draft = describe({ work, server, parent, copied, startTime, stopTime, wrapped: key?.wrapped });
  onProgress({ phase: 'commit', doneBytes: draft.rawBytes, totalBytes: draft.rawBytes });
  const lines = writeIndex(sealedClaims(draft), copied.parts);
  const index = await objects.putContainer('index', lines, work.level, work.signal);
  const manifest: Manifest = { ...draft, index, storedBytes: draft.storedBytes + index.storedBytes };
  work.signal.throwIfAborted();
  await commitBackup(store, manifest);
  await catalogBackup(store, manifest).catch((failure: Error) => {
    work.onWarning(`the backup is committed, but the catalog could not be brought up to date: ${failure.message}`);
  });
  await clearLeftovers(store, work);
  return manifest;
}

/** The copy, and beside it the WAL that it needs: the one is worth nothing without the other. */
async function copyWithWal(
  work: BaseBackupWork,
  objects: BackupObjects,
  server: ServerFacts,
  queries: ServerQueries,
  parent: BackupSummary | undefined,
): Promise<{ copied: Copied; stopTime: Date }> {
  const { source, store, keyRing, wal, onProgress } = work;
  const [outcome] = await run(work.signal, (signal) => {
    const begun = Promise.withResolvers<BaseBackupStart>();
    const prepared = wal.prepare(server, signal);
    const copy = prepared.then(async () => {
      onProgress({ phase: 'checkpoint', doneBytes: 0, totalBytes: 0 });
      let totalBytes = 0;
      const copied = await copyCluster({
        connection: work.connection,
        label: `lifeboat ${source} ${backupId(work.startedAt, work.kind)}`,
        objects,
        level: work.level,
        lanes: work.lanes,
        parentManifest: parent && openBackup({ store, keyRing }, { ...parent, parts: [] }).serverManifest(),
        signal,
        onStart(start) {
          totalBytes = start.estimatedBytes;
          begun.resolve(start);
        },
        onBytes: (doneBytes) => onProgress({ phase: 'copy', doneBytes, totalBytes }),
      });
      // Not earlier than the stop position was reached: no time before this is promised to be restorable.
      const stopTime = await queries.clock();
      onProgress({ phase: 'wal', doneBytes: totalBytes, totalBytes });
      return { copied, stopTime };
    });
    const stop = copy.then(({ copied }) => ({ lsn: copied.end.stopLsn, timeline: copied.end.timeline }));
    stop.catch(() => undefined); // `copy` is the stage that reports it
    const started = Promise.race([begun.promise, copy.then(() => begun.promise)]);
    const cover = started.then((start) => wal.cover({ lsn: start.startLsn, timeline: start.timeline }, stop, signal));
    return [copy, cover];
  });
  return outcome;
}

interface Description {
  work: BaseBackupWork;
  server: ServerFacts;
  parent: BackupSummary | undefined;
  copied: Copied;
  startTime: Date;
  stopTime: Date;
  wrapped: WrappedKey | undefined;
}

/** The manifest, but for the index, which repeats its claims and so is written after it. */
function describe(description: Description): Manifest {
  const { work, server, parent, copied, startTime, stopTime, wrapped } = description;
  const { start, end, parts, serverManifest } = copied;
  return {
    format: 'lifeboat/1',
    source: work.source,
    backup: backupId(work.startedAt, work.kind),
    kind: work.kind,
    parent: parent?.backup ?? null,
    server: {
      version: server.version,
      major: server.major,
      systemId: server.systemId,
      segmentSize: server.segmentSize,
      blockSize: server.blockSize,
      dataChecksums: server.dataChecksums,
      superuser: server.superuser,
    },
    start: { lsn: formatLsn(start.startLsn), timeline: start.timeline, time: startTime.toISOString() },
    stop: { lsn: formatLsn(end.stopLsn), timeline: end.timeline, time: stopTime.toISOString() },
    tablespaces: start.tablespaces,
    parts: parts.map(({ name, archive, part, rawBytes, storedBytes, sha256 }) => ({
      name,
      archive,
      part,
      rawBytes,
      storedBytes,
      sha256,
    })),
    index: { name: 'index', storedBytes: 0, sha256: '' },
    serverManifest,
    rawBytes: sum(parts.map((part) => part.rawBytes)),
    storedBytes: sum(parts.map((part) => part.storedBytes)) + serverManifest.storedBytes,
    compression: { codec: 'zstd', level: work.level },
    encryption: wrapped ? { cipher: 'aes-256-gcm', key: wrapped } : null,
    finishedAt: stopTime.toISOString(),
    requestedBy: work.requestedBy,
    execution: work.execution,
  };
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
