import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type MachineProperties, neededGrants } from './machine-calls.ts';
import { packagedTemplate, resourcesOf, type Template } from './packaged-template.ts';
import { grantsOf, listOf, nameOf, statementsOf } from './policy-grants.ts';
import { complaintsOf } from './role-rules.ts';
import { neededActions, needless } from './role-users.ts';
import { circle, danglingReferences } from './template-references.ts';

const head = `
bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1, recoveryRegion: eu-west-1 }
sources:
  main: { connection: { host: db, user: lifeboat, password: "secret:lifeboat/main#password" } }
  shelf: { connection: { host: shelf, user: lifeboat } }
  ledger: { kind: rds, instance: ledger-db, connection: { host: ledger, user: lifeboat, password: "secret:lifeboat/ledger" } }
  books: { kind: rds, cluster: books-db }
`;
const values = 'values: { east: e.example.net, west: w.example.net }';
const connection = (host: string, secret: string) =>
  `connection: { host: ${host}, user: lifeboat, password: "secret:${secret}" }`;
const machine = (region: string, instance: string, secret: string) =>
  `server: { kind: postgres, ${connection(region, secret)}, control: { kind: ec2, instance: ${instance}, region: ${region}, rebuildDocument: rebuild } }`;

/** With every kind of server, witness and part that can be deployed. */
const groups = `
failover:
  main:
    source: main
    home: east
    sites:
      east: { ${machine('eu-central-1', 'i-0a1b2c3d4e5f60718', 'lifeboat/east')} }
      west: { ${machine('eu-west-1', 'i-0b1c2d3e4f5061728', 'lifeboat/west')} }
    names: [{ kind: route53, zone: Z1, name: db.example.org, ${values} }]
    capacity:
      - { kind: ecs, site: west, cluster: shop, service: web, region: eu-west-1, active: 2 }
      - { kind: autoscaling, site: west, group: workers, region: eu-west-1, active: 2 }
      - { kind: deployment, site: west, cluster: { eks: shop, region: eu-west-1 }, namespace: shop, name: web, active: 2 }
      - { kind: deployment, site: east, cluster: { server: "https://k8s", token: "secret:lifeboat/k8s", certificateAuthority: "secret:lifeboat/k8s-ca" }, namespace: shop, name: web, active: 2 }
    settings:
      - { kind: ssm, parameter: /shop/db, region: eu-west-1, ${values} }
      - { kind: secret, secret: shop/db, field: host, region: eu-west-1, ${values} }
      - { kind: configmap, cluster: { eks: shop, region: eu-west-1 }, namespace: shop, name: shop, key: host, ${values} }
    health: [{ kind: sql, query: select 1, expect: 1 }]
    witnesses:
      - { kind: alarm, alarm: main-gone, region: eu-west-1 }
      - { kind: route53, healthCheck: 11111111-2222-3333-4444-555555555555 }
  ledger:
    source: ledger
    home: east
    sites:
      east: { server: { kind: rds, instance: ledger-db, region: eu-central-1, fenceGroup: sg-0fe } }
      west: { server: { kind: rds, instance: ledger-west, region: eu-west-1, fenceGroup: sg-0fe, ${connection('w', 'lifeboat/ledger-west')} } }
  books:
    source: books
    home: east
    sites:
      east: { server: { kind: aurora, globalCluster: books, cluster: books-db, region: eu-central-1 } }
      west: { server: { kind: aurora, globalCluster: books, cluster: books-west, region: eu-west-1 } }
`;
const systems = `
systems:
  shop:
    sources: [{ source: main, to: /var/lib/lifeboat/main }, { source: shelf, to: /var/lib/lifeboat/shelf, after: [main] }]
    applications:
      - { kind: ecs, cluster: shop, service: worker, region: eu-central-1, active: 2 }
      - { kind: deployment, cluster: { server: "https://k8s", token: "secret:lifeboat/k8s-system" }, namespace: shop, name: web, active: 2 }
    settings:
      - { kind: ssm, parameter: /shop/mode, region: eu-central-1, value: recovered }
      - { kind: configmap, cluster: { server: "https://k8s", token: "secret:lifeboat/k8s-settings" }, namespace: shop, name: shop, key: host, value: w }
    health: [{ kind: sql, source: main, query: select 1, expect: 1 }]
`;

let folder: string;
const packaged: Record<'none' | 'groups' | 'systems' | 'both', Template> = {} as never;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-moving-'));
  const plans = { none: head, groups: head + groups, systems: head + systems, both: head + groups + systems };
  for (const [name, text] of Object.entries(plans)) {
    const plan = join(folder, `${name}.yml`);
    await writeFile(plan, text);
    packaged[name as keyof typeof packaged] = await packagedTemplate({ plan });
  }
});
after(() => rm(folder, { recursive: true, force: true }));

