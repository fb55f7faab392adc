import { AwsRefusal } from './strict-aws-signature.ts';
import { type RegionCall, type StrictRegions, startStrictRegions } from './strict-regions.ts';

/** An instance as RDS keeps it; what takes time is counted in calls about it. */
export interface MovedInstance {
  id: string;
  /** stays when it is renamed */
  resource: string;
  region: string;
  status: string;
  groups: { id: string; status: string }[];
  tags: Record<string, string>;
  /** how often it had been rebooted when a tag was put */
  rebootsAtTag: Record<string, number>;
  /** ARN of what it is a replica of */
  replicaOf?: string | undefined;
  replicates: boolean;
  retentionDays: number;
  encryptedBy?: string;
  /** in what it is, one look after another, until it is available again */
  ahead: { status: string; ends?(): void }[];
  /** how many times it was rebooted */
  reboots: number;
}

export interface StrictRdsMove extends StrictRegions {
  instances: MovedInstance[];
  add(region: string, id: string, more?: Partial<MovedInstance>): MovedInstance;
  find(region: string, id: string): MovedInstance | undefined;
}

const account = '111122223333';
export const instanceArn = (region: string, id: string): string => `arn:aws:rds:${region}:${account}:db:${id}`;

/**
 * RDS as far as instances are moved by it: what it does in which status, in which order it tells changes, and what it refuses.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html
 */
export async function startStrictRdsMove(): Promise<StrictRdsMove> {
  const instances: MovedInstance[] = [];
  const stub = await startStrictRegions({
    ...{ service: 'rds', variable: 'RDS', protocol: 'query', version: '2014-10-31' },
    answer: (call) => {
      const action = actions[call.action];
      if (!action) throw new AwsRefusal(400, 'InvalidAction', call.action);
      const unknown = Object.keys(call.given).find((key) => !action.may.includes(key.split('.')[0]!));
      if (unknown) throw new AwsRefusal(400, 'UnknownParameter', unknown);
      return action.answer(call, instances);
    },
  });
  const find = (region: string, id: string) => instances.find((one) => one.region === region && one.id === id);
  const add = (region: string, id: string, more: Partial<MovedInstance> = {}) => {
    const made: MovedInstance = {
      ...{
        id,
        resource: `db-${id.toUpperCase()}`,
        region,
        status: 'available',
        groups: [{ id: 'sg-0a', status: 'active' }],
        tags: {},
        rebootsAtTag: {},
      },
      ...{ replicates: true, retentionDays: 7, ahead: [], reboots: 0, ...more },
    };
    instances.push(made);
    return made;
  };
  return { ...stub, instances, find, add };
}

interface Action {
  may: readonly string[];
  answer(call: RegionCall, all: MovedInstance[]): string;
}

