import { coveredUntil } from '#catalog/wal-coverage';
import { type BackupSummary, startLsn, stopLsn } from '#model/manifest';
import { isOnPath } from '#model/timeline';
import type { RecoveryFacts, SystemWal, TimelineReach } from '#recovery/recovery-facts';

/** The backups that become consistent with a stretch of WAL. */
export const usableBackups = (facts: RecoveryFacts, system: SystemWal, reach: TimelineReach): BackupSummary[] =>
  facts.backups.filter((base) => facts.systems.get(base.server.systemId) === system && isUsable(base, system, reach));

/** Is this the stretch of WAL that follows the backup, and does it go as far as the backup needs? */
export function isUsable(base: BackupSummary, system: SystemWal, reach: TimelineReach): boolean {
  if (!isOnPath(reach.path, base.stop.timeline, stopLsn(base))) return false;
  const { until } = coveredUntil(system.inventory, reach.path, startLsn(base));
  return until === reach.until && until >= stopLsn(base);
}
