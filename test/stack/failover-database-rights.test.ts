import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { type DatabaseRights, databaseRights } from '#stack/failover-database-rights';

type Server = Site['server'];
const connection = { host: 'a', port: 5432, user: 'u', database: 'd', sslmode: 'require' } as const;
const group = (home: Server, recovery: Server, witnesses: FailoverGroup['witnesses'] = []) =>
  ({
    name: 'shop',
    home: { name: 'east', server: home },
    recovery: { name: 'west', server: recovery },
    witnesses,
  }) as FailoverGroup;

const rds = group(
  { kind: 'rds', instance: 'orders', region: 'eu-central-1', fenceGroup: 'sg-0fe' },
  { kind: 'rds', instance: 'orders-west', region: 'eu-west-1' },
  [
    { kind: 'alarm', alarm: 'primary-gone', region: 'eu-west-1' },
    { kind: 'route53', healthCheck: '0f0e0d0c-1111-2222-3333-444455556666' },
    { kind: 'http', url: 'https://example.org' },
  ],
);
const aurora = group(
  { kind: 'aurora', globalCluster: 'shop', cluster: 'shop-east', region: 'us-east-1' },
  { kind: 'aurora', globalCluster: 'shop', cluster: 'shop-west', region: 'us-west-2' },
);
const machine = (instance: string, region: string): Server => ({
  ...{ kind: 'postgres', connection },
  control: { kind: 'ec2', instance, region, rebuildDocument: 'Rebuild' },
});
const ec2 = group(machine('i-0aaaaaaaa', 'eu-central-1'), machine('i-0bbbbbbbb', 'eu-west-1'));

const rightsOf = (...failover: FailoverGroup[]): DatabaseRights => databaseRights({ failover });
/** `Action on resource`, each pair of a statement */
const pairs = (rights: DatabaseRights, who: keyof DatabaseRights): string[] =>
  rights[who]
    .flatMap(({ Action, Resource }) =>
      (Array.isArray(Resource) ? Resource : [Resource]).flatMap((on: { 'Fn::Sub': string } | string) => {
        const name =
          typeof on === 'string'
            ? on
            : on['Fn::Sub'].replace(`arn:\${AWS::Partition}:`, '').replace(`\${AWS::AccountId}`, '#');
        return Action.map((action) => `${action} ${name}`);
      }),
    )
    .sort();

test('a plan without such groups gives no rights', () => {
  assert.deepEqual(rightsOf(), { looks: [], 'fence-primary': [], 'promote-standby': [], 'rebuild-standby': [] });
  const local = group(
    { kind: 'postgres', connection, control: { kind: 'sql' } },
    { kind: 'postgres', connection, control: { kind: 'sql' } },
  );
  assert.deepEqual(rightsOf(local), rightsOf());
});

test('of RDS each may do its own with the instances of the plan, and only what has a fence is fenced', () => {
  const rights = rightsOf(rds);
  assert.deepEqual(pairs(rights, 'looks'), [
    'cloudwatch:DescribeAlarms cloudwatch:eu-west-1:#:alarm:primary-gone',
    'rds:DescribeDBInstances rds:eu-central-1:#:db:orders',
    'rds:DescribeDBInstances rds:eu-west-1:#:db:orders-west',
    'route53:GetHealthCheckStatus route53:::healthcheck/0f0e0d0c-1111-2222-3333-444455556666',
  ]);
  const fencing = ['AddTagsToResource', 'ModifyDBInstance', 'RebootDBInstance', 'RemoveTagsFromResource'].map(
    (action) => `rds:${action} rds:eu-central-1:#:db:orders`,
  );
  assert.deepEqual(pairs(rights, 'fence-primary'), fencing);
  const promoting = ['eu-central-1:#:db:orders', 'eu-west-1:#:db:orders-west'].map(
    (on) => `rds:PromoteReadReplica rds:${on}`,
  );
  assert.deepEqual(pairs(rights, 'promote-standby'), [...fencing, ...promoting].sort());
});

test('of Aurora the global database, which is of no region, and its members are moved', () => {
  const on = ['rds::#:global-cluster:shop', 'rds:us-east-1:#:cluster:shop-east', 'rds:us-west-2:#:cluster:shop-west'];
  const moves = ['rds:FailoverGlobalCluster', 'rds:SwitchoverGlobalCluster'];
  assert.deepEqual(
    pairs(rightsOf(aurora), 'promote-standby'),
    moves.flatMap((action) => on.map((one) => `${action} ${one}`)),
  );
  assert.deepEqual(pairs(rightsOf(aurora), 'fence-primary'), []);
});

test('of EC2 the machines are stopped and started, and documents run on them', () => {
  const rights = rightsOf(ec2);
  assert.deepEqual(pairs(rights, 'looks'), ['ec2:DescribeInstances *']);
  assert.deepEqual(rights.looks[0]!.Condition, {
    StringEquals: { 'aws:RequestedRegion': ['eu-central-1', 'eu-west-1'] },
  });
  assert.ok(pairs(rights, 'fence-primary').includes('ec2:StopInstances ec2:eu-west-1:#:instance/i-0bbbbbbbb'));
  assert.ok(pairs(rights, 'rebuild-standby').includes('ssm:SendCommand ssm:eu-west-1:#:document/Rebuild'));
});

test('nothing can be deleted, and nothing is allowed everywhere', () => {
  const all = Object.values(rightsOf(rds, aurora, ec2)).flat();
  for (const { Action, Resource, Condition } of all) {
    for (const action of Action) assert.doesNotMatch(action, /Delete|Terminate|\*/);
    if (Resource === '*') assert.ok(Condition, `${Action} is limited by region`);
  }
});

test('statements have names of their own in each role', () => {
  for (const list of Object.values(rightsOf(rds, aurora, ec2))) {
    const names = list.map((one: { Sid: string }) => one.Sid);
    assert.equal(new Set(names).size, names.length);
  }
});
