import { type FoundBackup, findBackups } from '#catalog/backups';
import { type FoundDump, findDumps } from '#catalog/dumps';
import { readHolds } from '#catalog/holds';
import { type LeasedWork, readLease } from '#catalog/lease';
import { decideLease } from '#catalog/lease-state';
import { listRestoring } from '#catalog/open-questions';
import { readStanding } from '#catalog/standing';
import { readVerifiedWal, type VerifiedWal, verifiedReach } from '#catalog/wal-projection';
import { walTimelines } from '#catalog/wal-timelines';
import { isBackupId, parseBackupId } from '#model/backup-id';
import { chooseAny } from '#model/choose-source';
import { isDumpId, parseDumpId } from '#model/dump-id';
import { type BackupSummary, startLsn, stopLsn, stopTime } from '#model/manifest';
import type { Plan } from '#model/plan';
import { chooseRetention } from '#model/retention-choice';
import type { AskedFact, BackupFact, DumpFact, Leftover, RetentionFacts, Unreadable } from '#model/retention-facts';
import type { StandingState } from '#model/standing';
import { leaseKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * Read what retention is decided by: one listing each of backups, dumps and holds, a few projections, and what of the WAL was stored
 * since it was read back last. `purge`: for a purge, of a source that may have no retention.
 * @throws InputInvalid when the plan has no such source, or no retention for it
 */
export async function gatherRetentionFacts(
  store: ObjectStore,
  plan: Plan,
  sourceName: string,
  now: Date,
  { purge = false }: { purge?: boolean } = {},
): Promise<RetentionFacts> {
  // how old WAL is makes no difference to a purge, so no listing of it goes on
  const { source, rules } = purge ? { source: chooseAny(plan, sourceName) } : chooseRetention(plan, sourceName);
  const { name } = source;
  const windowStart = rules ? new Date(now.getTime() - rules.windowDays * dayMs) : new Date(0);
  const [backups, dumps, holds, questions, wal] = await Promise.all([
    findBackups(store, name),
    findDumps(store, name),
    readHolds(store, name, now),
    listRestoring(store, now),
    readVerifiedWal(store, name),
  ]);
  const [backupSince, dumpSince, systems] = await Promise.all([
    busySince(store, name, 'backup', now),
    busySince(store, name, 'dump', now),
    walTimelines(store, name, wal, windowStart),
  ]);
  return {
    source: name,
    timezone: source.schedules.timezone,
    lockDays: plan.aws ? plan.storage.lock.days : 0,
    backups: await backupFacts(store, name, backups, wal),
    dumps: dumps.flatMap((one) => (one.state === 'committed' ? [dumpFact(one)] : [])),
    bestDump: source.dump.restoreTest ? 'proven' : 'verified',
    leftovers: [
      ...leftovers(backups, (id) => parseBackupId(id).startedAt, backupSince),
      ...leftovers(dumps, (id) => parseDumpId(id).startedAt, dumpSince),
    ],
    unreadable: [
      ...unreadable(backups, (id) => parseBackupId(id).startedAt),
      ...unreadable(dumps, (id) => parseDumpId(id).startedAt),
    ],
    held: holds.map(({ id, reason }) => ({ id, reason })),
    asked: questions.filter(({ source, sources = [source] }) => sources.includes(name)).map(askedFact),
    systems,
  };
}

const dayMs = 24 * 3600 * 1000;

async function backupFacts(
  store: ObjectStore,
  source: string,
  found: readonly FoundBackup[],
  wal: VerifiedWal,
): Promise<BackupFact[]> {
  const summaries = found.flatMap((one) => (one.state === 'committed' ? [one.summary] : []));
  const { backups } = await readStanding(store, source, summaries);
  return summaries.map((summary, index) => backupFact(summary, backups[index]!.state, wal));
}

const backupFact = (summary: BackupSummary, state: StandingState, wal: VerifiedWal): BackupFact => ({
  id: summary.backup,
  parent: summary.parent,
  startedAt: parseBackupId(summary.backup).startedAt,
  at: stopTime(summary),
  finishedAt: new Date(summary.finishedAt),
  state,
  storedBytes: summary.storedBytes,
  systemId: summary.server.systemId,
  segmentSize: summary.server.segmentSize,
  startLsn: startLsn(summary),
  stopLsn: stopLsn(summary),
  timeline: summary.stop.timeline,
  leadsTo: verifiedReach(wal, [summary])?.asOf ?? null,
});

const dumpFact = ({ id, entry }: FoundDump & { state: 'committed' }): DumpFact => ({
  id,
  kind: entry.kind,
  startedAt: new Date(entry.startedAt),
  at: new Date(entry.startedAt),
  finishedAt: new Date(entry.finishedAt),
  state: entry.state,
  storedBytes: entry.storedBytes,
});

type Found = FoundBackup | FoundDump;

const leftovers = <One extends Found>(
  found: readonly One[],
  startOf: (id: One['id']) => Date,
  since: Date | undefined,
): Leftover[] =>
  found.flatMap(({ id, state }) => {
    const startedAt = startOf(id);
    return state === 'uncommitted' ? [{ id, startedAt, busy: since !== undefined && startedAt >= since }] : [];
  });

const unreadable = <One extends Found>(found: readonly One[], startOf: (id: One['id']) => Date): Unreadable[] =>
  found.flatMap((one) =>
    one.state === 'unreadable' ? [{ id: one.id, startedAt: startOf(one.id), why: one.failure.message }] : [],
  );

const clockSkewMs = 60_000;

/** Whatever began before whoever is at work now has got the lease is nobody's any more; undefined: nobody is at work. */
async function busySince(store: ObjectStore, source: string, work: LeasedWork, now: Date): Promise<Date | undefined> {
  const decision = decideLease(await readLease(store, leaseKey(source, work)), now, clockSkewMs);
  return decision.action === 'take' ? undefined : new Date(Date.parse(decision.current.acquiredAt) - clockSkewMs);
}

/** A chain that is too long to be shown is named by its end, which keeps the rest. */
function askedFact({ execution, plan }: { execution: string; plan: string }): AskedFact {
  const words = plan.match(/\d{8}T\d{9}Z-[a-z]+/g) ?? [];
  return { execution, ids: [...new Set(words)].filter((word) => isBackupId(word) || isDumpId(word)) };
}
