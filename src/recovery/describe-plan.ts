import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { formatLsn } from '#model/lsn';
import { printPoint } from '#model/recovery-target';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import type { RestoreLayout } from '#recovery/restore-layout';

/** The plan as a person reads it before saying yes. */
export function describePlan(plan: RecoveryPlan, hash: string, layout: RestoreLayout): string {
  const moved = [...layout.tablespaces].map(([oid, place]) => `  tablespace   ${oid} to ${place}`);
  return [
    `recovery plan ${hash.slice(0, 12)} for ${plan.source}`,
    `  target       ${plan.target}: replay stops at ${stopWords(plan)}, then ${plan.action}`,
    `  from         ${chainWords(plan.chain)}`,
    `  WAL          ${formatLsn(plan.wal.from)} to ${formatLsn(plan.wal.until)} on timeline ${plan.timeline} (${formatBytes(Number(plan.wal.bytes))})`,
    `  left out     ${leftOutWords(plan)}`,
    `  to           ${layout.dataDir}`,
    ...moved,
    `  reads        ${formatBytes(plan.storedBytes)}, writes ${formatBytes(plan.rawBytes)}, about ${formatDuration(plan.forecastMs)}`,
  ].join('\n');
}

/** Where the replay stops, in words. */
export const stopWords = (plan: RecoveryPlan): string =>
  `${plan.inclusive ? '' : 'just before '}${printPoint(plan.stop)}`;

/** A long chain would push out of sight what people have to read. */
function chainWords(chain: readonly string[]): string {
  if (chain.length <= 5) return chain.join(' + ');
  return [...chain.slice(0, 2), `${chain.length - 4} more`, ...chain.slice(-2)].join(' + ');
}

export function leftOutWords({ leftOut: { bytes, ms } }: RecoveryPlan): string {
  if (bytes === 0n) return 'nothing that is stored';
  const parts = [
    ...(ms === undefined ? [] : [`the last ${formatDuration(ms)}`]),
    ...(bytes === undefined ? [] : [`${formatBytes(Number(bytes))} of WAL`]),
  ];
  return parts.length > 0 ? `${parts.join(', ')} that is stored` : 'what is stored after the target';
}
