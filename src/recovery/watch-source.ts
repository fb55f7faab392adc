import { setTimeout as sleep } from 'node:timers/promises';
import { readDumpCatalog } from '#catalog/dumps';
import type { StoredWal } from '#catalog/exposure';
import { keepExposure, type MeasuredExposure, readExposure } from '#catalog/exposure';
import { readCatalog } from '#catalog/projection';
import { readStanding } from '#catalog/standing';
import { followStoredWal, type StoredReach, storedReach } from '#catalog/stored-wal';
import { versionOf } from '#catalog/verified';
import { type DamagedObject, forgetDamaged, type VerifiedWal, verifiedInventory } from '#catalog/wal-projection';
import { dumpFindings } from '#model/dump-findings';
import type { ServerState } from '#model/exposure';
import { type FindingChanges, findingChanges } from '#model/finding-changes';
import { hasLasted, type LastingTroubles, lastingTroubles } from '#model/lasting-trouble';
import { formatLsn, lsn } from '#model/lsn';
import { type BackupSummary, startLsn, startTime } from '#model/manifest';
import type { PostgresSource } from '#model/postgres-source';
import { forecastRto } from '#model/recovery-time';
import type { Standing } from '#model/standing';
import { findingsOf, type Measured } from '#model/watch-findings';
import { chainOf } from '#recovery/chain';
import { type Loss, measureLoss } from '#recovery/measure-loss';
import { summarizeSource } from '#recovery/summarize-source';
import type { ObjectStore } from '#store/object-store';

/** A server that was asked where it is, or why it could not be. */
export type AskedServer =
  | (Extract<ServerState, { state: 'reachable' }> & { segmentSize: number })
  | { state: 'unreachable'; why: string };

export interface WatchWork {
  store: ObjectStore;
  source: PostgresSource;
  askServer(): Promise<AskedServer>;
  now(): Date;
  pause?(ms: number): Promise<void>;
  /** Tells people what is new and what is over, before it is kept that they know. */
  tell(changes: FindingChanges): Promise<void>;
}

export interface WatchedSource {
  measured: MeasuredExposure;
  changes: FindingChanges;
  /** undefined: there is none */
  lastBackupAt: Date | undefined;
}

/**
 * Measure what would be lost and how long a recovery would take, and find what is not as it should be. What goes on is
 * told once. A watch that dies between telling and keeping tells once more, under the same keys.
 */
export async function watchSource(work: WatchWork): Promise<WatchedSource> {
  const { store, source } = work;
  const [before, { backups }, { dumps }, server] = await Promise.all([
    readExposure(store, source.name),
    readCatalog(store, source.name),
    readDumpCatalog(store, source.name),
    work.askServer(),
  ]);
  const now = work.now();
  const { backups: standings, drills } = await readStanding(store, source.name, backups);
  const loss = await measureLoss({
    ...{ store, source, now: work.now, pause: work.pause ?? (async (ms) => void (await sleep(ms))) },
    backups: usable(backups, standings),
    server: server.state === 'reachable' ? server : { ...server, lastUp: instantOf(before?.lastUp) },
    coveredAt: instantOf(before?.coveredAt),
  });
  const tracked = await trackStored(store, source.name, { before, now, wal: loss.wal, backups, server });
  const troubles = lastingTroubles(before && troublesOf(before), {
    now,
    server: server.state === 'reachable' ? server : undefined,
    stored: tracked?.reach && { timeline: tracked.reach.timeline, end: tracked.reach.end },
    gapAfter: tracked?.reach?.gap?.at,
  });
  const rto = forecastRto(drills, todaysWork(backups, loss), now);
  const watchedSince = before && before.watchedSince < now.toISOString() ? before.watchedSince : now.toISOString();
  const ofBackups = findingsOf({
    ...{ source, now, standings, rto, watchedSince: new Date(watchedSince), exposure: loss.exposure },
    exposedSince: loss.reach?.asOf.toISOString() ?? null,
    backups: backups.map(takenBackup),
    damaged: await stillDamaged(store, source.name, loss.wal.damaged),
    ...lasting(troubles, tracked?.reach, server, source, now),
  });
  const ofDumps = dumpFindings({ source, dumps, watchedSince: new Date(watchedSince), now });
  const found = [...ofBackups, ...ofDumps];
  const changes = findingChanges(before?.findings ?? [], found, server.state === 'reachable' ? [] : ['receiver-still']);
  const clock = server.state === 'reachable' ? server.clock.toISOString() : undefined;
  const measured: MeasuredExposure = {
    ...{ format: 'lifeboat-exposure/1', at: now.toISOString(), watchedSince },
    lossMs: loss.exposure.lossMs,
    reason: loss.exposure.reason,
    tier: source.tier ?? null,
    rto: rto ?? null,
    verified: describeReach(loss),
    server: describeServer(server, troubles),
    lastUp: clock ?? before?.lastUp ?? null,
    coveredAt: (loss.covered ? clock : undefined) ?? before?.coveredAt ?? null,
    stored: tracked?.stored ?? before?.stored ?? null,
    behind: troubles.behind,
    gap: troubles.gap,
    findings: changes.current,
    summary: summarizeSource({ backups, standings, usable: usable(backups, standings), ...loss }),
  };
  if (changes.raised.length + changes.ended.length > 0) await work.tell(changes);
  await keepExposure(store, source.name, measured);
  const newest = backups.at(-1);
  return { measured, changes, lastBackupAt: newest && new Date(newest.finishedAt) };
}

