import { AwsRefusal } from './strict-aws-signature.ts';
import { type StrictRegions, startStrictRegions } from './strict-regions.ts';

/** A global database with two clusters, as Aurora keeps it; a move takes `steps` looks. */
export interface KeptGlobal {
  id: string;
  status: string;
  writer: string;
  members: { arn: string; status: string; synchronized: boolean }[];
  move: { to: string; from: string; status: string; dataLoss: boolean; steps: number } | undefined;
  /** regions that burn: what is asked there is answered with 503 */
  burning: Set<string>;
}

export interface StrictGlobalCluster extends StrictRegions {
  kept: KeptGlobal;
}

export const clusterArn = (region: string, id: string): string => `arn:aws:rds:${region}:111122223333:cluster:${id}`;

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverGlobalCluster.html and its neighbours */
export async function startStrictGlobalCluster(kept: KeptGlobal): Promise<StrictGlobalCluster> {
  const stub = await startStrictRegions({
    ...{ service: 'rds', variable: 'RDS', protocol: 'query', version: '2014-10-31' },
    answer: ({ region, action, given }) => {
      if (kept.burning.has(region)) throw new AwsRefusal(503, 'ServiceUnavailable', 'out of order');
      if (action === 'DescribeDBClusters') return describeCluster(kept, region, given);
      known(given, 'GlobalClusterIdentifier', 'TargetDbClusterIdentifier', 'AllowDataLoss');
      if (given.GlobalClusterIdentifier !== kept.id) throw new AwsRefusal(404, 'GlobalClusterNotFoundFault', 'none');
      if (action === 'DescribeGlobalClusters') return describeGlobal(kept);
      if (action === 'SwitchoverGlobalCluster') return begin(kept, region, given, false);
      if (action === 'FailoverGlobalCluster') return begin(kept, region, given, true);
      throw new AwsRefusal(400, 'InvalidAction', action);
    },
  });
  return { ...stub, kept };
}

function known(given: Record<string, unknown>, ...names: string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown) throw new AwsRefusal(400, 'UnknownParameter', unknown);
}

function describeCluster(kept: KeptGlobal, region: string, given: Record<string, unknown>): string {
  known(given, 'DBClusterIdentifier');
  const arn = clusterArn(region, String(given.DBClusterIdentifier));
  const found = kept.members.find((one) => one.arn === arn);
  if (!found) throw new AwsRefusal(404, 'DBClusterNotFoundFault', 'DBCluster not found');
  return `<DBClusters><DBCluster><DBClusterIdentifier>${given.DBClusterIdentifier}</DBClusterIdentifier>
    <DBClusterArn>${arn}</DBClusterArn><Status>${found.status}</Status></DBCluster></DBClusters>`;
}

function describeGlobal(kept: KeptGlobal): string {
  const told = print(kept);
  if (kept.move && --kept.move.steps <= 0) {
    if (kept.move.status !== 'cancelling') kept.writer = kept.move.to;
    kept.move = undefined;
    kept.status = 'available';
  }
  return `<GlobalClusters><GlobalClusterMember>${told}</GlobalClusterMember></GlobalClusters>`; // AWS names it so
}

function begin(kept: KeptGlobal, region: string, given: Record<string, unknown>, dataLoss: boolean): string {
  const to = String(given.TargetDbClusterIdentifier);
  if (dataLoss !== (given.AllowDataLoss === 'true'))
    throw new AwsRefusal(400, 'InvalidParameterCombination', 'AllowDataLoss');
  if (!kept.members.some(({ arn }) => arn === to)) throw new AwsRefusal(404, 'DBClusterNotFoundFault', to);
  if (kept.status !== 'available' || kept.move)
    throw new AwsRefusal(400, 'InvalidGlobalClusterStateFault', kept.status);
  if (to === kept.writer) throw new AwsRefusal(400, 'InvalidDBClusterStateFault', 'it is the writer');
  // a switchover is asked of where the primary is, a failover of where it goes
  const place = dataLoss ? to.split(':')[3] : kept.writer.split(':')[3];
  if (region !== place) throw new AwsRefusal(400, 'InvalidParameterValue', `not in ${region}`);
  const status = dataLoss ? 'failing-over' : 'switching-over';
  kept.status = status;
  kept.move = { to, from: kept.writer, status, dataLoss, steps: 3 };
  return `<GlobalCluster>${print(kept)}</GlobalCluster>`;
}

function print({ id, status, writer, members, move }: KeptGlobal): string {
  const member = ({ arn, synchronized }: KeptGlobal['members'][number]) => `<GlobalClusterMember>
    <DBClusterArn>${arn}</DBClusterArn><IsWriter>${arn === writer}</IsWriter>
    <Readers>${
      arn === writer
        ? members
            .filter((one) => one.arn !== writer)
            .map((one) => `<member>${one.arn}</member>`)
            .join('')
        : ''
    }</Readers>
    ${arn === writer ? '' : `<SynchronizationStatus>${synchronized ? 'connected' : 'pending-resync'}</SynchronizationStatus>`}
    <GlobalWriteForwardingStatus>disabled</GlobalWriteForwardingStatus></GlobalClusterMember>`;
  return `<GlobalClusterIdentifier>${id}</GlobalClusterIdentifier>
    <GlobalClusterResourceId>cluster-f00</GlobalClusterResourceId><Status>${status}</Status><Engine>aurora-postgresql</Engine>
    <GlobalClusterMembers>${members.map(member).join('')}</GlobalClusterMembers>
    ${move ? `<FailoverState><Status>${move.status}</Status><FromDbClusterArn>${move.from}</FromDbClusterArn><ToDbClusterArn>${move.to}</ToDbClusterArn><IsDataLossAllowed>${move.dataLoss}</IsDataLossAllowed></FailoverState>` : ''}`;
}
