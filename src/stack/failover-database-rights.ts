import type { FailoverGroup } from '#model/failover-group';
import { sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import type { Plan } from '#model/plan';
import { sub } from './intrinsics.ts';

/*
 * Who may do what with the databases that a failover moves: by ARN, only what the plan names, in the regions that it names.
 * What AWS lets nobody limit (DescribeInstances, GetCommandInvocation, ListCommands) is limited by its region.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */

export interface DatabaseStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: unknown;
  Condition?: object;
}

export interface DatabaseRights {
  /** of whoever looks at the sites: plan-failover, recheck-failover, watch-failover, plan-failback, check-standby */
  looks: DatabaseStatement[];
  /** beside `looks`: they see what they do */
  'fence-primary': DatabaseStatement[];
  'promote-standby': DatabaseStatement[];
  /** of the task, beside `looks` */
  'rebuild-standby': DatabaseStatement[];
}

/** Empty lists where the plan has none of such servers. */
export function databaseRights({ failover }: Pick<Plan, 'failover'>): DatabaseRights {
  const sites = failover.flatMap(sitesOf);
  const [rds, aurora, ec2] = [of(sites, 'rds'), of(sites, 'aurora'), machinesOf(sites)];
  return {
    looks: [
      ...lookingAtInstances(rds),
      ...lookingAtGlobals(aurora),
      ...lookingAtMachines(ec2),
      ...witnessing(failover),
    ],
    'fence-primary': [...fencingInstances(rds), ...fencingMachines(ec2)],
    // a fence that somebody opened is put up again before it counts
    'promote-standby': [
      ...promotingInstances(rds),
      ...fencingInstances(rds),
      ...movingGlobals(aurora),
      ...fencingMachines(ec2),
    ],
    'rebuild-standby': [...replicating(failover), ...runningDocuments(ec2)],
  };
}

type Server = Site['server'];
type Of<K extends Server['kind']> = Extract<Server, { kind: K }>;
const of = <K extends Server['kind']>(sites: readonly Site[], kind: K): Of<K>[] =>
  sites.flatMap(({ server }) => (server.kind === kind ? [server as Of<K>] : []));

interface Machine {
  instance: string;
  region: string;
  rebuildDocument?: string;
}
const machinesOf = (sites: readonly Site[]): Machine[] =>
  of(sites, 'postgres').flatMap(({ control }) => (control.kind === 'ec2' ? [control] : []));

const arn = (service: string, region: string, rest: string, account = `\${AWS::AccountId}`) =>
  sub(`arn:\${AWS::Partition}:${service}:${region}:${account}:${rest}`);
const unique = <T>(all: readonly T[]): T[] => [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];

/** Nothing where there is nothing to do it to. */
function allow(Sid: string, Action: string[], resources: readonly unknown[], Condition?: object): DatabaseStatement[] {
  if (resources.length === 0) return [];
  return [{ Sid, Effect: 'Allow', Action, Resource: unique(resources), ...(Condition && { Condition }) }];
}

/** Of what has no ARN of its own. */
function inRegions(Sid: string, Action: string[], regions: readonly string[]): DatabaseStatement[] {
  if (regions.length === 0) return [];
  const Condition = { StringEquals: { 'aws:RequestedRegion': unique(regions) } };
  return [{ Sid, Effect: 'Allow', Action, Resource: '*', Condition }];
}

const instances = (rds: readonly Of<'rds'>[]) =>
  rds.map(({ region, instance }) => arn('rds', region, `db:${instance}`));

const lookingAtInstances = (rds: readonly Of<'rds'>[]) =>
  allow('LookAtSites', ['rds:DescribeDBInstances'], instances(rds));

const lookingAtGlobals = (aurora: readonly Of<'aurora'>[]): DatabaseStatement[] => [
  ...allow('LookAtGlobals', ['rds:DescribeGlobalClusters'], globals(aurora)),
  ...allow('LookAtMembers', ['rds:DescribeDBClusters'], members(aurora)),
];

/** A global database is of no region. */
const globals = (aurora: readonly Of<'aurora'>[]) =>
  aurora.map(({ globalCluster }) => arn('rds', '', `global-cluster:${globalCluster}`));
const members = (aurora: readonly Of<'aurora'>[]) =>
  aurora.map(({ region, cluster }) => arn('rds', region, `cluster:${cluster}`));

