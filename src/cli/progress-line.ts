import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';

export interface Standing {
  doneBytes: number;
  /** undefined when nobody knows; an estimate that `doneBytes` may exceed */
  totalBytes: number | undefined;
  elapsedMs: number;
  /** what is counted where it is not bytes: `objects` */
  unit?: string | undefined;
}

/** `1.20 GiB of 4.00 GiB (30 %), 120 MiB/s, 24s left` */
export function describeStanding(standing: Standing): string {
  const { doneBytes, totalBytes, elapsedMs, unit } = standing;
  const amount = (count: number) => (unit === undefined ? formatBytes(count) : `${Math.round(count)} ${unit}`);
  const share = shareDone(standing);
  const bytesPerMs = elapsedMs > 0 ? doneBytes / elapsedMs : 0;
  const parts = [
    share === undefined
      ? amount(doneBytes)
      : `${amount(doneBytes)} of ${amount(totalBytes!)} (${Math.floor(share * 100)} %)`,
    `${amount(bytesPerMs * 1000)}/s`,
  ];
  if (share !== undefined && share < 1 && bytesPerMs > 0) {
    parts.push(`${formatDuration((totalBytes! - doneBytes) / bytesPerMs)} left`);
  }
  return parts.join(', ');
}

/** The same with a bar, cut to the columns there are. */
export function drawStanding(label: string, standing: Standing, columns: number): string {
  const share = shareDone(standing);
  const width = 20;
  const filled = Math.floor((share ?? 0) * width);
  const bar = share === undefined ? '' : `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] `;
  return `${label} ${bar}${describeStanding(standing)}`.slice(0, columns - 1);
}

/** 0 to 1; undefined without a total, or once the total turned out to be too small. */
function shareDone({ doneBytes, totalBytes }: Standing): number | undefined {
  return totalBytes === undefined || totalBytes <= 0 || doneBytes > totalBytes ? undefined : doneBytes / totalBytes;
}
