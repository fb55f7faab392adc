import {
  AddTagsToResourceCommand,
  type DBInstance,
  DescribeDBInstancesCommand,
  ModifyDBInstanceCommand,
  PromoteReadReplicaCommand,
  RDSClient,
  RebootDBInstanceCommand,
  RemoveTagsFromResourceCommand,
} from '@aws-sdk/client-rds';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { awsErrorOf, sendAws } from './send-aws.ts';

/** One instance of RDS, as a move needs it. Every method @throws as sendAws does. */
export interface RdsInstance {
  /** undefined: there is none of that identifier */
  describe(signal: AbortSignal): Promise<DBInstance | undefined>;
  /** These and no others. false: RDS is busy with it. */
  putGroups(groups: readonly string[], signal: AbortSignal): Promise<boolean>;
  /** Its status then. undefined: RDS is busy with it. */
  reboot(signal: AbortSignal): Promise<string | undefined>;
  /** false: RDS is busy with it, or it is no replica any more. */
  promote(retentionDays: number | undefined, signal: AbortSignal): Promise<boolean>;
  tag(arn: string, tags: Record<string, string>, signal: AbortSignal): Promise<void>;
  untag(arn: string, keys: readonly string[], signal: AbortSignal): Promise<void>;
}

export function openRdsInstance(id: string, region: string, environment: Environment): RdsInstance {
  const client = new RDSClient({ ...awsClientConfig(environment, 'rds'), region });
  const call = (action: string) => ({ action: `rds:${action}`, subject: `the instance ${id}`, place: placeOf(region) });
  const one = { DBInstanceIdentifier: id };
  return {
    describe: (signal) =>
      unless('DBInstanceNotFoundFault', undefined, async () => {
        const command = new DescribeDBInstancesCommand(one);
        const told = await sendAws(call('DescribeDBInstances'), signal, (how) => client.send(command, how));
        return told.DBInstances?.[0];
      }),
    putGroups: (groups, signal) =>
      unless('InvalidDBInstanceStateFault', false, async () => {
        const given = { ...one, VpcSecurityGroupIds: [...groups], ApplyImmediately: true };
        const command = new ModifyDBInstanceCommand(given);
        await sendAws(call('ModifyDBInstance'), signal, (how) => client.send(command, how));
        return true;
      }),
    reboot: (signal) =>
      unless('InvalidDBInstanceStateFault', undefined, async () => {
        const command = new RebootDBInstanceCommand(one);
        const told = await sendAws(call('RebootDBInstance'), signal, (how) => client.send(command, how));
        return told.DBInstance?.DBInstanceStatus ?? 'rebooting';
      }),
    promote: (days, signal) =>
      unless('InvalidDBInstanceStateFault', false, async () => {
        const command = new PromoteReadReplicaCommand({ ...one, ...(days && { BackupRetentionPeriod: days }) });
        await sendAws(call('PromoteReadReplica'), signal, (how) => client.send(command, how));
        return true;
      }),
    tag: async (ResourceName, tags, signal) => {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      const command = new AddTagsToResourceCommand({ ResourceName, Tags });
      await sendAws(call('AddTagsToResource'), signal, (how) => client.send(command, how));
    },
    untag: async (ResourceName, keys, signal) => {
      const command = new RemoveTagsFromResourceCommand({ ResourceName, TagKeys: [...keys] });
      await sendAws(call('RemoveTagsFromResource'), signal, (how) => client.send(command, how));
    },
  };
}

export const placeOf = (region: string): string => `RDS in ${region}`;

/** What is expected of AWS's errors is an answer. */
export async function unless<T, I>(expected: string, instead: I, ask: () => Promise<T>): Promise<T | I> {
  try {
    return await ask();
  } catch (error) {
    if (awsErrorOf(error) === expected) return instead;
    throw error;
  }
}
