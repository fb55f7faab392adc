import { listRestoring } from '#catalog/open-questions';
import type { SnapshotFacts, SnapshotPlace } from '#model/keep-snapshots';
import type { ManagedSource } from '#model/managed-source';
import type { Environment } from '#runtime/environment';
import type { ObjectStore } from '#store/object-store';
import { openRds } from './rds.ts';
import { openRdsDeletion } from './rds-deletion.ts';

/**
 * What RDS and the bucket tell of a database's snapshots now; all or nothing. `region`: instead of the environment's.
 * @throws what openRds's methods and the store do
 */
export async function gatherSnapshotFacts(
  { name, database, copyTo, schedules }: ManagedSource,
  { store, environment, region, now }: { store: ObjectStore; environment: Environment; region?: string; now: Date },
): Promise<Omit<SnapshotFacts, 'execution'>> {
  const regions = [openRds(environment, region), ...(copyTo ? [openRds(environment, copyTo.region)] : [])];
  const [questions, making, ...places] = await Promise.all([
    listRestoring(store, now),
    openRdsDeletion(environment, region).making(database.type, name),
    ...regions.map(async (rds): Promise<SnapshotPlace> => {
      const snapshots = await rds.snapshots(database);
      return { region: rds.region, snapshots };
    }),
  ]);
  const asked = questions.filter(({ source }) => source === name).map(({ plan }) => plan);
  return { source: { name, database }, timezone: schedules.timezone, places, asked, making };
}
