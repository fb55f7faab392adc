import { formatDuration } from '#model/duration';
import type { RestoreRecord } from '#tasks/restore';

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
