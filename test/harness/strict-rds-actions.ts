import { AwsRefusal } from './strict-aws-signature.ts';
import type { RdsDatabase, RdsKind, RdsRegions, RdsSnapshot } from './strict-rds-regions.ts';

export interface RdsCall {
  action: string;
  parameters: URLSearchParams;
  region: string;
  /** what a PreSignedUrl is for */
  copied(url: string): { region: string; source: string };
}

/** The result of an action, as XML. https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html */
export function answerRds(call: RdsCall, regions: RdsRegions): string {
  const action = actions[call.action];
  if (!action) throw new AwsRefusal(400, 'InvalidAction', `Could not find operation ${call.action}`);
  const { needs, may } = action;
  const given = [...call.parameters.keys()].filter((name) => name !== 'Action' && name !== 'Version');
  const unknown = given.find((name) => ![...needs, ...may].includes(name.split('.')[0]!));
  if (unknown) throw new AwsRefusal(400, 'UnknownParameter', unknown);
  const missing = needs.find((name) => !given.includes(name));
  if (missing) throw new AwsRefusal(400, 'MissingParameter', `The request must contain the parameter ${missing}`);
  return action.answer(new Given(call), regions);
}

interface Action {
  needs: readonly string[];
  may: readonly string[];
  answer(given: Given, regions: RdsRegions): string;
}

class Given {
  readonly call: RdsCall;
  constructor(call: RdsCall) {
    this.call = call;
  }
  get region(): string {
    return this.call.region;
  }
  text(name: string): string | undefined {
    return this.call.parameters.get(name) ?? undefined;
  }
  id(name: string): string {
    const id = this.text(name) ?? '';
    if (!/^(?=.{1,255}$)[A-Za-z](?:-?[A-Za-z0-9])*$/.test(id))
      throw new AwsRefusal(400, 'InvalidParameterValue', `The parameter ${name} is not a valid identifier`);
    return id.toLowerCase();
  }
  list(name: string): string[] {
    return [...this.call.parameters].flatMap(([key, value]) => (key.startsWith(`${name}.`) ? [value] : []));
  }
  get tags(): Record<string, string> {
    const tags: Record<string, string> = {};
    for (let n = 1; this.text(`Tags.Tag.${n}.Key`) !== undefined; n++) {
      const value = this.text(`Tags.Tag.${n}.Value`) ?? '';
      if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value))
        throw new AwsRefusal(400, 'InvalidParameterValue', value);
      tags[this.text(`Tags.Tag.${n}.Key`)!] = value;
    }
    return tags;
  }
}

const restoreOptions = ['DBSubnetGroupName', 'VpcSecurityGroupIds', 'PubliclyAccessible', 'DBInstanceClass', 'Tags'];
const [lists, named] = [
  ['SnapshotType', 'Marker', 'MaxRecords', 'DBInstanceIdentifier', 'DBClusterIdentifier'],
  ['DBInstanceIdentifier', 'DBClusterIdentifier', 'Marker', 'MaxRecords'],
];

