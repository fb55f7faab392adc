import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  type ScaledGroup,
  type StrictAutoscaling,
  scaledGroup,
  startStrictAutoscaling,
} from '#harness/strict-autoscaling';
import { autoscalingCapacity } from '#runtime/autoscaling-capacity';
import { commonErrors, errorTests, signal } from './move-errors.ts';

let scaling: StrictAutoscaling;
before(async () => {
  scaling = await startStrictAutoscaling();
});
after(() => scaling.close());
beforeEach(() => {
  scaling.groups.clear();
  scaling.calls.length = 0;
  have({});
});
const have = (more: Partial<ScaledGroup>) => scaling.groups.set('eu-west-1 web', scaledGroup(more));
const group = () => scaling.groups.get('eu-west-1 web')!;
const movable = (name = 'web', more: { active?: number } = {}) =>
  autoscalingCapacity(
    { kind: 'autoscaling', group: name, region: 'eu-west-1', site: 'west', active: 4, idle: 0, ...more },
    scaling.environment,
  );
const changes = () => scaling.takeCalls().filter(([operation]) => !operation.startsWith('Describe'));
const inService = (count: number) => Array.from({ length: count }, () => ({ state: 'InService', health: 'Healthy' }));

test('a group is read as a number in text, and null where there is none or it is being deleted', async () => {
  have({ desired: 2 });
  assert.equal(await movable().read(signal), '2');
  assert.deepEqual(scaling.takeCalls(), [['DescribeAutoScalingGroups', { 'AutoScalingGroupNames.member.1': 'web' }]]);
  assert.equal(await movable('none').read(signal), null);
  have({ status: 'Delete in progress' });
  assert.equal(await movable().read(signal), null);
  assert.equal(movable().what, 'auto scaling group web in eu-west-1');
});

test('a number between its limits changes nothing but that, once', async () => {
  assert.equal(await movable().put('4', signal), '4');
  assert.equal(await movable().put('4', signal), '4');
  assert.deepEqual(changes(), [['UpdateAutoScalingGroup', { AutoScalingGroupName: 'web', DesiredCapacity: '4' }]]);
});

test('a minimum that is in the way is kept in a tag before it is lowered, and is back with the number', async () => {
  have({ min: 2, desired: 4 });
  await movable().put('0', signal);
  assert.deepEqual([group().min, group().desired, group().tags], [0, 0, { 'lifeboat:min-size': '2' }]);
  assert.deepEqual(
    changes().map(([operation]) => operation),
    ['CreateOrUpdateTags', 'UpdateAutoScalingGroup'],
  );
  await movable().put('1', signal);
  assert.deepEqual([group().min, group().desired, group().tags], [0, 1, { 'lifeboat:min-size': '2' }]);
  await movable().put('4', signal);
  assert.deepEqual([group().min, group().desired, group().tags], [2, 4, {}]);
});

test('stopped anywhere on its way down and up again, the minimum is not lost', async () => {
  const steps = ['CreateOrUpdateTags', 'UpdateAutoScalingGroup', 'DeleteTags'];
  for (const stopped of steps) {
    have({ min: 2, desired: 4 });
    for (const value of ['0', '4']) {
      scaling.faults.push({ operation: stopped, status: 400, code: 'AccessDenied' });
      await movable()
        .put(value, signal)
        .catch(() => undefined);
      scaling.faults.length = 0;
      await movable().put(value, signal);
    }
    assert.deepEqual([group().min, group().desired, group().tags], [2, 4, {}], stopped);
  }
});

test('a number above its maximum is refused before anything is changed, and a problem beforehand', async () => {
  have({ max: 3 });
  await assert.rejects(movable().put('4', signal), { name: 'ServerUnsuitable', message: /3 instances at most, and 4/ });
  assert.deepEqual(changes(), []);
  assert.match((await movable().check(signal)).join(), /3 instances at most.*raise its maximum size/);
  have({ max: 4 });
  assert.deepEqual(await movable().check(signal), []);
});