const lookingAtMachines = (ec2: readonly Machine[]) =>
  inRegions(
    'LookAtMachines',
    ['ec2:DescribeInstances'],
    ec2.map(({ region }) => region),
  );

function witnessing(groups: readonly FailoverGroup[]): DatabaseStatement[] {
  const witnesses = groups.flatMap((group) => group.witnesses);
  const alarms = witnesses.flatMap((one) => (one.kind === 'alarm' ? [one] : []));
  const checks = witnesses.flatMap((one) => (one.kind === 'route53' ? [one.healthCheck] : []));
  return [
    ...allow(
      'AskAlarms',
      ['cloudwatch:DescribeAlarms'],
      alarms.map((one) => arn('cloudwatch', one.region, `alarm:${one.alarm}`)),
    ),
    ...allow(
      'AskHealthChecks',
      ['route53:GetHealthCheckStatus'],
      checks.map((id) => arn('route53', '', `healthcheck/${id}`, '')),
    ),
  ];
}

/** What cannot be fenced is not. The tags are what a fence is remembered by. */
function fencingInstances(rds: readonly Of<'rds'>[]): DatabaseStatement[] {
  const fenced = rds.filter(({ fenceGroup }) => fenceGroup !== undefined);
  const tagged = {
    'ForAllValues:StringEquals': { 'aws:TagKeys': ['lifeboat:end', 'lifeboat:fenced', 'lifeboat:groups-before'] },
  };
  return [
    ...allow('FenceInstances', ['rds:ModifyDBInstance', 'rds:RebootDBInstance'], instances(fenced)),
    ...allow('RememberFences', ['rds:AddTagsToResource', 'rds:RemoveTagsFromResource'], instances(fenced), tagged),
  ];
}

const promotingInstances = (rds: readonly Of<'rds'>[]) =>
  allow('PromoteReplicas', ['rds:PromoteReadReplica'], instances(rds));

const movingGlobals = (aurora: readonly Of<'aurora'>[]) =>
  allow(
    'MoveWriters',
    ['rds:FailoverGlobalCluster', 'rds:SwitchoverGlobalCluster'],
    [...globals(aurora), ...members(aurora)],
  );

function fencingMachines(ec2: readonly Machine[]): DatabaseStatement[] {
  const machines = ec2.map(({ region, instance }) => arn('ec2', region, `instance/${instance}`));
  const tagged = { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['lifeboat:end'] } };
  return [
    ...allow('StopMachines', ['ec2:StartInstances', 'ec2:StopInstances'], machines),
    ...allow('RememberEnds', ['ec2:CreateTags'], machines, tagged),
  ];
}

/**
 * Of both sites, for the primary may be at either: the replica has the name in the plan, the old instance one that begins with it.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
 */
function replicating(groups: readonly FailoverGroup[]): DatabaseStatement[] {
  const rds = of(groups.flatMap(sitesOf), 'rds');
  const regions = unique(rds.map(({ region }) => region));
  const around = regions.flatMap((region) => ['og', 'pg', 'subgrp'].map((type) => arn('rds', region, `${type}:*`)));
  const aside = rds.map(({ region, instance }) => arn('rds', region, `db:${instance.slice(0, 40)}-aside-*`));
  return [
    // a list is of all instances of a region
    ...allow(
      'FindPutAside',
      ['rds:DescribeDBInstances'],
      regions.map((region) => arn('rds', region, 'db:*')),
    ),
    ...allow('PutAside', ['rds:ModifyDBInstance'], [...instances(rds), ...aside]),
    ...allow('MakeReplicas', ['rds:CreateDBInstanceReadReplica'], [...instances(rds), ...around]),
  ];
}

/** A document of AWS's own has no account in its ARN; those of a plan are the account's. */
function runningDocuments(ec2: readonly Machine[]): DatabaseStatement[] {
  const some = ec2.filter(({ rebuildDocument }) => rebuildDocument !== undefined);
  const targets = some.flatMap(({ region, instance, rebuildDocument }) => [
    arn('ec2', region, `instance/${instance}`),
    arn('ssm', region, `document/${rebuildDocument}`),
  ]);
  return [
    ...allow('SendDocuments', ['ssm:SendCommand'], targets),
    ...inRegions(
      'FollowDocuments',
      ['ssm:GetCommandInvocation', 'ssm:ListCommands'],
      some.map(({ region }) => region),
    ),
  ];
}