const actions: Readonly<Record<string, Action>> = {
  DescribeDBInstances: { needs: [], may: named, answer: describe('instance') },
  DescribeDBClusters: { needs: [], may: named, answer: describe('cluster') },
  DescribeDBInstanceAutomatedBackups: {
    needs: [],
    may: named,
    answer: (given, regions) => {
      const found = regions.database(given.region, 'instance', given.id('DBInstanceIdentifier'));
      if (!found?.earliest) return '<DBInstanceAutomatedBackups/>';
      return `<DBInstanceAutomatedBackups><DBInstanceAutomatedBackup><DBInstanceIdentifier>${found.id}</DBInstanceIdentifier>
        <Status>active</Status><RestoreWindow><EarliestTime>${found.earliest.toISOString()}</EarliestTime>
        ${found.latest ? `<LatestTime>${found.latest.toISOString()}</LatestTime>` : ''}</RestoreWindow>
        </DBInstanceAutomatedBackup></DBInstanceAutomatedBackups>`;
    },
  },
  DescribeDBSnapshots: { needs: [], may: [...lists, 'DBSnapshotIdentifier'], answer: describeSnapshots('instance') },
  DescribeDBClusterSnapshots: {
    needs: [],
    may: [...lists, 'DBClusterSnapshotIdentifier'],
    answer: describeSnapshots('cluster'),
  },
  CreateDBSnapshot: {
    needs: ['DBInstanceIdentifier', 'DBSnapshotIdentifier'],
    may: ['Tags'],
    answer: createSnapshot('instance'),
  },
  CreateDBClusterSnapshot: {
    needs: ['DBClusterIdentifier', 'DBClusterSnapshotIdentifier'],
    may: ['Tags'],
    answer: createSnapshot('cluster'),
  },
  CopyDBSnapshot: {
    needs: ['SourceDBSnapshotIdentifier', 'TargetDBSnapshotIdentifier'],
    may: ['PreSignedUrl', 'KmsKeyId', 'Tags', 'CopyTags'],
    answer: copySnapshot('instance'),
  },
  CopyDBClusterSnapshot: {
    needs: ['SourceDBClusterSnapshotIdentifier', 'TargetDBClusterSnapshotIdentifier'],
    may: ['PreSignedUrl', 'KmsKeyId', 'Tags', 'CopyTags'],
    answer: copySnapshot('cluster'),
  },
  DeleteDBSnapshot: { needs: ['DBSnapshotIdentifier'], may: [], answer: deleteSnapshot('instance') },
  DeleteDBClusterSnapshot: { needs: ['DBClusterSnapshotIdentifier'], may: [], answer: deleteSnapshot('cluster') },
  RestoreDBInstanceToPointInTime: {
    needs: ['SourceDBInstanceIdentifier', 'TargetDBInstanceIdentifier', 'RestoreTime'],
    may: restoreOptions,
    answer: (given, regions) => {
      const source = there(
        regions.database(given.region, 'instance', given.id('SourceDBInstanceIdentifier')),
        'DBInstanceNotFound',
      );
      inWindow(source, given);
      return restored('instance', given, regions, given.id('TargetDBInstanceIdentifier'), source);
    },
  },
  RestoreDBInstanceFromDBSnapshot: {
    needs: ['DBSnapshotIdentifier', 'DBInstanceIdentifier'],
    may: restoreOptions,
    answer: (given, regions) => {
      const snapshot = there(
        regions.snapshot(given.region, 'instance', given.id('DBSnapshotIdentifier')),
        'DBSnapshotNotFound',
      );
      if (snapshot.status !== 'available') throw new AwsRefusal(400, 'InvalidDBSnapshotState', 'it is not available');
      return restored('instance', given, regions, given.id('DBInstanceIdentifier'), snapshot);
    },
  },
  RestoreDBClusterToPointInTime: {
    needs: ['SourceDBClusterIdentifier', 'DBClusterIdentifier', 'RestoreToTime'],
    may: restoreOptions.filter((name) => name !== 'DBInstanceClass' && name !== 'PubliclyAccessible'),
    answer: (given, regions) => {
      const source = there(
        regions.database(given.region, 'cluster', given.id('SourceDBClusterIdentifier')),
        'DBClusterNotFoundFault',
      );
      inWindow(source, given);
      return restored('cluster', given, regions, given.id('DBClusterIdentifier'), source);
    },
  },
  RestoreDBClusterFromSnapshot: {
    needs: ['SnapshotIdentifier', 'DBClusterIdentifier', 'Engine'],
    may: restoreOptions.filter((name) => name !== 'DBInstanceClass' && name !== 'PubliclyAccessible'),
    answer: (given, regions) => {
      const snapshot = there(
        regions.snapshot(given.region, 'cluster', given.id('SnapshotIdentifier')),
        'DBClusterSnapshotNotFoundFault',
      );
      return restored('cluster', given, regions, given.id('DBClusterIdentifier'), snapshot);
    },
  },
  CreateDBInstance: {
    needs: ['DBInstanceIdentifier', 'DBInstanceClass', 'Engine', 'DBClusterIdentifier'],
    may: ['PubliclyAccessible', 'Tags'],
    answer: (given, regions) => {
      const cluster = there(
        regions.database(given.region, 'cluster', given.id('DBClusterIdentifier')),
        'DBClusterNotFoundFault',
      );
      if (cluster.status !== 'available')
        throw new AwsRefusal(400, 'InvalidDBClusterStateFault', `it is ${cluster.status}`);
      return restored('instance', given, regions, given.id('DBInstanceIdentifier'), cluster, cluster.id);
    },
  },
};

