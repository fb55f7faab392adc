import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type EcsService, ecsService, type StrictEcs, startStrictEcs } from '#harness/strict-ecs';
import { ecsCapacity } from '#runtime/ecs-capacity';
import { commonErrors, errorTests, signal } from './move-errors.ts';

let ecs: StrictEcs;
before(async () => {
  ecs = await startStrictEcs();
});
after(() => ecs.close());
beforeEach(() => {
  ecs.services.clear();
  ecs.calls.length = 0;
  ecs.works = true;
  have({});
});
const have = (more: Partial<EcsService>) => ecs.services.set('eu-west-1 shop/web', ecsService(more));
const movable = (service = 'web', cluster = 'shop') =>
  ecsCapacity(
    { kind: 'ecs', cluster, service, region: 'eu-west-1', site: 'west', active: 3, idle: 0 },
    ecs.environment,
  );
const updates = () => ecs.takeCalls().filter(([operation]) => operation === 'UpdateService');

test('it is wanted where the primary is, and read as a number in text', async () => {
  const moved = movable();
  assert.deepEqual([moved.wanted('west'), moved.wanted('east'), moved.site], ['3', '0', 'west']);
  assert.equal(moved.what, 'ecs shop/web in eu-west-1');
  have({ desiredCount: 2 });
  assert.equal(await moved.read(signal), '2');
  assert.deepEqual(ecs.takeCalls(), [['DescribeServices', { cluster: 'shop', services: ['web'] }]]);
});

test('the number is asked for once, and settled when so many run', async () => {
  const moved = movable();
  const change = await moved.put('3', signal);
  await moved.put('3', signal);
  assert.deepEqual(updates(), [['UpdateService', { cluster: 'shop', service: 'web', desiredCount: 3 }]]);
  have({ desiredCount: 3, runningCount: 1, pendingCount: 1 });
  const seen: boolean[] = [];
  while (!seen.at(-1) && seen.length < 10) seen.push(await moved.settled(change!, signal));
  assert.deepEqual(seen.at(-1), true);
  assert.ok(seen.length > 1, 'not at the first look');
  assert.equal(ecs.services.get('eu-west-1 shop/web')!.runningCount, 3);
});

test('none is settled when none runs any more', async () => {
  have({ desiredCount: 3, runningCount: 3 });
  const moved = movable();
  const change = await moved.put('0', signal);
  ecs.works = false;
  assert.equal(await moved.settled(change!, signal), false);
  have({ desiredCount: 0, runningCount: 0 });
  assert.equal(await moved.settled(change!, signal), true);
});

test('more than what was asked for is enough, less or any where none was wanted was put back by somebody', async () => {
  have({ desiredCount: 5, runningCount: 5 });
  assert.equal(await movable().settled('3', signal), true);
  for (const [change, desiredCount] of [
    ['3', 1],
    ['0', 2],
  ] as const) {
    have({ desiredCount, runningCount: desiredCount });
    await assert.rejects(movable().settled(change, signal), { name: 'TrafficNotMoved', hint: /scaling policy/ });
  }
});

test('a deployment that goes on is waited for', async () => {
  have({
    ...{ desiredCount: 3, runningCount: 3 },
    deployments: [{ id: 'ecs-svc/2', status: 'PRIMARY', rolloutState: 'IN_PROGRESS' }],
  });
  assert.equal(await movable().settled('3', signal), false);
  have({ desiredCount: 3, runningCount: 3, deployments: [{ id: 'ecs-svc/2', status: 'PRIMARY' }] });
  assert.equal(await movable().settled('3', signal), true, 'a service that ECS does not deploy has no such state');
});

test('tasks that do not start say why', async () => {
  ecs.works = false;
  have({
    ...{ desiredCount: 3, runningCount: 1 },
    deployments: [
      { id: 'ecs-svc/2', status: 'PRIMARY', rolloutState: 'FAILED', rolloutStateReason: 'circuit breaker triggered' },
    ],
    events: [{ id: '1', message: '(service web) was unable to place a task' }],
  });
  await assert.rejects(movable().settled('3', signal), {
    name: 'ServerUnsuitable',
    message: /circuit breaker triggered; \(service web\) was unable to place a task/,
  });
  assert.match((await movable().check(signal)).join(), /last deployment of .* failed: circuit breaker/);
});

for (const status of ['missing', 'INACTIVE', 'DRAINING'] as const) {
  test(`a service that is ${status} has nothing to read, cannot be raised, and is a problem`, async () => {
    if (status === 'missing') ecs.services.set('eu-west-1 shop/other', ecsService());
    if (status === 'missing') ecs.services.delete('eu-west-1 shop/web');
    else have({ status });
    const moved = movable();
    assert.equal(await moved.read(signal), null);
    assert.equal(await moved.put(null, signal), null);
    await assert.rejects(moved.put('3', signal), { name: 'ServerUnsuitable', message: /no active service shop\/web/ });
    await assert.rejects(moved.settled('3', signal), { name: 'ServerUnsuitable' });
    assert.match((await moved.check(signal)).join(), /no active service/);
    assert.deepEqual(updates(), []);
  });
}

test('a daemon, whose number cannot be said, is a problem', async () => {
  assert.deepEqual(await movable().check(signal), []);
  have({ schedulingStrategy: 'DAEMON' });
  assert.match((await movable().check(signal)).join(), /DAEMON/);
  await assert.rejects(movable().put('3', signal), { name: 'ServerUnsuitable', message: /daemon scheduling/ });
});

test('a cluster that is not there is told of', async () => {
  await assert.rejects(movable('web', 'nowhere').read(signal), { name: 'ServerUnsuitable', hint: /in the plan/ });
});

const both = [
  ...commonErrors,
  [400, 'ClientException', 'ServerUnsuitable'],
  [400, 'ClusterNotFoundException', 'ServerUnsuitable'],
  [400, 'InvalidParameterException', 'ServerUnsuitable'],
  [500, 'ServerException', 'TrafficNotMoved'],
] as const;
errorTests(
  'DescribeServices',
  [...both.map((one) => [...one] as [number, string, string])],
  () => ecs,
  () => movable().read(signal),
);
errorTests(
  'UpdateService',
  [
    ...both.map((one) => [...one] as [number, string, string]),
    [400, 'NamespaceNotFoundException', 'ServerUnsuitable'],
    [400, 'PlatformTaskDefinitionIncompatibilityException', 'ServerUnsuitable'],
    [400, 'PlatformUnknownException', 'ServerUnsuitable'],
    [400, 'ServiceNotActiveException', 'ServerUnsuitable'],
    [400, 'ServiceNotFoundException', 'ServerUnsuitable'],
    [400, 'UnsupportedFeatureException', 'ServerUnsuitable'],
  ],
  () => ecs,
  () => movable().put('3', signal),
);
