import { type BackupSummary, stopTime } from '#model/manifest';
import { printInstant } from '#model/recovery-target';
import { formatTimeline } from '#model/timeline';
import { chainOf } from '#recovery/chain';
import type { RecoveryFacts, TimelineReach } from '#recovery/recovery-facts';
import { isUsable } from '#recovery/usable-backups';

/** What can be restored, in words, newest first. */
export function reachablePoints(facts: RecoveryFacts): string[] {
  const points: { micros: bigint; text: string }[] = [];
  for (const base of facts.backups) {
    const system = facts.systems.get(base.server.systemId);
    for (const reach of system?.reaches ?? []) {
      if ('missing' in chainOf(facts.backups, base) || !isUsable(base, system!, reach)) continue;
      points.push({ micros: reach.lastMicros, text: describeReachable(base, reach) });
    }
  }
  return points
    .sort((a, b) => Number(b.micros - a.micros))
    .map((point) => point.text)
    .slice(0, 5);
}

function describeReachable(base: BackupSummary, reach: TimelineReach): string {
  const from = BigInt(stopTime(base).getTime()) * 1000n;
  const until = reach.lastMicros;
  // The backup's own WAL was written just before the backup ended.
  if (until <= from) return `${printInstant(from)}, the end of ${base.backup} (--backup ${base.backup} --immediate)`;
  const timeline = `timeline ${formatTimeline(reach.timeline)}`;
  return `${printInstant(from)} to ${printInstant(until)} (${timeline}, from ${base.backup})`;
}
