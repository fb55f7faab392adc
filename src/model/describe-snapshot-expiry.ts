import type { GoneSnapshot, SnapshotExpiry } from '#model/snapshot-expiry';

/** What became of what was to go. */
export interface ExpiredSnapshots {
  deleted: readonly GoneSnapshot[];
  left: readonly LeftSnapshot[];
}

export type LeftSnapshot = Pick<GoneSnapshot, 'snapshot' | 'region'> & { why: string };

/** What people are asked about before any of it is deleted. */
export const describeSnapshotPlan = ({ source, goes, keeps, notes }: SnapshotExpiry): string =>
  [
    `of the snapshots of ${source} ${goes.length} would be deleted, ${keeps.length} stay`,
    ...goes.map(({ snapshot, region, at, why }) => `${snapshot} in ${region}, of ${at}: ${why}`),
    ...keeps.map(({ snapshot, region, rules }) => `${snapshot} in ${region} stays: ${rules.join(', ')}`),
    ...notes,
  ].join('\n');

/** For people and for good: each by name, where, of when and why. */
export function describeSnapshotExpiry(
  { source, purge, reason, goes, notes }: SnapshotExpiry,
  { deleted, left }: ExpiredSnapshots,
): string {
  const regions = Map.groupBy(deleted, ({ region }) => region);
  const where = [...regions].map(([region, some]) => `${some.length} in ${region}`).join(', ');
  const head =
    goes.length === 0
      ? `no snapshot of ${source} has to go`
      : `${deleted.length} ${deleted.length === 1 ? 'snapshot' : 'snapshots'} of ${source} deleted${where && `: ${where}`}`;
  return [
    ...(purge && goes.length > 0 ? [`purge of ${source}: ${reason}`] : []),
    head,
    ...deleted.map(({ snapshot, region, at, why }) => `${snapshot} in ${region}, of ${at}: ${why}`),
    ...left.map(({ snapshot, region, why }) => `${snapshot} in ${region} is left: ${why}`),
    ...notes,
  ].join('\n');
}
