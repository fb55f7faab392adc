import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { readEventPattern } from '#local/event-pattern';
import { matchingRules, readEventRules } from '#local/event-rules';
import type { Json } from '#local/integration';
import { backupId } from '#model/backup-id';
import { objectCreatedEvent } from '#model/object-created';
import { parsePlan } from '#model/plan';
import { rulesOfPlan } from '#stack/event-rules';
import { backupObjectKey, leaseKey, manifestKey, taskResultKey, verifiedKey } from '#store/bucket-layout';
import { packagedTemplate, type Resource, type Template } from './packaged-template.ts';

const account = '123456789012';
const rules = readFileSync(new URL('../../statemachines/rules.json', import.meta.url), 'utf8');

/** As CloudFormation does it, as far as patterns ask. */
function resolve(value: unknown): Json {
  if (Array.isArray(value)) return value.map(resolve);
  if (typeof value !== 'object' || value === null) return value as Json;
  const { Ref, 'Fn::Sub': sub, 'Fn::GetAtt': attribute } = value as Record<string, unknown>;
  if (Ref === 'Bucket') return 'company';
  if (typeof Ref === 'string' && Ref.endsWith('StateMachine'))
    return `arn:aws:states:eu-central-1:${account}:stateMachine:lifeboat-prod_${machineOf(Ref)}`;
  if (Array.isArray(attribute) && attribute[0] === 'Cluster')
    return `arn:aws:ecs:eu-central-1:${account}:cluster/lifeboat-prod`;
  const known: Record<string, string> = {
    'AWS::Partition': 'aws',
    'AWS::Region': 'eu-central-1',
    'AWS::AccountId': account,
    'AWS::StackName': 'lifeboat-prod',
    Cluster: 'lifeboat-prod',
  };
  if (typeof sub === 'string') return sub.replace(/\$\{([\w:]+)\}/g, (_, name: string) => known[name]!);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]));
}

interface Rule {
  Name: object;
  EventPattern: unknown;
  Targets: {
    Id: string;
    Arn: unknown;
    RoleArn?: unknown;
    Input?: unknown;
    RetryPolicy: object;
    DeadLetterConfig: object;
  }[];
}
const rulesIn = (resources: Record<string, object>): [string, Rule][] =>
  Object.entries(resources as Record<string, Resource>)
    .filter(([, { Type }]) => Type === 'AWS::Events::Rule')
    .map(([id, { Properties }]) => [id, Properties as unknown as Rule]);
const matching = (found: readonly [string, Rule][], event: Json): string[] =>
  found
    .filter(([, { EventPattern }]) => readEventPattern(resolve(EventPattern)).matches(event))
    .flatMap(([, { Targets }]) => Targets.map(({ Id }) => Id));

const id = backupId(new Date('2026-11-20T05:13:45.123Z'), 'full');
const wal = 'orders/wal/7421/00000001/000000010000000000000003';
const created = (key: string, bucket = 's3://company'): Json =>
  objectCreatedEvent(bucket, { key, size: 5, etag: '"abc"', lastModified: new Date(0) }) as unknown as Json;