function there<T>(found: T | undefined, code: string): T {
  if (found === undefined) throw new AwsRefusal(404, code, 'not found');
  return found;
}

function describe(kind: RdsKind): Action['answer'] {
  const name = kind === 'instance' ? 'DBInstance' : 'DBCluster';
  return (given, regions) => {
    if (given.text(`${name}Identifier`) === undefined) {
      const [page, marker] = pageOf(regions.databases(given.region, kind), given);
      return `${marker}<${name}s>${page.map((one) => printDatabase(kind, one, given.region)).join('')}</${name}s>`;
    }
    const id = given.id(`${name}Identifier`);
    const found = there(
      regions.database(given.region, kind, id),
      kind === 'instance' ? 'DBInstanceNotFound' : 'DBClusterNotFoundFault',
    );
    if (found.pending > 0 && --found.pending === 0) found.status = 'available';
    return `<${name}s>${printDatabase(kind, found, given.region)}</${name}s>`;
  };
}

function describeSnapshots(kind: RdsKind): Action['answer'] {
  const [name, prefix] = kind === 'instance' ? ['DBSnapshot', 'DBInstance'] : ['DBClusterSnapshot', 'DBCluster'];
  return (given, regions) => {
    const id = given.text(`${name}Identifier`);
    const of = given.text(`${prefix}Identifier`);
    const type = given.text('SnapshotType');
    const found = regions
      .snapshots(given.region, kind)
      .filter((one) => (id === undefined || one.id === id) && (of === undefined || one.of === of))
      .filter((one) => type === undefined || one.type === type);
    if (id !== undefined)
      there(found[0], kind === 'instance' ? 'DBSnapshotNotFound' : 'DBClusterSnapshotNotFoundFault');
    if (id !== undefined) for (const one of found) if (one.pending > 0 && --one.pending === 0) one.status = 'available';
    const [page, marker] = pageOf(found, given);
    return `${marker}<${name}s>${page.map((one) => printSnapshot(kind, one, given.region)).join('')}</${name}s>`;
  };
}

