import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type StrictKubernetes, startStrictKubernetes, statusOf } from '#harness/strict-kubernetes';
import { configmapSetting } from '#runtime/configmap-setting';
import { signal } from './move-errors.ts';

const path = '/api/v1/namespaces/shop/configmaps/settings';
let api: StrictKubernetes;
before(async () => {
  api = await startStrictKubernetes();
  api.takes = (token) => token === 't';
});
after(() => api.close());
beforeEach(() => {
  api.objects.clear();
  api.requests.length = 0;
  api.add(path, { data: { 'db.host': 'east', other: 'stays' } });
});
const movable = (key = 'db.host', name = 'settings') =>
  configmapSetting(
    {
      ...{ kind: 'configmap', namespace: 'shop', name, key, values: { east: 'east', west: 'west' } },
      cluster: { server: api.url, token: { from: 'env', name: 'T' } },
    },
    { T: 't' },
  );
const patches = () =>
  api.requests.filter(({ method }) => method === 'PATCH').map(({ url, body }) => [url, body] as const);

test('one key is read; null where it, or the whole map, is not there', async () => {
  assert.equal(await movable().read(signal), 'east');
  assert.equal(await movable('constructor').read(signal), null);
  assert.equal(await movable('db.host', 'none').read(signal), null);
  assert.equal(movable().what, `configmap shop/settings#db.host in ${api.url}`);
});

test('one key is changed, once, and the others stay', async () => {
  await movable().put('west', signal);
  assert.equal(await movable().put('west', signal), null);
  assert.deepEqual(patches(), [[path, { data: { 'db.host': 'west' } }]]);
  assert.deepEqual(api.objects.get(path)!.data, { 'db.host': 'west', other: 'stays' });
  assert.equal(await movable().settled('', signal), true);
});

test('a key that was not there is made, and undone it is not there again', async () => {
  await movable('fresh').put('west', signal);
  assert.equal(await movable('fresh').read(signal), 'west');
  await movable('fresh').put(null, signal);
  await movable('fresh').put(null, signal);
  assert.deepEqual(api.objects.get(path)!.data, { 'db.host': 'east', other: 'stays' });
  assert.equal(patches().length, 2);
});

test('a map that is not there is not made, has nothing to undo, and is a problem', async () => {
  const moved = movable('db.host', 'none');
  await assert.rejects(moved.put('west', signal), { name: 'ServerUnsuitable', message: /no ConfigMap shop\/none/ });
  assert.equal(await moved.put(null, signal), null);
  assert.match((await moved.check(signal)).join(), /there is no ConfigMap/);
});

test('a map that is immutable is not changed, and a problem', async () => {
  api.add(path, { immutable: true, data: { 'db.host': 'east' } });
  await assert.rejects(movable().put('west', signal), { name: 'ServerUnsuitable', message: /is immutable/ });
  assert.match((await movable().check(signal)).join(), /is immutable/);
  assert.deepEqual(patches(), []);
});

test('a check asks in earnest whether it could be changed, changes nothing, and tells of a key that is not there', async () => {
  assert.deepEqual(await movable().check(signal), []);
  assert.match((await movable('fresh').check(signal)).join(), /has no key fresh/);
  assert.ok(patches().every(([url]) => url === `${path}?dryRun=All`));
  assert.deepEqual(api.objects.get(path)!.data, { 'db.host': 'east', other: 'stays' });
});

test('a right that is missing is a problem', async () => {
  const message = 'configmaps "settings" is forbidden: User "lifeboat" cannot get resource';
  api.faults.push({ status: 403, body: statusOf({ status: 403, reason: 'Forbidden', message }) });
  assert.match((await movable().check(signal)).join(), /is forbidden.*let a Role/);
});