const namesIn = ({ Resources }: Template): string[] => Object.keys(Resources);
const moreThan = (some: Template, others: Template): string[] => {
  const known = new Set(namesIn(others));
  return namesIn(some).filter((name) => !known.has(name));
};
const rolesOf = (from: Template): string[] => resourcesOf(from, 'AWS::IAM::Role').map(([name]) => name);

test('a plan without groups and systems has nothing of them, and each alone has its own', () => {
  const { none, groups: moving, systems: recovering, both } = packaged;
  assert.doesNotMatch(JSON.stringify(none), /RebuildStandby|Failback|SystemRecovery|watch-failover|WatchesFailover/);
  assert.deepEqual(
    moreThan(both, none).sort(),
    [...moreThan(moving, none), ...moreThan(recovering, none)].sort(),
    'neither needs the other',
  );
  assert.deepEqual([moreThan(moving, none).length, moreThan(recovering, none).length], [42, 28], 'as docs/aws.md says');
  for (const template of Object.values(packaged)) {
    assert.deepEqual(danglingReferences(template), []);
    assert.deepEqual(circle(template), []);
    assert.ok(Buffer.byteLength(JSON.stringify(template)) < 1_000_000);
  }
});

test('machines may do what their definitions do, with whatever the plan has', () => {
  for (const template of [packaged.groups, packaged.systems]) {
    for (const name of ['failover', 'failback', 'system-recovery']) {
      const id = `${name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}StateMachine`;
      if (!(id in template.Resources)) continue;
      const properties = template.Resources[id]!.Properties as unknown as MachineProperties;
      assert.deepEqual(grantsOf(template, `${id}Role`), neededGrants(template, name, properties), name);
    }
  }
});

test('no role has a wildcard, lacks a condition or has what its code does not use, with every kind of server and part', async () => {
  const needed = await neededActions(packaged.both);
  const complaints = rolesOf(packaged.both).flatMap((role) => [
    ...complaintsOf(packaged.both, role),
    ...needless(packaged.both, role, needed),
  ]);
  assert.deepEqual(complaints, []);
});

test('policies of such a plan fit into a role, and their statements have names of their own', () => {
  for (const role of rolesOf(packaged.both)) {
    const statements = statementsOf(packaged.both, role);
    assert.ok(JSON.stringify(statements).length < 9_000, `${role}: ${JSON.stringify(statements).length}`);
    const sids = (statements as { Sid?: string }[]).flatMap(({ Sid }) => (Sid === undefined ? [] : [Sid]));
    assert.equal(new Set(sids).size, sids.length, role);
  }
});

/** The roles that may do it, and on what. */
const who = (action: string, on: RegExp, template = packaged.both): string[] =>
  rolesOf(template)
    .filter((role) =>
      statementsOf(template, role).some(
        ({ Effect, Action, Resource }) =>
          Effect === 'Allow' && listOf(Action).includes(action) && listOf(Resource).some((one) => on.test(nameOf(one))),
      ),
    )
    .sort();