describe('the rules of the packaged stack', () => {
  let template: Template;
  let found: [string, Rule][];
  before(async () => {
    template = await packagedTemplate();
    found = rulesIn(template.Resources);
  });

  const keys = [
    manifestKey('orders', id),
    manifestKey('billing', id),
    wal,
    `${wal}.00000000-0001A2B0`,
    `${wal}.partial`,
    'billing/wal/7421/00000002.history',
    manifestKey('gone', id),
    'gone/wal/7421/00000002.history',
    backupObjectKey('orders', id, 'base.tar.000000'),
    leaseKey('orders', 'backup'),
    taskResultKey('backup', 'x', 'base-backup-orders'),
    verifiedKey('orders', wal, 'abc'),
    verifiedKey('orders', manifestKey('orders', id), 'abc'),
    'catalog/orders/wal.json',
    'evidence/000000000001.json',
  ];

  test('lead objects where the local engine leads them', () => {
    const local = readEventRules(rules, 's3://company', ['orders', 'billing']);
    for (const key of keys) {
      const here = matchingRules(local, created(key) as never).map(({ target }) => Object.values(target)[0]);
      assert.deepEqual(matching(found, created(key)), here, key);
      assert.deepEqual(matching(found, created(key, 's3://another')), [], key);
    }
    assert.deepEqual(matching(found, created(wal)), ['checksum-verifier', 'metadata-indexer']);
    assert.deepEqual(matching(found, created(manifestKey('billing', id))), [
      'checksum-verifier',
      'metadata-indexer',
      'verify',
    ]);
  });

  test('hand over the event as it is, try for a day, and leave a dead letter then', () => {
    for (const [name, { Targets }] of found) {
      assert.equal(Targets.length, 1, name);
      const [target] = Targets;
      assert.deepEqual(target!.RetryPolicy, { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
      assert.deepEqual(target!.DeadLetterConfig, { Arn: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] } });
      assert.equal(target!.Input, undefined);
    }
  });

  test('may invoke each function by a permission of their own, and start the machine by a role', () => {
    const permissions = Object.values(template.Resources)
      .filter(
        ({ Type, Properties }) =>
          Type === 'AWS::Lambda::Permission' && Properties!.Principal === 'events.amazonaws.com',
      )
      .map(({ Properties }) => `${JSON.stringify(Properties!.SourceArn)} ${JSON.stringify(Properties!.FunctionName)}`);
    const expected = found.flatMap(([name, { Targets }]) =>
      Targets.filter(({ Arn }) => JSON.stringify(Arn).includes('LambdaFunction')).map(
        ({ Arn }) => `${JSON.stringify({ 'Fn::GetAtt': [name, 'Arn'] })} ${JSON.stringify(Arn)}`,
      ),
    );
    assert.deepEqual(permissions.sort(), expected.sort());
    assert.equal(expected.length, 2);
    const verify = found.find(([name]) => name === 'VerifyBackupRule')![1].Targets[0]!;
    assert.deepEqual(verify.RoleArn, { 'Fn::GetAtt': ['EventsRole', 'Arn'] });
    const role = JSON.stringify(template.Resources.EventsRole);
    assert.match(role, /"Action":"states:StartExecution","Resource":\[\{"Ref":"VerifyStateMachine"\}\]/);
    assert.match(role, /"aws:SourceAccount":\{"Ref":"AWS::AccountId"\}/);
  });

  const executionEvent = (status: string, machine: string): Json => ({
    version: '0',
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account,
    region: 'eu-central-1',
    resources: [`arn:aws:states:eu-central-1:${account}:execution:${machine}:x`],
    detail: {
      executionArn: `arn:aws:states:eu-central-1:${account}:execution:${machine}:x`,
      stateMachineArn: `arn:aws:states:eu-central-1:${account}:stateMachine:${machine}`,
      name: 'x',
      status,
    },
  });

  test('tell when an execution of one of our machines died, and of no other', () => {
    const machines = Object.keys(template.Resources).filter((name) => name.endsWith('StateMachine'));
    assert.ok(machines.length >= 5);
    for (const machine of machines.map((name) => `lifeboat-prod_${machineOf(name)}`)) {
      for (const status of ['FAILED', 'TIMED_OUT', 'ABORTED'])
        assert.deepEqual(matching(found, executionEvent(status, machine)), ['failures'], `${machine} ${status}`);
      for (const status of ['RUNNING', 'SUCCEEDED'])
        assert.deepEqual(matching(found, executionEvent(status, machine)), [], `${machine} ${status}`);
    }
    assert.deepEqual(matching(found, executionEvent('FAILED', 'lifeboat-test_backup')), []);
  });

  const cluster = `arn:aws:ecs:eu-central-1:${account}:cluster/lifeboat-prod`;
  const stopped = (more: Record<string, Json>): Json => ({
    source: 'aws.ecs',
    'detail-type': 'ECS Task State Change',
    detail: {
      clusterArn: cluster,
      group: 'service:receive-wal-orders',
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      ...more,
    },
  });

  test('tell when a receiver stopped, unless a deployment replaces it', () => {
    assert.deepEqual(matching(found, stopped({})), ['failures']);
    assert.deepEqual(matching(found, stopped({ stoppedReason: 'Task failed container health checks' })), ['failures']);
    for (const quiet of [
      { stoppedReason: 'Scaling activity initiated by (deployment ecs-svc/1234567890123456789)' },
      { lastStatus: 'RUNNING' },
      { group: 'family:lifeboat-prod-base-backup' },
      { clusterArn: `${cluster}-other` },
    ])
      assert.deepEqual(matching(found, stopped(quiet)), [], JSON.stringify(quiet));
  });

  const service = (detailType: string, eventName: string, of = 'lifeboat-prod'): Json => ({
    source: 'aws.ecs',
    'detail-type': detailType,
    resources: [`arn:aws:ecs:eu-central-1:${account}:service/${of}/receive-wal-orders`],
    detail: { eventName },
  });

  test('tell when ECS cannot start or deploy a receiver', () => {
    assert.deepEqual(matching(found, service('ECS Service Action', 'SERVICE_TASK_START_IMPAIRED')), ['failures']);
    assert.deepEqual(matching(found, service('ECS Deployment State Change', 'SERVICE_DEPLOYMENT_FAILED')), [
      'failures',
    ]);
    assert.deepEqual(matching(found, service('ECS Service Action', 'SERVICE_STEADY_STATE')), []);
    assert.deepEqual(matching(found, service('ECS Deployment State Change', 'SERVICE_DEPLOYMENT_COMPLETED')), []);
    assert.deepEqual(matching(found, service('ECS Service Action', 'SERVICE_TASK_START_IMPAIRED', 'other')), []);
  });

  test('dead letters are kept for two weeks, encrypted, and come only from the stack', () => {
    const queue = template.Resources.DeadLetters!.Properties!;
    assert.deepEqual([queue.MessageRetentionPeriod, queue.SqsManagedSseEnabled], [14 * 86_400, true]);
    const { PolicyDocument } = template.Resources.DeadLettersPolicy!.Properties as {
      PolicyDocument: { Statement: { Effect: string; Condition?: object }[] };
    };
    for (const { Effect, Condition } of PolicyDocument.Statement)
      assert.match(JSON.stringify(Condition), Effect === 'Allow' ? /aws:SourceArn/ : /aws:SecureTransport/);
  });
});

