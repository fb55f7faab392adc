import { formatLsn } from '#model/lsn';
import { type BackupSummary, stopLsn } from '#model/manifest';
import { printInstant, type TargetInput } from '#model/recovery-target';
import type { RecoveryPlan } from '#recovery/recovery-plan';

/**
 * The target that leads to this very plan again, however much WAL and however many backups are stored by then: where
 * `latest` was asked for, the position that is the latest now; and the backup and the timeline that were chosen.
 * `base` is the last backup of the plan's chain.
 */
export function pinTarget(plan: RecoveryPlan, base: BackupSummary): TargetInput {
  const { stop, inclusive, action } = plan;
  const way = { action, timeline: String(plan.timeline), backup: base.backup };
  const side = inclusive ? {} : { exclusive: true };
  if (stop.kind === 'time') return { time: printInstant(stop.micros), ...side, ...way };
  if (stop.kind === 'xid') return { xid: String(stop.xid), ...side, ...way };
  if (stop.kind === 'name') return { name: stop.name, ...way };
  // Where nothing follows the backup, its last record is before the position at which it is consistent.
  if (stop.kind === 'immediate' || stop.lsn < stopLsn(base)) return { immediate: true, ...way };
  return { lsn: formatLsn(stop.lsn), ...side, ...way };
}
