import { StoredSource } from './stored-source.ts';
import { type StrictRds, startStrictRds } from './strict-rds.ts';
import type { RdsRegions } from './strict-rds-regions.ts';

export const home = 'eu-central-1';
export const away = 'eu-west-1';

/** Two databases of RDS: an instance, whose snapshots are copied, and a cluster. */
const planned = `  ledger:
    kind: rds
    instance: ledger-db
    copyTo: { region: ${away}, kmsKey: "arn:aws:kms:${away}:111122223333:key/k" }
    schedules: { snapshot: rate(1 day) }
    tier: { rpo: 5m, rto: 1h }
  books:
    kind: rds
    cluster: books-cluster
`;

export interface ManagedScene {
  source: StoredSource;
  rds: StrictRds;
  regions: RdsRegions;
  remove(): Promise<void>;
}

/** A plan with them, and what they are in RDS: both can be restored from a week ago up to a minute ago. */
export async function managedScene(): Promise<ManagedScene> {
  const source = await StoredSource.create({ more: planned });
  const rds = await startStrictRds(home, () => source.now);
  Object.assign(source.environment, rds.environment);
  const ago = (ms: number) => new Date(source.now.getTime() - ms);
  const window = { earliest: ago(7 * 86_400_000), latest: ago(60_000) };
  rds.regions.add(home, 'instance', { id: 'ledger-db', ...window });
  rds.regions.add(home, 'cluster', { id: 'books-cluster', ...window });
  const remove = async () => {
    source.remove();
    await rds.close();
  };
  return { source, rds, regions: rds.regions, remove };
}
