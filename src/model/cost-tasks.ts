import { gb } from '#model/cost-line';
import { work } from '#model/cost-work';
import type { Prices } from '#model/prices';
import { drillVolumeGiB } from '#model/volume-size';

type TaskKind = keyof typeof work.sizes;

/** Dollars for what a kind of task takes on Fargate in so many seconds. */
export function taskDollars(kind: TaskKind, seconds: number, prices: Prices): number {
  const { cpus, memoryGb } = work.sizes[kind];
  return (seconds / 3600) * (cpus * prices.fargateCpuHour + memoryGb * prices.fargateGbHour);
}

/** Of Fargate's own disk 20 GB are free: https://aws.amazon.com/fargate/pricing/ */
const ownDiskGb = 200 - 20;
/** The volume has 500 MB/s, of which gp3 has 125 for nothing: https://aws.amazon.com/ebs/pricing/ */
const boughtMbps = 500 - 125;
const hoursPerMonth = 720;

/** Dollars for the disk of a task that restores so many bytes, for so many seconds. */
export function restoreDiskDollars(bytes: number, seconds: number, prices: Prices): number {
  const hours = seconds / 3600;
  const volumeGiB = drillVolumeGiB(bytes);
  if (volumeGiB === null) return hours * ownDiskGb * prices.fargateDiskGbHour;
  const perMonth = gb(volumeGiB * 2 ** 30) * prices.volumeGbMonth + boughtMbps * prices.volumeMbpsMonth;
  return (hours / hoursPerMonth) * perMonth;
}