const instantOf = (text: string | null | undefined): Date | undefined => (text ? new Date(text) : undefined);

/** What is broken cannot be restored, so it protects from nothing. */
function usable(backups: readonly BackupSummary[], standings: readonly Standing[]): BackupSummary[] {
  return backups.filter((_, index) => standings[index]?.state !== 'broken');
}

function takenBackup(backup: BackupSummary): Measured['backups'][number] {
  return {
    backup: backup.backup,
    kind: backup.kind,
    startedAt: startTime(backup),
    finishedAt: new Date(backup.finishedAt),
  };
}

interface Tracked {
  stored: StoredWal;
  reach: StoredReach | undefined;
}

interface TrackFacts {
  before: MeasuredExposure | undefined;
  now: Date;
  wal: VerifiedWal;
  backups: readonly BackupSummary[];
  server: AskedServer;
}

/** WAL that is stored from the newest backup on; without a backup, of what the server writes from now on. */
async function trackStored(
  store: ObjectStore,
  source: string,
  { before, now, wal, backups, server }: TrackFacts,
): Promise<Tracked | undefined> {
  // what somebody deleted is only seen by who lists everything once more
  const known = before && hourOf(new Date(before.at)) === hourOf(now) ? before.stored : null;
  const newest = backups.findLast((one) => server.state === 'unreachable' || one.server.systemId === server.systemId);
  const from = newest ? startLsn(newest) : server.state === 'reachable' ? server.flushed : undefined;
  const system = newest?.server ?? (server.state === 'reachable' ? server : undefined);
  if (from === undefined || !system) return undefined;
  const { systemId, segmentSize } = system;
  const start = newest ? from : lsn(from - (from % BigInt(segmentSize)));
  const stored = await followStoredWal(store, known, { source, systemId, segmentSize, from: start });
  const histories = verifiedInventory(wal, source, systemId)?.histories ?? new Map();
  const reach = storedReach(stored, source, histories, start);
  // without a backup nothing has to be reached from anywhere
  return { stored, reach: reach && (newest ? reach : { ...reach, gap: undefined }) };
}

const hourOf = (at: Date): number => Math.floor(at.getTime() / 3_600_000);

/** Those that are there in the generation that was damaged; the others are taken off the list. */
async function stillDamaged(
  store: ObjectStore,
  source: string,
  damaged: readonly DamagedObject[],
): Promise<DamagedObject[]> {
  const there = await Promise.all(
    damaged.map(async ({ key, version }) => {
      const stored = await store.head(key);
      return stored !== undefined && versionOf(stored.etag) === version;
    }),
  );
  const gone = damaged.filter((_, index) => !there[index]);
  if (gone.length > 0) await forgetDamaged(store, source, gone);
  return damaged.filter((_, index) => there[index]);
}

function todaysWork(backups: readonly BackupSummary[], { reach }: Loss) {
  const newest = reach?.backup ?? backups.at(-1);
  const chain = newest ? chainOf(backups, newest) : { backups: [] };
  const parts = 'backups' in chain ? chain.backups : newest ? [newest] : [];
  return {
    rawBytes: parts.reduce((bytes, { rawBytes }) => bytes + rawBytes, 0),
    walBytes: reach ? Number(reach.lsn - startLsn(reach.backup)) : 0,
  };
}

const lastsMs = 60_000;

/** Those troubles that have lasted long enough to be told. */
function lasting(
  { behind, gap, unreachable }: LastingTroubles,
  reach: StoredReach | undefined,
  server: AskedServer,
  { walChunkSeconds }: PostgresSource,
  now: Date,
): Pick<Measured, 'gap' | 'still' | 'unreachable'> {
  const stillMs = Math.max(lastsMs, 2_000 * walChunkSeconds);
  const isStill = server.state === 'reachable' && hasLasted(behind, now, stillMs);
  const missing = hasLasted(gap, now, lastsMs) ? reach?.gap : undefined;
  return {
    still: isStill ? { ...behind!, flushed: formatLsn(server.flushed) } : undefined,
    unreachable:
      server.state === 'unreachable' && hasLasted(unreachable, now, lastsMs)
        ? { since: unreachable!.since, why: server.why }
        : undefined,
    gap: missing && {
      ...gap!,
      missing: missing.missing,
      next: missing.nextAvailable === undefined ? null : formatLsn(missing.nextAvailable),
    },
  };
}

const troublesOf = ({ behind, gap, server }: MeasuredExposure): LastingTroubles => ({
  behind,
  gap,
  unreachable: server.state === 'unreachable' ? { since: server.since } : null,
});

function describeReach({ reach }: Loss): MeasuredExposure['verified'] {
  if (!reach) return null;
  const { backup, systemId, timeline, lsn, asOf } = reach;
  return { backup: backup.backup, systemId, timeline, lsn: formatLsn(lsn), asOf: asOf.toISOString() };
}

function describeServer(server: AskedServer, { unreachable }: LastingTroubles): MeasuredExposure['server'] {
  if (server.state === 'unreachable') return { ...server, since: unreachable!.since };
  const { state, systemId, timeline, flushed, clock } = server;
  return { state, systemId, timeline, flushed: formatLsn(flushed), clock: clock.toISOString() };
}