function pageOf<T>(found: readonly T[], given: Given): [page: T[], marker: string] {
  const from = Number(given.text('Marker') ?? 0);
  return [found.slice(from, from + 20), from + 20 < found.length ? `<Marker>${from + 20}</Marker>` : ''];
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBSnapshot.html, and the same of clusters */
function deleteSnapshot(kind: RdsKind): Action['answer'] {
  const [name, type] = kind === 'instance' ? ['DBSnapshot', 'snapshot'] : ['DBClusterSnapshot', 'cluster-snapshot'];
  return (given, regions) => {
    const id = given.id(`${name}Identifier`);
    const found = there(
      regions.snapshot(given.region, kind, id),
      kind === 'instance' ? 'DBSnapshotNotFound' : 'DBClusterSnapshotNotFoundFault',
    );
    if (found.status !== 'available' || found.type !== 'manual')
      throw new AwsRefusal(
        400,
        kind === 'instance' ? 'InvalidDBSnapshotState' : 'InvalidDBClusterSnapshotStateFault',
        `it is ${found.type} and ${found.status}`,
      );
    regions.removeSnapshot(given.region, kind, id, arn(given.region, type!, id));
    return printSnapshot(kind, { ...found, status: 'deleted' }, given.region);
  };
}

function createSnapshot(kind: RdsKind): Action['answer'] {
  const [name, prefix] = kind === 'instance' ? ['DBSnapshot', 'DBInstance'] : ['DBClusterSnapshot', 'DBCluster'];
  return (given, regions) => {
    const source = there(
      regions.database(given.region, kind, given.id(`${prefix}Identifier`)),
      kind === 'instance' ? 'DBInstanceNotFound' : 'DBClusterNotFoundFault',
    );
    const id = given.id(`${name}Identifier`);
    if (regions.snapshot(given.region, kind, id))
      throw new AwsRefusal(
        400,
        kind === 'instance' ? 'DBSnapshotAlreadyExists' : 'DBClusterSnapshotAlreadyExistsFault',
        'exists',
      );
    if (source.status !== 'available')
      throw new AwsRefusal(
        400,
        kind === 'instance' ? 'InvalidDBInstanceState' : 'InvalidDBClusterStateFault',
        `it is ${source.status}`,
      );
    const manual = regions.snapshots(given.region, kind).filter(({ type }) => type === 'manual');
    if (manual.length >= regions.snapshotQuota) throw new AwsRefusal(400, 'SnapshotQuotaExceeded', 'quota');
    const { engineVersion, sizeGiB, encrypted } = source;
    const made = regions.addSnapshot(given.region, kind, {
      ...{ id, of: source.id, engineVersion, sizeGiB, encrypted, tags: given.tags },
      ...beginning(regions),
    });
    return printSnapshot(kind, made, given.region);
  };
}

function copySnapshot(kind: RdsKind): Action['answer'] {
  const name = kind === 'instance' ? 'DBSnapshot' : 'DBClusterSnapshot';
  return (given, regions) => {
    const arn = given.text(`Source${name}Identifier`)!;
    const [, , , region, , , id] = arn.split(':');
    const source = there(
      regions.snapshot(region!, kind, id!),
      kind === 'instance' ? 'DBSnapshotNotFound' : 'DBClusterSnapshotNotFoundFault',
    );
    const target = given.id(`Target${name}Identifier`);
    if (regions.snapshot(given.region, kind, target))
      throw new AwsRefusal(
        400,
        kind === 'instance' ? 'DBSnapshotAlreadyExists' : 'DBClusterSnapshotAlreadyExistsFault',
        'exists',
      );
    if (source.status !== 'available') throw new AwsRefusal(400, 'InvalidDBSnapshotState', 'it is not available');
    const kmsKey = given.text('KmsKeyId');
    // a key is of one region: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
    if (source.encrypted && kmsKey?.split(':')[3] !== given.region)
      throw new AwsRefusal(400, 'KMSKeyNotAccessibleFault', 'The specified KMS key cannot be used');
    // asked for where what is copied is encrypted, and not read where it is not
    if (source.encrypted) {
      const signed = given.call.copied(given.text('PreSignedUrl') ?? 'none:');
      if (signed.source !== arn || signed.region !== region)
        throw new AwsRefusal(400, 'InvalidParameterCombination', 'PreSignedUrl');
    }
    const made = regions.addSnapshot(given.region, kind, {
      ...{ id: target, of: source.of, engineVersion: source.engineVersion, sizeGiB: source.sizeGiB },
      ...{ encrypted: source.encrypted, kmsKey, tags: given.tags, ...beginning(regions) },
      copyOf: { arn, createdAt: source.copyOf?.createdAt ?? source.createdAt },
    });
    return printSnapshot(kind, made, given.region);
  };
}

/** What is made at once is there at once. */
const beginning = ({ looks }: RdsRegions) => ({ status: looks === 0 ? 'available' : 'creating', pending: looks });

function inWindow({ earliest, latest }: RdsDatabase, given: Given): void {
  const time = new Date(given.text('RestoreTime') ?? given.text('RestoreToTime') ?? '');
  if (!earliest || !latest) throw new AwsRefusal(400, 'PointInTimeRestoreNotEnabled', 'no backups');
  if (!(time >= earliest && time <= latest)) throw new AwsRefusal(400, 'InvalidRestoreFault', 'outside of the window');
}

function restored(
  kind: RdsKind,
  given: Given,
  regions: RdsRegions,
  id: string,
  from: Pick<RdsDatabase, 'engineVersion' | 'sizeGiB' | 'encrypted'>,
  cluster?: string,
): string {
  if (regions.database(given.region, kind, id))
    throw new AwsRefusal(
      400,
      kind === 'instance' ? 'DBInstanceAlreadyExists' : 'DBClusterAlreadyExistsFault',
      'exists',
    );
  const { engineVersion, sizeGiB, encrypted } = from;
  const made = regions.add(given.region, kind, {
    ...{ id, engineVersion, sizeGiB, encrypted, cluster, tags: given.tags, ...beginning(regions) },
    // what is not said is public where the subnet group is
    publiclyAccessible: given.text('PubliclyAccessible') !== 'false',
    subnetGroup: given.text('DBSubnetGroupName') ?? 'default',
    securityGroups: given.list('VpcSecurityGroupIds.VpcSecurityGroupId'),
    instanceClass: given.text('DBInstanceClass') ?? 'db.r6g.large',
  });
  return printDatabase(kind, made, given.region);
}

const time = (name: string, at: Date | undefined): string => (at ? `<${name}>${at.toISOString()}</${name}>` : '');
const tagList = (tags: Record<string, string>): string =>
  `<TagList>${Object.entries(tags)
    .map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`)
    .join('')}</TagList>`;

const arn = (region: string, type: string, id: string): string => `arn:aws:rds:${region}:111122223333:${type}:${id}`;

function printDatabase(kind: RdsKind, database: RdsDatabase, region: string): string {
  const { id, status, engineVersion, latest, earliest, retentionDays, encrypted, tags, subnetGroup, cluster } =
    database;
  const same = `<EngineVersion>${engineVersion}</EngineVersion>${time('LatestRestorableTime', latest)}
    <BackupRetentionPeriod>${retentionDays}</BackupRetentionPeriod><StorageEncrypted>${encrypted}</StorageEncrypted>${tagList(tags)}`;
  if (kind === 'cluster')
    return `<DBCluster><DBClusterIdentifier>${id}</DBClusterIdentifier><DBClusterArn>${arn(region, 'cluster', id)}</DBClusterArn>
      <Status>${status}</Status><Engine>aurora-postgresql</Engine>${same}${time('EarliestRestorableTime', earliest)}
      <DBSubnetGroup>${subnetGroup}</DBSubnetGroup><AllocatedStorage>1</AllocatedStorage></DBCluster>`;
  return `<DBInstance><DBInstanceIdentifier>${id}</DBInstanceIdentifier><DBInstanceArn>${arn(region, 'db', id)}</DBInstanceArn>
    <DBInstanceStatus>${status}</DBInstanceStatus><Engine>${cluster === undefined ? 'postgres' : 'aurora-postgresql'}</Engine>${same}
    <AllocatedStorage>${database.sizeGiB}</AllocatedStorage><DBInstanceClass>${database.instanceClass}</DBInstanceClass>
    <PubliclyAccessible>${database.publiclyAccessible}</PubliclyAccessible>
    <DBSubnetGroup><DBSubnetGroupName>${subnetGroup}</DBSubnetGroupName></DBSubnetGroup></DBInstance>`;
}

function printSnapshot(kind: RdsKind, snapshot: RdsSnapshot, region: string): string {
  const { id, of, type, status, createdAt, copyOf, engineVersion, sizeGiB, encrypted, tags } = snapshot;
  const [name, prefix] = kind === 'instance' ? ['DBSnapshot', 'DBInstance'] : ['DBClusterSnapshot', 'DBCluster'];
  const flag = kind === 'instance' ? 'Encrypted' : 'StorageEncrypted';
  const source = kind === 'instance' ? 'SourceDBSnapshotIdentifier' : 'SourceDBClusterSnapshotArn';
  const copied = copyOf ? `<${source}>${copyOf.arn}</${source}>` : '';
  // of clusters it is not told: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBClusterSnapshot.html
  const original = kind === 'instance' ? time('OriginalSnapshotCreateTime', copyOf?.createdAt ?? createdAt) : '';
  return `<${name}><${name}Identifier>${id}</${name}Identifier><${prefix}Identifier>${of}</${prefix}Identifier>
    <${name}Arn>${arn(region, kind === 'instance' ? 'snapshot' : 'cluster-snapshot', id)}</${name}Arn>
    <SnapshotType>${type}</SnapshotType><Status>${status}</Status>${time('SnapshotCreateTime', status === 'available' ? createdAt : undefined)}
    ${status === 'available' ? original : ''}${copied}
    <Engine>postgres</Engine><EngineVersion>${engineVersion}</EngineVersion><AllocatedStorage>${sizeGiB}</AllocatedStorage>
    <${flag}>${encrypted}</${flag}>${tagList(tags)}</${name}>`;
}
