import {
  CreateDBInstanceReadReplicaCommand,
  type CreateDBInstanceReadReplicaMessage,
  type DBInstance,
  ModifyDBInstanceCommand,
  paginateDescribeDBInstances,
  RDSClient,
} from '@aws-sdk/client-rds';
import { RebuildFailed } from '#failover/failures';
import type { Failure } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { askUntil, type Pause } from './ask-until.ts';
import { awsClientConfig } from './aws-client-config.ts';
import { fencedTag, groupsOf, groupsTag, hasGroups, isReplica, tagOf } from './rds-fence.ts';
import { openRdsInstance, placeOf, unless } from './rds-instance.ts';
import type { RdsServer } from './rds-site.ts';
import { sendAws } from './send-aws.ts';

export interface ReplicaOrder {
  /** where the replica is to be, under the name that the plan has for it */
  site: { name: string; server: RdsServer };
  /** where the primary is by now */
  primary: { name: string; server: RdsServer };
  environment: Environment;
  signal: AbortSignal;
  /** what RDS says of it, each time that it says something else */
  onProgress?: (status: string) => void;
  pause?: Pause;
}

export interface ReplicaMade {
  /** nothing: it was there */
  how: 'nothing' | 'replica';
  /** how the old instance is called now; null: there was none to keep */
  keptAside: string | null;
}

/**
 * Make a read replica of the primary where the old primary was, with the class, network, groups and key of that one. RDS makes no
 * replica of what was a primary, so the old instance gives up its name and stays, fenced and paid for, until somebody who has
 * looked at it deletes it. A kill leaves it at one of these steps, and a second call goes on there.
 * @throws RebuildFailed
 */
export async function makeReplica(order: ReplicaOrder): Promise<ReplicaMade> {
  try {
    return await make(order);
  } catch (failure) {
    if (failure instanceof RebuildFailed || order.signal.aborted) throw failure;
    const { message, hint } = failure as Failure;
    throw failed(order, message, { cause: failure, ...(hint !== undefined && { hint }) });
  }
}

async function make(order: ReplicaOrder): Promise<ReplicaMade> {
  const { site, primary, environment, signal } = order;
  const source = await primaryOf(order);
  const rds = openRdsInstance(site.server.instance, site.server.region, environment);
  const there = await rds.describe(signal);
  const aside = await newestAside(order);
  const keptAside = aside?.DBInstanceIdentifier ?? null;
  if (there && isReplica(there)) {
    if (there.ReadReplicaSourceDBInstanceIdentifier !== source.DBInstanceArn)
      throw failed(
        order,
        `it is a replica of ${there.ReadReplicaSourceDBInstanceIdentifier}, not of ${primary.server.instance}`,
      );
    const wasThere = there.DBInstanceStatus === 'available';
    if (!wasThere) await untilAvailable(order, site.server.instance);
    return { how: wasThere ? 'nothing' : 'replica', keptAside };
  }
  const old = there ? await putAside(order, there) : aside;
  if (!old)
    throw failed(order, 'there is no instance whose class, network and key the replica could have', {
      hint: `create a read replica of ${source.DBInstanceArn} by hand, in ${site.server.region}, as ${site.server.instance}`,
    });
  await create(order, source, old);
  await untilAvailable(order, site.server.instance);
  return { how: 'replica', keptAside: old.DBInstanceIdentifier ?? null };
}

async function primaryOf(order: ReplicaOrder): Promise<DBInstance> {
  const { instance, region } = order.primary.server;
  const told = await openRdsInstance(instance, region, order.environment).describe(order.signal);
  if (!told) throw failed(order, `${placeOf(region)} has no instance ${instance}, which should be the primary`);
  if (isReplica(told)) throw failed(order, `${instance} in ${region} is a replica itself, and no primary`);
  // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.Create.html
  if (!told.BackupRetentionPeriod)
    throw failed(order, `${instance} in ${region} has no automated backups, which a read replica needs`, {
      hint: `give ${instance} a backup retention of a day at least (BackupRetentionPeriod)`,
    });
  return told;
}

/** What is not fenced may have writes that nobody else has: its name is not taken. */
async function putAside(order: ReplicaOrder, old: DBInstance): Promise<DBInstance> {
  const { site, signal } = order;
  const { fenceGroup, instance } = site.server;
  const isFenced = fenceGroup !== undefined && hasGroups(old, [fenceGroup]) && tagOf(old, fencedTag) !== undefined;
  if (!isFenced) throw failed(order, `${instance} is not fenced, so it may take writes`, { hint: 'fence it first' });
  const name = asideName(instance);
  const seen = async () => {
    const found = await newestAside(order);
    if (found?.DbiResourceId === old.DbiResourceId) return found?.DBInstanceStatus === 'available' ? found : undefined;
    await rename(order, name);
    return undefined;
  };
  const renamed = await askUntil(seen, { ...pace(order), forMs: renameMs }, signal);
  if (!renamed) throw failed(order, `${instance} did not get the name ${name} within ${renameMs / 60_000} minutes`);
  order.onProgress?.(`${instance} is kept as ${renamed.DBInstanceIdentifier}`);
  return renamed;
}

const renameMs = 30 * 60_000;

