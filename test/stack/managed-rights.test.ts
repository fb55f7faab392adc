import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parsePlan } from '#model/plan';
import { alarmsOfPlan } from '#stack/alarms';
import { rulesOfPlan } from '#stack/event-rules';
import { functionRoles } from '#stack/function-roles';
import { schedulesOfPlan } from '#stack/schedules';
import { sourcesOfPlan } from '#stack/sources';
import { checkout } from './packaged-template.ts';
import { listOf, nameOf, type Statement } from './policy-grants.ts';

const text = (sources: string) =>
  `bucket: stack\nencryption: none\naws: { stack: lifeboat-prod, region: eu-central-1 }\nsources:\n${sources}`;
const key = 'arn:aws:kms:eu-west-1:111122223333:key/k';
const ledger = `  ledger: { kind: rds, instance: ledger-db, copyTo: { region: eu-west-1, kmsKey: "${key}" }, schedules: { snapshot: rate(1 day) } }\n`;
const orders = '  orders: { connection: { host: h, user: u } }\n';
const partsOf = (sources: string) => {
  const plan = parsePlan(text(sources), 'plan.yml');
  const rules = readFileSync(join(checkout, 'statemachines/rules.json'), 'utf8');
  return {
    sources: sourcesOfPlan({ plan, text: text(sources), fileName: 'plan.yml' }).Resources,
    rules: rulesOfPlan(plan, rules).Resources,
    roles: functionRoles(plan).Resources,
    schedules: schedulesOfPlan(plan).Resources,
    alarms: alarmsOfPlan(plan).Resources,
  };
};
const statementsOf = (resource: unknown): Statement[] => {
  const { Policies, PolicyDocument } = (resource as { Properties: Record<string, never> }).Properties as {
    Policies?: [{ PolicyDocument: { Statement: Statement[] } }];
    PolicyDocument?: { Statement: Statement[] };
  };
  return (PolicyDocument ?? Policies![0].PolicyDocument).Statement;
};
const grantsOn = (statements: readonly Statement[], action: string): string[] =>
  statements
    .filter(({ Action }) => listOf(Action).includes(action))
    .flatMap(({ Resource }) => listOf(Resource).map(nameOf));

test('a plan without such databases gives nobody a right in RDS, and has no watch of it', () => {
  const { sources, roles, schedules } = partsOf(orders);
  assert.doesNotMatch(JSON.stringify([sources, roles]), /"rds:/);
  assert.ok(!('WatchManagedSchedule' in schedules));
});

test('a plan with nothing else needs no receiver, no rule and no role to pass', () => {
  const { sources, rules, schedules } = partsOf(ledger);
  assert.deepEqual(Object.keys(sources), ['TakeSnapshots', 'MakeDatabases']);
  assert.deepEqual(
    Object.keys(rules).filter((name) => name.endsWith('Rule')),
    [],
  );
  assert.ok('SnapshotLedgerSchedule' in schedules && 'WatchManagedSchedule' in schedules);
});

test("snapshots are taken of the plan's databases, and copied where it says, under the key that it names", () => {
  const { sources, roles } = partsOf(ledger + orders);
  const own = (type: string) => `arn:rds:\${AWS::Region}:\${AWS::AccountId}:${type}`;
  assert.deepEqual(grantsOn(statementsOf(sources.TakeSnapshots), 'rds:CreateDBSnapshot'), [
    own('db:ledger-db'),
    own('cluster-snapshot:lifeboat-*'),
    own('snapshot:lifeboat-*'),
  ]);
  const copies = statementsOf(roles.CopySnapshotRole);
  assert.ok(
    grantsOn(copies, 'rds:CopyDBSnapshot').includes(`arn:rds:eu-west-1:\${AWS::AccountId}:snapshot:lifeboat-*`),
  );
  assert.deepEqual(grantsOn(copies, 'kms:CreateGrant'), [key]);
  const watches = statementsOf(roles.WatchManagedRole).flatMap(({ Action }) => listOf(Action));
  assert.deepEqual(
    watches.filter((action) => /^(?:rds:(?!Describe)|kms:CreateGrant)/.test(action)),
    [],
  );
});

test('snapshots are deleted only of sources with rules, by their names and tags, and by one function', () => {
  const rules = 'retention: { window: 35d }';
  const books = `  books: { kind: rds, cluster: books-db, ${rules} }\n`;
  const { roles, sources } = partsOf(ledger + books + orders);
  const deletions = statementsOf(roles.ExpireSnapshotsRole).filter(({ Action }) =>
    listOf(Action).some((action) => action.startsWith('rds:Delete')),
  );
  assert.deepEqual(
    deletions.map(({ Action, Resource, Condition }) => [listOf(Action), listOf(Resource).map(nameOf), Condition]),
    [
      [
        ['rds:DeleteDBClusterSnapshot'],
        [`arn:rds:\${AWS::Region}:\${AWS::AccountId}:cluster-snapshot:lifeboat-books-*`],
        {
          StringEquals: { 'aws:ResourceTag/lifeboat:source': ['books'] },
          Null: { 'aws:ResourceTag/lifeboat:execution': 'false', 'aws:ResourceTag/lifeboat:hold': 'true' },
        },
      ],
    ],
  );
  const others = Object.entries(roles).filter(([name]) => name !== 'ExpireSnapshotsRole');
  assert.doesNotMatch(JSON.stringify([others, sources]), /rds:Delete/);
  const both = statementsOf(partsOf(ledger.replace(' }\n', `, ${rules} }\n`)).roles.ExpireSnapshotsRole);
  assert.deepEqual(
    grantsOn(both, 'rds:DeleteDBSnapshot'),
    [`\${AWS::Region}`, 'eu-west-1'].map((region) => `arn:rds:${region}:\${AWS::AccountId}:snapshot:lifeboat-ledger-*`),
  );
});

test('what a restore makes has to bear the tag of a source of the plan', () => {
  const made = statementsOf(partsOf(ledger).sources.MakeDatabases);
  const anywhere = made.filter(({ Resource }) =>
    listOf(Resource).some((one) => /:(?:db|cluster):\*$/.test(nameOf(one))),
  );
  const changes = anywhere.filter(({ Action }) => listOf(Action).some((action) => !action.startsWith('rds:Describe')));
  assert.equal(changes.length, 2);
  for (const { Condition } of changes)
    assert.deepEqual(Condition, { StringEquals: { 'aws:RequestTag/lifeboat:source': ['ledger'] } });
  const all = made.flatMap(({ Action }) => listOf(Action));
  assert.deepEqual(
    all.filter((action) => /Delete|Modify|Remove/.test(action)),
    [],
  );
});
