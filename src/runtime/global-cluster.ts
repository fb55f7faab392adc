import {
  type DBCluster,
  DescribeDBClustersCommand,
  DescribeGlobalClustersCommand,
  FailoverGlobalClusterCommand,
  type GlobalCluster,
  RDSClient,
  SwitchoverGlobalClusterCommand,
} from '@aws-sdk/client-rds';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { placeOf, unless } from './rds-instance.ts';
import { sendAws } from './send-aws.ts';

/** An Aurora global database. Every method @throws as sendAws does. */
export interface AuroraGlobal {
  /** Every region that it has a cluster in tells the same, so all are asked and the first answer counts; undefined: there is none. */
  describe(regions: readonly string[], signal: AbortSignal): Promise<GlobalCluster | undefined>;
  /** undefined: there is none */
  cluster(region: string, id: string, signal: AbortSignal): Promise<DBCluster | undefined>;
  /** Nothing is lost; asked of the region of the primary. */
  switchover(region: string, target: string, signal: AbortSignal): Promise<void>;
  /** What has not been copied is lost; asked of the region of the target. */
  failover(region: string, target: string, signal: AbortSignal): Promise<void>;
}

export function openAuroraGlobal(id: string, environment: Environment): AuroraGlobal {
  const clientIn = (region: string) => new RDSClient({ ...awsClientConfig(environment, 'rds'), region });
  const call = (region: string, action: string, subject = `the global database ${id}`) => ({
    ...{ action: `rds:${action}`, subject, place: placeOf(region) },
  });
  const one = { GlobalClusterIdentifier: id };
  const describeIn = (region: string, signal: AbortSignal) =>
    unless('GlobalClusterNotFoundFault', undefined, async () => {
      const command = new DescribeGlobalClustersCommand(one);
      const told = await sendAws(call(region, 'DescribeGlobalClusters'), signal, (how) =>
        clientIn(region).send(command, how),
      );
      return told.GlobalClusters?.[0];
    });
  return {
    describe: (regions, signal) => firstAnswer(regions.map((region) => describeIn(region, signal))),
    cluster: (region, cluster, signal) =>
      unless('DBClusterNotFoundFault', undefined, async () => {
        const command = new DescribeDBClustersCommand({ DBClusterIdentifier: cluster });
        const asked = call(region, 'DescribeDBClusters', `the cluster ${cluster}`);
        const told = await sendAws(asked, signal, (how) => clientIn(region).send(command, how));
        return told.DBClusters?.[0];
      }),
    switchover: async (region, target, signal) => {
      const command = new SwitchoverGlobalClusterCommand({ ...one, TargetDbClusterIdentifier: target });
      await sendAws(call(region, 'SwitchoverGlobalCluster'), signal, (how) => clientIn(region).send(command, how));
    },
    failover: async (region, target, signal) => {
      const given = { ...one, TargetDbClusterIdentifier: target, AllowDataLoss: true };
      const command = new FailoverGlobalClusterCommand(given);
      await sendAws(call(region, 'FailoverGlobalCluster'), signal, (how) => clientIn(region).send(command, how));
    },
  };
}

async function firstAnswer<T>(answers: readonly Promise<T>[]): Promise<T> {
  try {
    return await Promise.any(answers);
  } catch (error) {
    throw (error as AggregateError).errors[0];
  }
}