test('sources that do not fit into one pattern are shared out among several rules', () => {
  const names = Array.from({ length: 60 }, (_, index) => `source-with-a-long-name-${index}`);
  const sources = Object.fromEntries(names.map((name) => [name, { connection: { host: 'db', user: 'backup' } }]));
  const plan = parsePlan(JSON.stringify({ bucket: './b', encryption: 'none', sources }), 'plan.yml');
  const found = rulesIn(rulesOfPlan(plan, rules).Resources);
  assert.ok(found.length > 3);
  for (const [, { EventPattern }] of found) {
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    const deployed = JSON.stringify(resolve(EventPattern)).replace('company', 'b'.repeat(63));
    assert.ok(deployed.length <= 2048, `${deployed.length}`);
  }
  assert.equal(new Set(found.map(([, { Name }]) => JSON.stringify(Name))).size, found.length);
  for (const name of names) {
    assert.deepEqual(matching(found, created(`${name}/wal/1/00000002.history`)), [
      'checksum-verifier',
      'metadata-indexer',
    ]);
    assert.deepEqual(matching(found, created(manifestKey(name, id))), [
      'checksum-verifier',
      'metadata-indexer',
      'verify',
    ]);
  }
});

/** `rds-snapshot` of `RdsSnapshotStateMachine` */
function machineOf(resource: string): string {
  return resource
    .slice(0, -'StateMachine'.length)
    .replace(/(?<=[a-z])[A-Z]/g, '-$&')
    .toLowerCase();
}
