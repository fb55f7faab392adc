import type { SourceSummary } from '#catalog/exposure';
import { coveredUntil } from '#catalog/wal-coverage';
import { type BackupReach, type VerifiedWal, verifiedInventory } from '#catalog/wal-projection';
import { type BackupSummary, startLsn, stopLsn, stopTime } from '#model/manifest';
import type { Standing, StandingState } from '#model/standing';
import { isOnPath } from '#model/timeline';

export interface SummaryFacts {
  /** all that are committed, oldest first, and how each of them stands */
  backups: readonly BackupSummary[];
  standings: readonly Standing[];
  /** those that are not broken */
  usable: readonly BackupSummary[];
  wal: VerifiedWal;
  reach: BackupReach | undefined;
}

const keptBroken = 20;

/** What one needs to know of a source at a glance, so that who asks about a thousand of them reads one object each. */
export const summarizeSource = ({ backups, standings, usable, wal, reach }: SummaryFacts): SourceSummary => ({
  ...summarizeBackups(backups, standings),
  window: reach ? windowOf(usable, wal, reach) : null,
});

/** `standings`: of these backups */
export function summarizeBackups(
  backups: readonly BackupSummary[],
  standings: readonly Standing[],
): Omit<SourceSummary, 'window'> {
  const proven = standings.findLast(({ state }) => state === 'proven');
  const broken = standings.filter(({ state }) => state === 'broken');
  const newest = standings.at(-1);
  return {
    counts: countStates(standings),
    bytes: backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    proven: proven ? { backup: proven.backup, since: proven.since!, reason: proven.reason } : null,
    broken: broken.slice(-keptBroken).map(({ backup, reason, since }) => ({ backup, reason, since })),
    tried: newest?.tried ? { backup: newest.backup, ...newest.tried } : null,
  };
}

function countStates(standings: readonly Standing[]): Record<StandingState, number> {
  const counts = { proven: 0, verified: 0, committed: 0, broken: 0 };
  for (const { state } of standings) counts[state]++;
  return counts;
}

/** From the end of the oldest backup that leads, by what was read back, to where the newest leads. */
function windowOf(
  backups: readonly BackupSummary[],
  wal: VerifiedWal,
  { backup, systemId, timeline, lsn, asOf }: BackupReach,
): SourceSummary['window'] {
  const inventory = verifiedInventory(wal, backup.source, systemId)!;
  const path = inventory.histories.get(timeline) ?? { timeline, ancestors: [] };
  const oldest = backups.find(
    (one) =>
      one.server.systemId === systemId &&
      isOnPath(path, one.stop.timeline, stopLsn(one)) &&
      coveredUntil(inventory, path, startLsn(one)).until === lsn,
  );
  return { from: stopTime(oldest ?? backup).toISOString(), to: asOf.toISOString() };
}
