import {
  CopyDBClusterSnapshotCommand,
  CopyDBSnapshotCommand,
  DescribeDBClusterSnapshotsCommand,
  DescribeDBClustersCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import type { DatabaseFacts, ManagedSnapshot } from '#model/managed-facts';
import type { ManagedDatabase } from '#model/managed-source';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { clusterFacts, clusterSnapshot, instanceFacts, instanceSnapshot } from './rds-facts.ts';
import { rdsFailure } from './rds-failure.ts';

type Kind = ManagedDatabase['type'];

export interface SnapshotCopy {
  type: Kind;
  /** of the snapshot in its own region */
  arn: string;
  /** in the region that it is copied to */
  id: string;
  kmsKey: string | undefined;
  tags: Record<string, string>;
}

/** RDS in one region. Every method @throws what rdsFailure makes: AuthenticationFailed, ConnectionFailed, ServerUnsuitable */
export interface Rds {
  region: string;
  /** undefined: there is none */
  database(database: ManagedDatabase): Promise<DatabaseFacts | undefined>;
  /** manual and automated ones, oldest first; what is still being made last */
  snapshots(database: ManagedDatabase): Promise<ManagedSnapshot[]>;
  /** undefined: there is none */
  snapshot(type: Kind, id: string): Promise<ManagedSnapshot | undefined>;
  /** Begin a copy into this region. undefined: there was one already */
  copy(copy: SnapshotCopy): Promise<ManagedSnapshot | undefined>;
}

/** `region`: instead of the environment's */
export function openRds(environment: Environment, region?: string): Rds {
  const config = { ...awsClientConfig(environment, 'rds'), ...(region && { region }) };
  const client = new RDSClient(config);
  const place = `RDS in ${config.region ?? 'no region'}`;
  const asked = { client, place };
  return {
    region: config.region ?? '',
    database: (database) =>
      database.type === 'instance' ? askInstance(asked, database.id) : askCluster(asked, database.id),
    snapshots: (database) => listSnapshots(asked, database),
    snapshot: async (type, id) => (await pageOfSnapshots(asked, type, { id }))?.found[0],
    copy: (copy) => beginCopy(asked, copy),
  };
}

interface Asked {
  client: RDSClient;
  place: string;
}

async function askInstance({ client, place }: Asked, id: string): Promise<DatabaseFacts | undefined> {
  const given = { DBInstanceIdentifier: id };
  const call = { place, subject: `the instance ${id}` };
  const described = await orNone(client.send(new DescribeDBInstancesCommand(given)), {
    ...call,
    action: 'rds:DescribeDBInstances',
  });
  const [instance] = described?.DBInstances ?? [];
  if (!instance) return undefined;
  const backups = await orNone(client.send(new DescribeDBInstanceAutomatedBackupsCommand(given)), {
    ...call,
    action: 'rds:DescribeDBInstanceAutomatedBackups',
  });
  const active = backups?.DBInstanceAutomatedBackups?.find(({ Status: status }) => status === 'active');
  return instanceFacts(instance, active?.RestoreWindow?.EarliestTime);
}

async function askCluster({ client, place }: Asked, id: string): Promise<DatabaseFacts | undefined> {
  const call = { place, subject: `the cluster ${id}`, action: 'rds:DescribeDBClusters' };
  const described = await orNone(client.send(new DescribeDBClustersCommand({ DBClusterIdentifier: id })), call);
  const [cluster] = described?.DBClusters ?? [];
  return cluster && clusterFacts(cluster);
}

async function listSnapshots(asked: Asked, { type, id }: ManagedDatabase): Promise<ManagedSnapshot[]> {
  const all: ManagedSnapshot[] = [];
  for (let marker: string | undefined, more = true; more; more = marker !== undefined) {
    const page = await pageOfSnapshots(asked, type, { of: id, marker });
    all.push(...(page?.found ?? []));
    marker = page?.marker;
  }
  const instant = ({ createdAt }: ManagedSnapshot) => createdAt?.getTime() ?? Number.POSITIVE_INFINITY;
  return all.sort((a, b) => (instant(a) < instant(b) ? -1 : 1));
}

/** undefined: there is none of that identifier */
async function pageOfSnapshots(
  { client, place }: Asked,
  type: Kind,
  { id, of, marker }: { id?: string; of?: string; marker?: string | undefined },
): Promise<{ found: ManagedSnapshot[]; marker: string | undefined } | undefined> {
  const call = { place, subject: id === undefined ? `the snapshots of ${of}` : `the snapshot ${id}` };
  const page = marker === undefined ? {} : { Marker: marker };
  if (type === 'instance') {
    const which = id === undefined ? { DBInstanceIdentifier: of! } : { DBSnapshotIdentifier: id };
    const action = 'rds:DescribeDBSnapshots';
    const told = await orNone(client.send(new DescribeDBSnapshotsCommand({ ...which, ...page })), { ...call, action });
    return told && { found: (told.DBSnapshots ?? []).map(instanceSnapshot), marker: told.Marker };
  }
  const which = id === undefined ? { DBClusterIdentifier: of! } : { DBClusterSnapshotIdentifier: id };
  const action = 'rds:DescribeDBClusterSnapshots';
  const told = await orNone(client.send(new DescribeDBClusterSnapshotsCommand({ ...which, ...page })), {
    ...call,
    action,
  });
  return told && { found: (told.DBClusterSnapshots ?? []).map(clusterSnapshot), marker: told.Marker };
}

/**
 * Asked where the copy is to be; the SDK signs for the region that the ARN names.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
 */
async function beginCopy({ client, place }: Asked, { type, arn, id, kmsKey, tags }: SnapshotCopy) {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const given = { ...(kmsKey && { KmsKeyId: kmsKey }), Tags };
  const call = { place, subject: `a copy of ${arn}` };
  if (type === 'instance') {
    const command = new CopyDBSnapshotCommand({
      ...{ SourceDBSnapshotIdentifier: arn, TargetDBSnapshotIdentifier: id, ...given },
    });
    const made = await orThere(client.send(command), { ...call, action: 'rds:CopyDBSnapshot' });
    return made?.DBSnapshot && instanceSnapshot(made.DBSnapshot);
  }
  const command = new CopyDBClusterSnapshotCommand({
    ...{ SourceDBClusterSnapshotIdentifier: arn, TargetDBClusterSnapshotIdentifier: id, ...given },
  });
  const made = await orThere(client.send(command), { ...call, action: 'rds:CopyDBClusterSnapshot' });
  return made?.DBClusterSnapshot && clusterSnapshot(made.DBClusterSnapshot);
}

type Call = Parameters<typeof rdsFailure>[1];

const orNone = <T>(answer: Promise<T>, call: Call): Promise<T | undefined> => unless(/NotFoundFault$/, answer, call);
const orThere = <T>(answer: Promise<T>, call: Call): Promise<T | undefined> =>
  unless(/AlreadyExistsFault$/, answer, call);

async function unless<T>(expected: RegExp, answer: Promise<T>, call: Call): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && expected.test(error.name)) return undefined;
    throw rdsFailure(error, call);
  }
}
