import type { BackupId } from '#model/backup-id';
import { type BackupSummary, stopTime } from '#model/manifest';
import type { Timeline } from '#model/timeline';
import { chainOf } from '#recovery/chain';
import type { RecoveryFacts, TimelineReach } from '#recovery/recovery-facts';
import { usableBackups } from '#recovery/usable-backups';

/** Instants that can be restored: every one from `from` to `to`. */
export interface Window {
  systemId: string;
  timeline: Timeline;
  /** when the oldest usable backup became consistent */
  from: Date;
  /** when the last WAL that follows it without a hole was written; microseconds since 1970 */
  toMicros: bigint;
  untilLsn: bigint;
  backups: BackupId[];
  /** why it ends where later WAL is stored: this segment is missing */
  gap: string | undefined;
  /** where that segment is not missing but damaged: how */
  damage: string | undefined;
}

/** The windows of a source, oldest first; what lies between two of them cannot be restored. */
export function recoveryWindows(facts: RecoveryFacts): Window[] {
  const windows: Window[] = [];
  for (const [systemId, system] of facts.systems) {
    for (const reach of system.reaches) {
      const usable = usableBackups(facts, system, reach).filter((base) => 'backups' in chainOf(facts.backups, base));
      if (usable.length > 0) windows.push(describe(systemId, reach, usable));
    }
  }
  return windows.sort((a, b) => a.from.getTime() - b.from.getTime());
}

function describe(systemId: string, reach: TimelineReach, usable: readonly BackupSummary[]): Window {
  // Right after a backup nothing newer may be stored than what it needs: then its end is all there is.
  const fromMicros = BigInt(stopTime(usable[0]!).getTime()) * 1000n;
  return {
    systemId,
    timeline: reach.timeline,
    from: stopTime(usable[0]!),
    toMicros: reach.lastMicros > fromMicros ? reach.lastMicros : fromMicros,
    untilLsn: reach.until,
    backups: usable.map((backup) => backup.backup),
    gap: reach.gap,
    damage: reach.damage,
  };
}
