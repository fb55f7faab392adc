import type { DBCluster, DBClusterSnapshot, DBInstance, DBSnapshot, Tag } from '@aws-sdk/client-rds';
import type { DatabaseFacts, ManagedSnapshot } from '#model/managed-facts';

/** The same facts of instances and clusters, which RDS tells under other names. */
export const instanceFacts = (told: DBInstance, earliest: Date | undefined): DatabaseFacts => ({
  arn: told.DBInstanceArn ?? '',
  status: told.DBInstanceStatus ?? 'unknown',
  engine: told.Engine ?? 'unknown',
  engineVersion: told.EngineVersion ?? 'unknown',
  encrypted: told.StorageEncrypted ?? false,
  retentionDays: told.BackupRetentionPeriod ?? 0,
  earliestRestorable: earliest,
  latestRestorable: told.LatestRestorableTime,
  instanceClass: told.DBInstanceClass,
  subnetGroup: told.DBSubnetGroup?.DBSubnetGroupName,
});

export const clusterFacts = (told: DBCluster): DatabaseFacts => ({
  arn: told.DBClusterArn ?? '',
  status: told.Status ?? 'unknown',
  engine: told.Engine ?? 'unknown',
  engineVersion: told.EngineVersion ?? 'unknown',
  encrypted: told.StorageEncrypted ?? false,
  retentionDays: told.BackupRetentionPeriod ?? 0,
  earliestRestorable: told.EarliestRestorableTime,
  latestRestorable: told.LatestRestorableTime,
  instanceClass: told.DBClusterInstanceClass,
  subnetGroup: told.DBSubnetGroup,
});

/** SnapshotCreateTime changes where it is copied: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html */
export const instanceSnapshot = (told: DBSnapshot): ManagedSnapshot => ({
  ...sameOf(told),
  createdAt: told.OriginalSnapshotCreateTime ?? told.SnapshotCreateTime,
  copyOf: told.SourceDBSnapshotIdentifier,
  id: told.DBSnapshotIdentifier ?? '',
  of: told.DBInstanceIdentifier ?? '',
  arn: told.DBSnapshotArn ?? '',
  encrypted: told.Encrypted ?? false,
});

export const clusterSnapshot = (told: DBClusterSnapshot): ManagedSnapshot => ({
  ...sameOf(told),
  createdAt: told.SnapshotCreateTime,
  copyOf: told.SourceDBClusterSnapshotArn,
  id: told.DBClusterSnapshotIdentifier ?? '',
  of: told.DBClusterIdentifier ?? '',
  arn: told.DBClusterSnapshotArn ?? '',
  encrypted: told.StorageEncrypted ?? false,
});

const sameOf = (told: DBSnapshot | DBClusterSnapshot) => ({
  type: told.SnapshotType ?? 'unknown',
  status: told.Status ?? 'unknown',
  engine: told.Engine ?? 'unknown',
  engineVersion: told.EngineVersion ?? 'unknown',
  sizeGiB: told.AllocatedStorage ?? 0,
  tags: tagsOf(told.TagList),
});

const tagsOf = (tags: readonly Tag[] = []): Record<string, string> =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key ?? '', Value ?? '']));
