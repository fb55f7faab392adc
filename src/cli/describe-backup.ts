import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { type Manifest, startTime, stopTime } from '#model/manifest';

/** A committed backup as a person reads it. */
export function describeBackup(manifest: Manifest): string {
  const { backup, rawBytes, storedBytes, start, stop, encryption } = manifest;
  const took = formatDuration(stopTime(manifest).getTime() - startTime(manifest).getTime());
  return [
    `backup ${backup} is committed`,
    `  copied   ${formatBytes(rawBytes)} in ${took}, stored as ${formatBytes(storedBytes)}${encryption ? ', encrypted' : ''}`,
    `  WAL      ${start.lsn} to ${stop.lsn} on timeline ${stop.timeline}`,
    `  restores to ${stop.time} and later, as far as WAL is stored`,
  ].join('\n');
}
