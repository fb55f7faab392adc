import { formatBytes } from '#cli/format-bytes';
import { formatDuration } from '#model/duration';
import { formatLsn } from '#model/lsn';
import { printPoint } from '#model/recovery-target';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import type { RestoreLayout } from '#recovery/restore-layout';
import type { RestoreRecord } from '#tasks/restore';

/** The plan as a person reads it before saying yes. */
export function describePlan(plan: RecoveryPlan, hash: string, layout: RestoreLayout): string {
  const moved = [...layout.tablespaces].map(([oid, place]) => `  tablespace   ${oid} to ${place}`);
  const stop = `${plan.inclusive ? '' : 'just before '}${printPoint(plan.stop)}`;
  return [
    `recovery plan ${hash.slice(0, 12)} for ${plan.source}`,
    `  target       ${plan.target}: replay stops at ${stop}, then ${plan.action}`,
    `  from         ${plan.chain.join(' + ')}`,
    `  WAL          ${formatLsn(plan.wal.from)} to ${formatLsn(plan.wal.until)} on timeline ${plan.timeline} (${formatBytes(Number(plan.wal.bytes))})`,
    `  left out     ${leftOut(plan)}`,
    `  to           ${layout.dataDir}`,
    ...moved,
    `  reads        ${formatBytes(plan.storedBytes)}, writes ${formatBytes(plan.rawBytes)}, about ${formatDuration(plan.forecastMs)}`,
  ].join('\n');
}

function leftOut({ leftOut: { bytes, ms } }: RecoveryPlan): string {
  if (bytes === 0n) return 'nothing that is stored';
  const parts = [
    ...(ms === undefined ? [] : [`the last ${formatDuration(ms)}`]),
    ...(bytes === undefined ? [] : [`${formatBytes(Number(bytes))} of WAL`]),
  ];
  return parts.length > 0 ? `${parts.join(', ')} that is stored` : 'what is stored after the target';
}

export function describeRestored(record: RestoreRecord): string {
  const { reached, history, durationsMs, checks } = record;
  const took = `files ${formatDuration(durationsMs.files)}, replay ${formatDuration(durationsMs.replay)}, checks ${formatDuration(durationsMs.checks)}`;
  if (!reached) {
    return [
      `${record.dataDir} is laid down; it has not been started`,
      `  took         ${took}`,
      '  start its server to replay to the target: restore_command is set',
    ].join('\n');
  }
  return [
    `${record.dataDir} is restored to ${record.target}`,
    `  reached      ${reached.lsn}, last transaction ${reached.time ?? 'none'} (${reached.stoppedAt})`,
    ...(history ? [`  promoted     to timeline ${history.timeline}`] : []),
    `  checks       ${checks.length} of ${checks.length} as they should be`,
    `  took         ${took}`,
    ...record.setAside.map((place) => `  set aside    ${place}`),
    '  the server is stopped; start it when you are ready. archiving is off until you switch it on',
  ].join('\n');
}
