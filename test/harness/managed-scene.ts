import { executionArn } from '#model/arn';
import { ownTags, snapshotName } from '#model/snapshot-name';
import { StoredSource } from './stored-source.ts';
import { type StrictRds, startStrictRds } from './strict-rds.ts';
import type { RdsRegions, RdsSnapshot } from './strict-rds-regions.ts';

export const home = 'eu-central-1';
export const away = 'eu-west-1';

/** Two databases of RDS: an instance, whose snapshots are copied, and a cluster. `rules`: the retention of both */
const planned = (rules: string) => `  ledger:
    kind: rds
    instance: ledger-db
    copyTo: { region: ${away}, kmsKey: "arn:aws:kms:${away}:111122223333:key/k" }
    connection: { host: localhost, user: dumps }
    dump: { restoreTest: false }
    schedules: { snapshot: rate(1 day) }
    tier: { rpo: 5m, rto: 1h }
${rules}  books:
    kind: rds
    cluster: books-cluster
${rules}`;

export interface ManagedScene {
  source: StoredSource;
  rds: StrictRds;
  regions: RdsRegions;
  remove(): Promise<void>;
}

/** A plan with them, and what they are in RDS: both can be restored from a week ago up to a minute ago. */
export async function managedScene({ retention }: { retention?: string } = {}): Promise<ManagedScene> {
  const rules = retention === undefined ? '' : `    retention: ${retention}\n`;
  const source = await StoredSource.create({ more: planned(rules) });
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

/** What the machine rds-snapshot has made of the instance so many days ago, and its copy: `lifeboat-ledger-n9`. */
export function addOwnSnapshot(
  regions: RdsRegions,
  now: Date,
  ageDays: number,
  given: Partial<RdsSnapshot> = {},
): string {
  const name = `n${ageDays}`;
  const id = snapshotName('ledger', name);
  const tags = ownTags('ledger', executionArn('rds-snapshot', name));
  const createdAt = new Date(now.getTime() - ageDays * 86_400_000);
  regions.addSnapshot(home, 'instance', { id, of: 'ledger-db', tags, createdAt, ...given });
  const copyOf = { arn: `arn:aws:rds:${home}:111122223333:snapshot:${id}`, createdAt };
  const copied = { tags: { ...tags }, createdAt: new Date(createdAt.getTime() + 43_200_000), copyOf };
  regions.addSnapshot(away, 'instance', { id, of: 'ledger-db', ...given, ...copied });
  return id;
}