describe('only they may:', () => {
  const cases: [what: string, action: string, on: RegExp, who: string[]][] = [
    ['stop machines', 'ec2:StopInstances', /instance\/i-/, ['FencePrimaryRole', 'PromoteStandbyRole']],
    ['fence instances of RDS', 'rds:RebootDBInstance', /db:ledger/, ['FencePrimaryRole', 'PromoteStandbyRole']],
    ['promote replicas', 'rds:PromoteReadReplica', /db:ledger/, ['PromoteStandbyRole']],
    ['move writers', 'rds:FailoverGlobalCluster', /books/, ['PromoteStandbyRole']],
    ['make replicas', 'rds:CreateDBInstanceReadReplica', /db:ledger/, ['RebuildStandbyTaskRole']],
    ['run documents', 'ssm:SendCommand', /document\/rebuild/, ['RebuildStandbyTaskRole']],
    ['move names', 'route53:ChangeResourceRecordSets', /Z1/, ['MoveTrafficRole']],
    ['scale what follows', 'ecs:UpdateService', /service\/shop\/web/, ['MoveTrafficRole']],
    ['put moved secrets', 'secretsmanager:PutSecretValue', /shop\/db/, ['MoveTrafficRole']],
    [
      'scale applications',
      'ecs:UpdateService',
      /service\/shop\/worker/,
      ['MoveApplicationsRole', 'UndoSystemRecoveryRole'],
    ],
    ['start a failover', 'states:StartExecution', /_failover$/, ['WatchFailoverRole']],
    ['wait for a failover', 'states:StartExecution', /^FailoverStateMachine$/, ['FailbackStateMachineRole']],
    [
      'put what was before',
      's3:PutObject',
      /executions\/failover/,
      [...['FencePrimaryRole', 'MoveTrafficRole', 'PromoteStandbyRole', 'RebuildStandbyTaskRole']],
    ],
    [
      'put what was before a system',
      's3:PutObject',
      /executions\/system-recovery/,
      [...['MoveApplicationsRole', 'PutSystemSettingsRole', 'RestoreTaskRole']],
    ],
    [
      'say how groups stand',
      's3:PutObject',
      /catalog\/failover/,
      [...['EndFailoverRole', 'PlanFailoverRole', 'RecheckFailoverRole', 'WatchFailoverRole']],
    ],
    [
      'hold the lease of a move',
      's3:PutObject',
      /leases\/failover/,
      [
        ...['EndFailoverRole', 'EndSystemRecoveryRole', 'FencePrimaryRole', 'MoveApplicationsRole', 'MoveTrafficRole'],
        ...['PromoteStandbyRole', 'PutSystemSettingsRole', 'RebuildStandbyTaskRole', 'RecheckFailoverRole'],
        ...['RecheckSystemRole', 'UndoSystemRecoveryRole'],
      ],
    ],
    [
      'read passwords of sites',
      'secretsmanager:GetSecretValue',
      /lifeboat\/west/,
      [
        ...['CheckStandbyRole', 'FencePrimaryRole', 'MoveTrafficRole', 'PlanFailbackRole', 'PlanFailoverRole'],
        ...['PromoteStandbyRole', 'RebuildStandbyTaskRole', 'RecheckFailoverRole', 'WatchFailoverRole'],
      ],
    ],
    [
      'read the token of a cluster',
      'secretsmanager:GetSecretValue',
      /lifeboat\/k8s-\?/,
      [...['MoveTrafficRole', 'PlanFailoverRole', 'RecheckFailoverRole']],
    ],
    [
      'read the token of an application',
      'secretsmanager:GetSecretValue',
      /lifeboat\/k8s-system/,
      ['MoveApplicationsRole', 'PlanSystemRole', 'RecheckSystemRole', 'UndoSystemRecoveryRole'],
    ],
    [
      'read the token of a setting of a system',
      'secretsmanager:GetSecretValue',
      /lifeboat\/k8s-settings/,
      ['PlanSystemRole', 'PutSystemSettingsRole', 'RecheckSystemRole', 'UndoSystemRecoveryRole'],
    ],
    ['put settings of a system', 'ssm:PutParameter', /shop\/mode/, ['PutSystemSettingsRole', 'UndoSystemRecoveryRole']],
    [
      'read the password of the name that moves',
      'secretsmanager:GetSecretValue',
      /lifeboat\/main/,
      [...['CheckHealthRole', 'CheckSystemHealthRole', 'SourceMainRole', 'WatchRole']],
    ],
    [
      'look into the other region',
      's3:GetObject',
      /-eu-west-1\/main\/backups/,
      [...['MoveTrafficRole', 'PlanFailoverRole', 'RecheckFailoverRole']],
    ],
    [
      'ask witnesses',
      'cloudwatch:DescribeAlarms',
      /main-gone/,
      [...['MoveTrafficRole', 'PlanFailoverRole', 'RecheckFailoverRole', 'WatchFailoverRole']],
    ],
  ];
  for (const [what, action, on, expected] of cases) test(what, () => assert.deepEqual(who(action, on), expected));
});

test('answers go to the machines that are there', () => {
  const answered = (template: Template) =>
    statementsOf(template, 'AnswerApprovalRole')
      .filter(({ Action }) => listOf(Action).includes('states:SendTaskSuccess'))
      .flatMap(({ Resource }) => listOf(Resource).map((one) => nameOf(one).split('_')[1]));
  const always = ['rds-restore', 'restore', 'retention'];
  assert.deepEqual(answered(packaged.none), always);
  assert.deepEqual(answered(packaged.groups), ['failover', ...always]);
  assert.deepEqual(answered(packaged.both), ['failover', ...always, 'system-recovery']);
});

test('a plan with one region has its groups watched where the stack is at work', async () => {
  const plan = join(folder, 'one-region.yml');
  await writeFile(plan, (head + groups).replace(', recoveryRegion: eu-west-1', ''));
  const { Conditions } = await packagedTemplate({ plan });
  assert.deepEqual(Conditions.WatchesFailover, { 'Fn::Equals': [{ Ref: 'Standby' }, 'no'] });
  assert.deepEqual(packaged.groups.Conditions.WatchesFailover, { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'eu-west-1'] });
});