const actions: Readonly<Record<string, Action>> = {
  DescribeDBInstances: {
    may: ['DBInstanceIdentifier', 'Marker', 'MaxRecords'],
    answer: ({ region, given }, all) => {
      const id = given.DBInstanceIdentifier as string | undefined;
      const there = all.filter((one) => one.region === region && (id === undefined || one.id === id));
      if (id !== undefined && there.length === 0) throw new AwsRefusal(404, 'DBInstanceNotFound', `${id} not found.`);
      const told = there.map((one) => print(one, all));
      for (const one of there) pass(one);
      return `<DBInstances>${told.join('')}</DBInstances>`;
    },
  },
  ModifyDBInstance: {
    may: ['DBInstanceIdentifier', 'VpcSecurityGroupIds', 'ApplyImmediately', 'NewDBInstanceIdentifier'],
    answer: (call, all) => {
      const one = ready(call, all);
      if (call.given.ApplyImmediately !== 'true') throw new AwsRefusal(400, 'InvalidParameterCombination', 'later');
      const renamed = call.given.NewDBInstanceIdentifier as string | undefined;
      const wanted = Object.entries(call.given).flatMap(([key, value]) =>
        key.startsWith('VpcSecurityGroupIds.VpcSecurityGroupId.') ? [value as string] : [],
      );
      if (renamed !== undefined) rename(one, renamed, all);
      if (wanted.length > 0) regroup(one, wanted);
      return print(one, all);
    },
  },
  RebootDBInstance: {
    may: ['DBInstanceIdentifier'],
    answer: (call, all) => {
      const one = ready(call, all);
      const down = { status: 'rebooting' };
      one.ahead.push(down, down, down, { status: 'rebooting', ends: () => one.reboots++ });
      // as RDS may: it tells the status of before
      return print(one, all);
    },
  },
  PromoteReadReplica: {
    may: ['DBInstanceIdentifier', 'BackupRetentionPeriod'],
    answer: (call, all) => {
      const one = ready(call, all);
      if (!one.replicaOf) throw new AwsRefusal(400, 'InvalidDBInstanceState', 'DB Instance is not a read replica.');
      one.retentionDays = Number(call.given.BackupRetentionPeriod ?? 1);
      const detach = () => {
        one.replicaOf = undefined;
      };
      one.ahead.push({ status: 'modifying', ends: detach }, { status: 'rebooting' }, { status: 'backing-up' });
      return print(one, all);
    },
  },
  AddTagsToResource: {
    may: ['ResourceName', 'Tags'],
    answer: (call, all) => {
      const one = named(call, all);
      for (let n = 1; call.given[`Tags.Tag.${n}.Key`] !== undefined; n++) {
        const value = String(call.given[`Tags.Tag.${n}.Value`]);
        if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value))
          throw new AwsRefusal(400, 'InvalidParameterValue', value);
        const key = String(call.given[`Tags.Tag.${n}.Key`]);
        one.tags[key] = value;
        one.rebootsAtTag[key] = one.reboots;
      }
      return '';
    },
  },
  RemoveTagsFromResource: {
    may: ['ResourceName', 'TagKeys'],
    answer: (call, all) => {
      const one = named(call, all);
      for (const [key, value] of Object.entries(call.given))
        if (key.startsWith('TagKeys.')) delete one.tags[String(value)];
      return '';
    },
  },
  CreateDBInstanceReadReplica: {
    may: [
      ...['DBInstanceIdentifier', 'SourceDBInstanceIdentifier', 'PreSignedUrl', 'KmsKeyId', 'DBInstanceClass'],
      ...['DBSubnetGroupName', 'VpcSecurityGroupIds', 'Port', 'MultiAZ', 'PubliclyAccessible', 'DBParameterGroupName'],
      ...['CopyTagsToSnapshot', 'DeletionProtection', 'AutoMinorVersionUpgrade', 'Tags'],
    ],
    answer: (call, all) => {
      const { region, given } = call;
      const arn = String(given.SourceDBInstanceIdentifier);
      const source = all.find((one) => instanceArn(one.region, one.id) === arn);
      if (!source) throw new AwsRefusal(404, 'DBInstanceNotFound', arn);
      if (source.status !== 'available') throw new AwsRefusal(400, 'InvalidDBInstanceState', source.status);
      if (source.retentionDays === 0)
        throw new AwsRefusal(400, 'InvalidDBInstanceState', 'Automated backups are not enabled');
      const url = new URL(String(given.PreSignedUrl ?? 'none:'));
      const isSigned = url.searchParams.get('DestinationRegion') === region && url.hostname.includes(source.region);
      // needed for what is encrypted: its key is asked for in the region of the source
      if (source.encryptedBy && !isSigned) throw new AwsRefusal(400, 'InvalidParameterCombination', 'PreSignedUrl');
      if (source.encryptedBy && String(given.KmsKeyId).split(':')[3] !== region)
        throw new AwsRefusal(400, 'KMSKeyNotAccessibleFault', 'The specified KMS key cannot be used');
      const id = String(given.DBInstanceIdentifier);
      if (all.some((one) => one.region === region && one.id === id))
        throw new AwsRefusal(400, 'DBInstanceAlreadyExists', 'DB Instance already exists');
      const groups = Object.entries(given).flatMap(([key, value]) =>
        key.startsWith('VpcSecurityGroupIds.') ? [{ id: String(value), status: 'active' }] : [],
      );
      const made: MovedInstance = {
        ...{
          id,
          resource: `db-REPLICA${all.length}`,
          region,
          status: 'creating',
          groups,
          tags: {},
          rebootsAtTag: {},
          replicaOf: arn,
        },
        ...{ replicates: true, retentionDays: 0 },
        ...{ ahead: [{ status: 'creating' }, { status: 'creating' }], reboots: 0 },
        ...(given.KmsKeyId !== undefined && { encryptedBy: String(given.KmsKeyId) }),
      };
      all.push(made);
      return print(made, all);
    },
  },
};

function named({ region, given }: RegionCall, all: MovedInstance[]): MovedInstance {
  const one = all.find((each) => instanceArn(each.region, each.id) === given.ResourceName && each.region === region);
  if (!one) throw new AwsRefusal(404, 'DBInstanceNotFound', String(given.ResourceName));
  return one;
}

