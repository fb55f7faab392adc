/*
 * How much room a restored cluster needs where there is no disk before: in a container.
 */
const gibi = 1 << 30;

/** Of the 200 GiB that a Fargate task has at most, the image and temporary files take some. */
const ofFargateGiB = 180;

/** A restored cluster, the WAL that it replays and writes, and what it sorts: raw bytes of a chain are a bound of the files alone. */
const roomGiB = (rawBytes: number): number => Math.ceil((rawBytes * 1.2) / gibi) + 20;

/** In GiB; null: a drill of it needs no volume of its own. */
export const drillVolumeGiB = (rawBytes: number): number | null =>
  roomGiB(rawBytes) <= ofFargateGiB ? null : roomGiB(rawBytes);

/** In GiB: what is restored always stays on a volume, which people take over. */
export const restoreVolumeGiB = (rawBytes: number): number => roomGiB(rawBytes);
