import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import type { BaseBackupResult } from '#model/task-result';

/** A backup that was committed, as people are told it. */
export function describeCommit(result: BaseBackupResult): { title: string; what: string } {
  const { source, backup, rawBytes, storedBytes, durationMs, stop, fallback, warnings } = result;
  const size = `${formatBytes(rawBytes)} copied in ${formatDuration(durationMs)}, stored as ${formatBytes(storedBytes)}`;
  const remarks = [...(fallback === null ? [] : [`a full backup was taken: ${fallback}`]), ...warnings];
  return {
    title: `backup ${backup} of ${source} is committed`,
    what: [size, `restores to ${stop.time} and later`, ...remarks.slice(0, 10)].join('\n'),
  };
}