function ready({ region, given }: RegionCall, all: MovedInstance[]): MovedInstance {
  const one = all.find((each) => each.region === region && each.id === given.DBInstanceIdentifier);
  if (!one) throw new AwsRefusal(404, 'DBInstanceNotFound', `${given.DBInstanceIdentifier} not found.`);
  const isBusy = one.status !== 'available' || one.ahead.length > 0;
  if (isBusy) {
    pass(one);
    throw new AwsRefusal(400, 'InvalidDBInstanceState', 'Database instance is not in available state.');
  }
  return one;
}

/** Groups are told as being added and removed while they are: only after two looks they are what was asked for. */
function regroup(one: MovedInstance, wanted: readonly string[]): void {
  for (const group of wanted)
    if (!/^sg-[0-9a-f]{1,17}$/.test(group)) throw new AwsRefusal(400, 'InvalidParameterValue', group);
  const leaving = one.groups.filter(({ id }) => !wanted.includes(id)).map(({ id }) => ({ id, status: 'removing' }));
  one.groups = [...wanted.map((id) => ({ id, status: 'adding' })), ...leaving];
  const settle = () => {
    one.groups = wanted.map((id) => ({ id, status: 'active' }));
  };
  one.ahead.push({ status: 'modifying' }, { status: 'modifying', ends: settle });
}

function rename(one: MovedInstance, id: string, all: MovedInstance[]): void {
  if (!/^(?=.{1,63}$)[a-z](?:-?[a-z0-9])*$/.test(id)) throw new AwsRefusal(400, 'InvalidParameterValue', id);
  if (all.some((each) => each.region === one.region && each.id === id))
    throw new AwsRefusal(400, 'DBInstanceAlreadyExists', id);
  const take = () => {
    one.id = id;
  };
  one.ahead.push({ status: 'renaming', ends: take }, { status: 'rebooting' });
}

function pass(one: MovedInstance): void {
  const next = one.ahead.shift();
  next?.ends?.();
  one.status = one.ahead[0]?.status ?? (next ? 'available' : one.status);
}

function print(one: MovedInstance, all: MovedInstance[]): string {
  const { id, region, status, groups, tags, replicaOf } = one;
  const arn = instanceArn(region, id);
  const replicas = all.filter((each) => each.replicaOf === arn).map((each) => instanceArn(each.region, each.id));
  return `<DBInstance><DBInstanceIdentifier>${id}</DBInstanceIdentifier><DBInstanceArn>${arn}</DBInstanceArn>
    <DbiResourceId>${one.resource}</DbiResourceId><DBInstanceStatus>${status}</DBInstanceStatus><Engine>postgres</Engine>
    <DBInstanceClass>db.m6g.large</DBInstanceClass><MultiAZ>false</MultiAZ><PubliclyAccessible>false</PubliclyAccessible>
    <Endpoint><Address>${id}.abc.${region}.rds.amazonaws.com</Address><Port>5432</Port></Endpoint>
    <BackupRetentionPeriod>${one.retentionDays}</BackupRetentionPeriod>
    <StorageEncrypted>${one.encryptedBy !== undefined}</StorageEncrypted>
    ${one.encryptedBy === undefined ? '' : `<KmsKeyId>${one.encryptedBy}</KmsKeyId>`}
    <DBSubnetGroup><DBSubnetGroupName>private-${region}</DBSubnetGroupName></DBSubnetGroup>
    <DBParameterGroups><DBParameterGroup><DBParameterGroupName>ours</DBParameterGroupName></DBParameterGroup></DBParameterGroups>
    <VpcSecurityGroups>${groups.map((group) => `<VpcSecurityGroupMembership><VpcSecurityGroupId>${group.id}</VpcSecurityGroupId><Status>${group.status}</Status></VpcSecurityGroupMembership>`).join('')}</VpcSecurityGroups>
    ${
      replicaOf === undefined
        ? ''
        : `<ReadReplicaSourceDBInstanceIdentifier>${replicaOf}</ReadReplicaSourceDBInstanceIdentifier>
    <StatusInfos><DBInstanceStatusInfo><StatusType>read replication</StatusType><Normal>${one.replicates}</Normal><Status>${one.replicates ? 'replicating' : 'error'}</Status></DBInstanceStatusInfo></StatusInfos>`
    }
    <ReadReplicaDBInstanceIdentifiers>${replicas.map((each) => `<ReadReplicaDBInstanceIdentifier>${each}</ReadReplicaDBInstanceIdentifier>`).join('')}</ReadReplicaDBInstanceIdentifiers>
    <TagList>${Object.entries(tags)
      .map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`)
      .join('')}</TagList></DBInstance>`;
}
