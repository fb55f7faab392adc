import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type StrictKubernetes, startStrictKubernetes, statusOf } from '#harness/strict-kubernetes';
import { deploymentCapacity } from '#runtime/deployment-capacity';
import { signal } from './move-errors.ts';

const path = '/apis/apps/v1/namespaces/shop/deployments/web';
let api: StrictKubernetes;
before(async () => {
  api = await startStrictKubernetes();
  api.takes = (token) => token === 't';
});
after(() => api.close());
beforeEach(() => {
  api.objects.clear();
  api.requests.length = 0;
  have(0);
});
const have = (replicas: number, status: object = { observedGeneration: 1 }) =>
  api.add(path, { spec: { replicas, template: { spec: {} } }, status });
const movable = (name = 'web') =>
  deploymentCapacity(
    {
      ...{ kind: 'deployment', namespace: 'shop', name, site: 'west', active: 3, idle: 1 },
      cluster: { server: api.url, token: { from: 'env', name: 'T' } },
    },
    { T: 't' },
  );
const patches = () =>
  api.requests.filter(({ method }) => method === 'PATCH').map(({ url, body }) => [url, body] as const);

test('it is wanted where the primary is, and read as a number in text', async () => {
  const moved = movable();
  assert.deepEqual([moved.wanted('west'), moved.wanted('east'), moved.site], ['3', '1', 'west']);
  assert.equal(moved.what, `deployment shop/web in ${api.url}`);
  assert.equal(await moved.read(signal), '0');
  api.add(path, { spec: {} });
  assert.equal(await moved.read(signal), '1', 'which is what Kubernetes says where nothing is said');
  assert.equal(await movable('none').read(signal), null);
});

test('its scale alone is changed, once', async () => {
  assert.equal(await movable().put('3', signal), '3');
  assert.equal(await movable().put('3', signal), '3');
  assert.deepEqual(patches(), [[`${path}/scale`, { spec: { replicas: 3 } }]]);
  assert.deepEqual(api.objects.get(path)!.spec, { replicas: 3, template: { spec: {} } });
});

test('it is settled when its controller has seen the change and so many are ready', async () => {
  const moved = movable();
  await moved.put('3', signal);
  assert.equal(await moved.settled('3', signal), false, 'of the generation before nothing is believed');
  const settled = (status: object) => {
    have(3, { observedGeneration: 1, ...status });
    return moved.settled('3', signal);
  };
  assert.equal(await settled({ replicas: 3, readyReplicas: 2 }), false);
  assert.equal(await settled({ replicas: 3, readyReplicas: 3 }), true);
  have(3, { observedGeneration: 0, replicas: 3, readyReplicas: 3 });
  assert.equal(await moved.settled('3', signal), false);
});

test('none is settled when none is left', async () => {
  have(0, { observedGeneration: 1, replicas: 1 });
  assert.equal(await movable().settled('0', signal), false);
  have(0, { observedGeneration: 1 });
  assert.equal(await movable().settled('0', signal), true);
});

test('a number that somebody else has changed is told of', async () => {
  have(1);
  await assert.rejects(movable().settled('3', signal), { name: 'TrafficNotMoved', hint: /scaling policy/ });
});

test('pods that do not become ready say why', async () => {
  const conditions = [
    { type: 'Available', status: 'False' },
    { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'has timed out' },
  ];
  have(3, { observedGeneration: 1, replicas: 3, conditions });
  await assert.rejects(movable().settled('3', signal), {
    ...{ name: 'ServerUnsuitable', message: /ProgressDeadlineExceeded: has timed out/ },
  });
});

test('a deployment that is not there cannot be raised, has nothing to undo, and is a problem', async () => {
  const moved = movable('none');
  await assert.rejects(moved.put('3', signal), { name: 'ServerUnsuitable', message: /no deployment shop\/none/ });
  await assert.rejects(moved.settled('3', signal), { name: 'ServerUnsuitable' });
  assert.equal(await moved.put(null, signal), null);
  assert.match((await moved.check(signal)).join(), /there is no deployment/);
});

test('a check asks in earnest whether it could be changed, and changes nothing', async () => {
  assert.deepEqual(await movable().check(signal), []);
  assert.deepEqual(patches(), [[`${path}/scale?dryRun=All`, { spec: { replicas: 3 } }]]);
  assert.equal((api.objects.get(path)!.spec as { replicas: number }).replicas, 0);
});

test('a right that is missing is a problem, and an error of who moves', async () => {
  const message = 'deployments.apps "web" is forbidden: User "lifeboat" cannot get resource';
  const body = statusOf({ status: 403, reason: 'Forbidden', message });
  api.faults.push({ status: 403, body });
  assert.match((await movable().check(signal)).join(), /is forbidden.*let a Role/);
  api.faults.push({ status: 403, body });
  await assert.rejects(movable().put('3', signal), { name: 'AuthenticationFailed' });
});
