import {
  DeleteDBClusterSnapshotCommand,
  DeleteDBSnapshotCommand,
  paginateDescribeDBClusters,
  paginateDescribeDBInstances,
  RDSClient,
} from '@aws-sdk/client-rds';
import type { ManagedDatabase } from '#model/managed-source';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { rdsFailure } from './rds-failure.ts';

type Kind = ManagedDatabase['type'];

/** `gone`: it was not there any more. `busy`: RDS has to have it available, and does not. */
export type Deletion = 'deleted' | 'gone' | 'busy';

/** What only one function does with RDS. Every method @throws as those of Rds do */
export interface RdsDeletion {
  delete(type: Kind, snapshot: string): Promise<Deletion>;
  /** identifiers of what is being created with the tag of that source: our restores, and whatever else bears it */
  making(type: Kind, source: string): Promise<string[]>;
}

/** `region`: instead of the environment's */
export function openRdsDeletion(environment: Environment, region?: string): RdsDeletion {
  const config = { ...awsClientConfig(environment, 'rds'), ...(region && { region }) };
  const client = new RDSClient(config);
  const place = `RDS in ${config.region ?? 'no region'}`;
  return {
    delete: (type, snapshot) => deleteSnapshot(client, place, type, snapshot),
    making: (type, source) => listMaking(client, place, type, source),
  };
}

/**
 * Final: no copy of it is made before.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBSnapshot.html#API_DeleteDBSnapshot_Errors
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBClusterSnapshot.html#API_DeleteDBClusterSnapshot_Errors
 */
async function deleteSnapshot(client: RDSClient, place: string, type: Kind, id: string): Promise<Deletion> {
  try {
    if (type === 'instance') await client.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id }));
    else await client.send(new DeleteDBClusterSnapshotCommand({ DBClusterSnapshotIdentifier: id }));
    return 'deleted';
  } catch (error) {
    const { name } = error as Error;
    if (/SnapshotNotFoundFault$/.test(name)) return 'gone';
    if (/^InvalidDB(?:Cluster)?SnapshotStateFault$/.test(name)) return 'busy';
    const action = type === 'instance' ? 'rds:DeleteDBSnapshot' : 'rds:DeleteDBClusterSnapshot';
    throw rdsFailure(error, { place, subject: `the snapshot ${id}`, action });
  }
}

/** From which snapshot a database is made is not told; that it is `creating` is. */
async function listMaking(client: RDSClient, place: string, type: Kind, source: string): Promise<string[]> {
  const action = type === 'instance' ? 'rds:DescribeDBInstances' : 'rds:DescribeDBClusters';
  try {
    const found =
      type === 'instance'
        ? (await Array.fromAsync(paginateDescribeDBInstances({ client }, {}))).flatMap(({ DBInstances = [] }) =>
            DBInstances.map((one) => ({
              id: one.DBInstanceIdentifier,
              status: one.DBInstanceStatus,
              tags: one.TagList,
            })),
          )
        : (await Array.fromAsync(paginateDescribeDBClusters({ client }, {}))).flatMap(({ DBClusters = [] }) =>
            DBClusters.map((one) => ({ id: one.DBClusterIdentifier, status: one.Status, tags: one.TagList })),
          );
    return found
      .filter(({ status, tags = [] }) => {
        const isOurs = tags.some(({ Key, Value }) => Key === 'lifeboat:source' && Value === source);
        return isOurs && status === 'creating';
      })
      .map(({ id }) => id ?? '');
  } catch (error) {
    throw rdsFailure(error, { place, subject: 'what it is making', action });
  }
}
