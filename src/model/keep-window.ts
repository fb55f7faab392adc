import type { BackupFact, RetentionFacts, SystemFact } from '#model/retention-facts';
import { isOnPath, type TimelineHistory } from '#model/timeline';

/**
 * The backups that every instant since `windowStart` needs that can be restored now:
 *
 * - all that became consistent since then, by the server's clock, or was begun since then, by ours: one of them may be behind
 * - the newest usable one before, of all
 * - of each timeline that WAL was stored of since then, the newest usable one before that leads there: after a restore to an
 *   earlier point that is not the newest of all
 * - all of a system where nobody knows how such a timeline was come to
 *
 * `usable`: those that are not broken, and whose parents are there.
 */
export function windowBackups(
  { backups, systems }: RetentionFacts,
  usable: readonly BackupFact[],
  windowStart: Date,
): Set<BackupFact> {
  const before = usable.filter(({ at }) => at <= windowStart);
  const newest = before.reduce<BackupFact | undefined>((a, b) => (a && a.at >= b.at ? a : b), undefined);
  const kept = new Set(backups.filter(({ at, startedAt }) => at > windowStart || startedAt > windowStart));
  for (const backup of newest ? withOverlapping(before, newest) : []) kept.add(backup);
  for (const system of systems) {
    if (unknownTimelines(system, windowStart).length > 0)
      for (const backup of backups) if (backup.systemId === system.systemId) kept.add(backup);
    for (const path of livePaths(system, windowStart))
      for (const backup of leadingTo(path, system, before)) kept.add(backup);
  }
  return kept;
}

/** The clocks of a server and of the bucket may be apart. */
const clocksApartMs = 24 * 3600 * 1000;

const isLive = (storedAt: Date, windowStart: Date): boolean =>
  storedAt.getTime() >= windowStart.getTime() - clocksApartMs;

/** Timelines with WAL of the window of which nobody knows what they follow. */
export const unknownTimelines = ({ timelines }: SystemFact, windowStart: Date): number[] =>
  timelines.filter(({ path, storedAt }) => path === null && isLive(storedAt, windowStart)).map((one) => one.timeline);

const livePaths = ({ timelines }: SystemFact, windowStart: Date): TimelineHistory[] =>
  timelines.flatMap(({ path, storedAt }) => (path !== null && isLive(storedAt, windowStart) ? [path] : []));

function leadingTo(path: TimelineHistory, { systemId }: SystemFact, before: readonly BackupFact[]): BackupFact[] {
  const own = before.filter((one) => one.systemId === systemId && isOnPath(path, one.timeline, one.stopLsn));
  // on one path it is positions that tell what was first: a server's clock may have been put back
  const newest = own.reduce<BackupFact | undefined>((a, b) => (a && a.stopLsn >= b.stopLsn ? a : b), undefined);
  return newest ? withOverlapping(own, newest) : [];
}

/** Of two that ran at the same time, the one that ended last may need WAL from before the other began, and that may be missing. */
const withOverlapping = (own: readonly BackupFact[], newest: BackupFact): BackupFact[] =>
  own.filter(
    (one) =>
      one === newest ||
      (one.systemId === newest.systemId && one.stopLsn > newest.startLsn && one.startLsn <= newest.stopLsn),
  );