test('it is settled when so many are in service and healthy', async () => {
  have({ desired: 4, instances: [...inService(3), { state: 'Pending', health: 'Healthy' }] });
  assert.equal(await movable().settled('4', signal), false);
  have({ desired: 4, instances: [...inService(3), { state: 'InService', health: 'Unhealthy' }] });
  assert.equal(await movable().settled('4', signal), false);
  have({ desired: 4, instances: inService(4) });
  assert.equal(await movable().settled('4', signal), true);
  have({ desired: 6, instances: inService(5) });
  assert.equal(await movable().settled('4', signal), true);
});

test('none is settled when none is left, warm ones aside', async () => {
  have({ desired: 0, instances: [{ state: 'Terminating', health: 'Healthy' }] });
  assert.equal(await movable().settled('0', signal), false);
  have({ desired: 0, instances: [{ state: 'Warmed:Stopped', health: 'Healthy' }] });
  assert.equal(await movable().settled('0', signal), true);
});

test('a number that somebody else has changed is told of', async () => {
  have({ desired: 1 });
  await assert.rejects(movable().settled('4', signal), { name: 'TrafficNotMoved', hint: /scaling policy/ });
  await assert.rejects(movable().settled('0', signal), { name: 'TrafficNotMoved' });
});

test('processes that are suspended are a problem, unless they do not matter here', async () => {
  have({ suspended: ['Launch', 'AZRebalance'] });
  assert.match((await movable().check(signal)).join(), /suspended: Launch; resume/);
  have({ suspended: ['AZRebalance'] });
  assert.deepEqual(await movable().check(signal), []);
});

test('a group that is not there cannot be raised, has nothing to undo, and is a problem', async () => {
  await assert.rejects(movable('none').put('4', signal), {
    name: 'ServerUnsuitable',
    message: /no Auto Scaling group none/,
  });
  await assert.rejects(movable('none').settled('4', signal), { name: 'ServerUnsuitable' });
  assert.equal(await movable('none').put(null, signal), null);
  assert.match((await movable('none').check(signal)).join(), /there is no Auto Scaling group/);
});

errorTests(
  'DescribeAutoScalingGroups',
  [
    [403, 'AccessDenied', 'AuthenticationFailed'],
    ...commonErrors.slice(1),
    [400, 'Throttling', 'TrafficNotMoved'],
    [400, 'InvalidNextToken', 'TrafficNotMoved'],
    [500, 'ResourceContention', 'TrafficNotMoved'],
    [400, 'ValidationError', 'ServerUnsuitable'],
  ],
  () => scaling,
  () => movable().read(signal),
);
errorTests(
  'UpdateAutoScalingGroup',
  [
    [403, 'AccessDenied', 'AuthenticationFailed'],
    ...commonErrors.slice(1),
    [400, 'ScalingActivityInProgress', 'TrafficNotMoved'],
    [500, 'ServiceLinkedRoleFailure', 'TrafficNotMoved'],
    [500, 'ResourceContention', 'TrafficNotMoved'],
    [400, 'ValidationError', 'ServerUnsuitable'],
  ],
  () => scaling,
  () => movable().put('4', signal),
);
errorTests(
  'CreateOrUpdateTags',
  [
    [403, 'AccessDenied', 'AuthenticationFailed'],
    [400, 'AlreadyExists', 'TrafficNotMoved'],
    [400, 'LimitExceeded', 'ServerUnsuitable'],
    [400, 'ResourceInUse', 'TrafficNotMoved'],
    [500, 'ResourceContention', 'TrafficNotMoved'],
  ],
  () => scaling,
  () => {
    have({ min: 2, desired: 2 });
    return movable().put('0', signal);
  },
);
errorTests(
  'DeleteTags',
  [
    [400, 'ResourceInUse', 'TrafficNotMoved'],
    [500, 'ResourceContention', 'TrafficNotMoved'],
  ],
  () => scaling,
  () => {
    have({ desired: 2, tags: { 'lifeboat:min-size': '2' } });
    return movable().put('2', signal);
  },
);