/** RDS that is busy with it may be busy with just that; then the old name is gone soon. */
async function rename(order: ReplicaOrder, name: string): Promise<void> {
  const { region, instance } = order.site.server;
  const client = clientOf(order);
  const command = new ModifyDBInstanceCommand({
    ...{ DBInstanceIdentifier: instance, NewDBInstanceIdentifier: name, ApplyImmediately: true },
  });
  const call = { action: 'rds:ModifyDBInstance', subject: `the instance ${instance}`, place: placeOf(region) };
  const ask = () => sendAws(call, order.signal, (how) => client.send(command, how));
  await unless('DBInstanceNotFoundFault', undefined, () => unless('InvalidDBInstanceStateFault', undefined, ask));
}

/** An identifier has 63 letters at most, and no two - in a row. */
const asidePrefix = (instance: string): string => `${instance.slice(0, 40).replace(/-+$/, '')}-aside-`;
const asideName = (instance: string): string =>
  asidePrefix(instance) +
  new Date()
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase();

/** Their names sort by time. */
async function newestAside(order: ReplicaOrder): Promise<DBInstance | undefined> {
  const { region, instance } = order.site.server;
  const client = clientOf(order);
  const call = { action: 'rds:DescribeDBInstances', subject: 'its instances', place: placeOf(region) };
  const pages = await sendAws(call, order.signal, () => Array.fromAsync(paginateDescribeDBInstances({ client }, {})));
  const prefix = asidePrefix(instance);
  return pages
    .flatMap(({ DBInstances = [] }) => DBInstances)
    .filter(({ DBInstanceIdentifier: id = '' }) => id.startsWith(prefix))
    .sort((a, b) => (a.DBInstanceIdentifier! < b.DBInstanceIdentifier! ? 1 : -1))[0];
}

async function create(order: ReplicaOrder, source: DBInstance, old: DBInstance): Promise<void> {
  const { region, instance } = order.site.server;
  const client = clientOf(order);
  const command = new CreateDBInstanceReadReplicaCommand(given(order, source, old));
  const call = { action: 'rds:CreateDBInstanceReadReplica', subject: instance, place: placeOf(region) };
  await sendAws(call, order.signal, (how) => client.send(command, how));
}

/**
 * The SDK signs for the region that the ARN of the source names. The groups are those of before the fence, which its tag has kept.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstanceReadReplica.html
 */
function given(order: ReplicaOrder, source: DBInstance, old: DBInstance): CreateDBInstanceReadReplicaMessage {
  const { server } = order.site;
  const groups = tagOf(old, groupsTag)?.split(' ') ?? groupsOf(old.VpcSecurityGroups);
  if (groups.every((id) => id === server.fenceGroup))
    throw failed(order, `which security groups ${old.DBInstanceIdentifier} had before its fence is not known`, {
      hint: `give it the tag ${groupsTag} with their ids, a space between, and start the rebuild again`,
    });
  const { DBSubnetGroupName: subnets } = old.DBSubnetGroup ?? {};
  const parameters = old.DBParameterGroups?.[0]?.DBParameterGroupName;
  return {
    DBInstanceIdentifier: server.instance,
    SourceDBInstanceIdentifier: source.DBInstanceArn,
    DBInstanceClass: old.DBInstanceClass,
    VpcSecurityGroupIds: groups,
    PubliclyAccessible: old.PubliclyAccessible ?? false,
    MultiAZ: old.MultiAZ ?? false,
    CopyTagsToSnapshot: old.CopyTagsToSnapshot ?? true,
    ...(old.Endpoint?.Port !== undefined && { Port: old.Endpoint.Port }),
    ...(subnets !== undefined && { DBSubnetGroupName: subnets }),
    ...(parameters !== undefined && { DBParameterGroupName: parameters }),
    // a key is of one region: that of the source is of no use here
    ...(source.StorageEncrypted && old.KmsKeyId !== undefined && { KmsKeyId: old.KmsKeyId }),
  };
}

/** It copies all that the primary has, from another region. */
async function untilAvailable(order: ReplicaOrder, instance: string): Promise<void> {
  const { region } = order.site.server;
  const rds = openRdsInstance(instance, region, order.environment);
  let said: string | undefined;
  const ask = async () => {
    const status = (await rds.describe(order.signal))?.DBInstanceStatus ?? 'not there yet';
    if (status !== said) order.onProgress?.(`${instance} is ${status}`);
    said = status;
    if (/^(?:failed|incompatible-.*|restore-error|insufficient-capacity|inaccessible-.*|deleting)$/.test(status))
      throw failed(order, `RDS says that it is ${status}`);
    return status === 'available' ? true : undefined;
  };
  if (!(await askUntil(ask, pace(order), order.signal))) throw failed(order, `it is ${said} after a day`);
}

const pace = ({ pause }: ReplicaOrder) => ({ everyMs: 15_000, forMs: 24 * 3_600_000, ...(pause && { pause }) });

const clientOf = ({ site, environment }: ReplicaOrder): RDSClient =>
  new RDSClient({ ...awsClientConfig(environment, 'rds'), region: site.server.region });

const failed = ({ site }: ReplicaOrder, why: string, detail: { hint?: string; cause?: unknown } = {}): RebuildFailed =>
  new RebuildFailed(`${site.server.instance} at ${site.name} is not made a replica: ${why}`, {
    ...{ operation: 'rebuild', subject: site.server.instance },
    ...{ hint: 'look at its status and its events in the console of RDS', ...detail },
  });
