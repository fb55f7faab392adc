import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { holdLease } from '#catalog/execution-lease';
import { readFailoverStanding } from '#catalog/failover-standing';
import { releaseLeaseOf } from '#catalog/release-lease';
import type { PlannedMove } from '#failover/planned-move';
import { primary, silent, standby } from '#harness/move-scene';
import { startStrictRegions } from '#harness/strict-regions';
import { executionArn } from '#model/arn';
import { readFailoverInput } from '#model/machine-input';
import { httpServer } from '../runtime/http-server.ts';
import { FailoverScene } from './failover-scene.ts';

let scene: FailoverScene;
beforeEach(async () => {
  scene = await FailoverScene.create({ proposeAfter: '3m' });
  well();
});
afterEach(() => scene.remove());

const well = () => (scene.sites = { east: primary('east'), west: standby('west') });
const gone = () => (scene.sites = { east: silent('east'), west: standby('west', { streams: false }) });
const standing = () => readFailoverStanding(scene.source.store, 'shop');

/** A look each minute. */
async function watch(times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    scene.source.pass(1);
    await scene.invoke('watch-failover', {});
  }
}

test('all is well: it is kept who is the primary, and nobody is told', async () => {
  await watch(3);
  const { primary: site, sites, gone: row } = (await standing())!;
  assert.deepEqual([site, sites.map(({ state }) => state), row], ['east', ['primary', 'standby'], null]);
  assert.deepEqual([scene.told, scene.started], [[], []]);
});

test('an outage is told after three looks, and the machine is started once, with what it reads', async () => {
  await watch();
  gone();
  await watch(2);
  assert.deepEqual(scene.told, []);
  await watch(8);
  assert.deepEqual(scene.told, [['failure', 'the primary is gone']]);
  const [{ machine, name, input }, ...more] = scene.started as [(typeof scene.started)[number]];
  assert.deepEqual([machine, more], ['failover', []]);
  assert.match(name, /^propose-shop-\d{8}T\d{6}Z$/);
  assert.deepEqual({ ...input, reason: '' }, { group: 'shop', requestedBy: 'watch', proposed: true, reason: '' });
  assert.match(String(input.reason), /no primary was seen for 3m, 4 looks in a row/);
  assert.equal(readFailoverInput(input).proposed, true);
  const { mode, automatic } = await scene.invoke<PlannedMove>('plan-failover', { input });
  assert.deepEqual([mode, automatic], ['failover', false]);
  well();
  await watch();
  assert.deepEqual(scene.told.slice(1), [['success', 'over: the primary is gone']]);
  await assert.rejects(scene.invoke('plan-failover', { input }), {
    name: 'NotReady',
    message: /the primary answers again/,
  });
});

test('a flap is nothing', async () => {
  for (let round = 0; round < 5; round++) {
    gone();
    await watch(2);
    well();
    await watch();
  }
  assert.deepEqual([scene.told, scene.started], [[], []]);
});

test('a watch that died after it had started the machine starts it no second time', async () => {
  gone();
  await watch(3);
  const before = await standing();
  await watch();
  assert.equal(scene.started.length, 1);
  const key = 'catalog/failover/shop.json';
  await scene.source.store.put(key, Buffer.from(JSON.stringify(before)));
  await watch();
  assert.equal(scene.started.length, 1);
});

test('what could not be started is tried again', async () => {
  gone();
  scene.startFails = new Error('throttled');
  await watch(3);
  await assert.rejects(watch(), /throttled/);
  scene.startFails = undefined;
  await watch();
  assert.equal(scene.started.length, 1);
  assert.deepEqual(scene.told, [['failure', 'the primary is gone']]);
});

test('while an execution moves the group the watch stands by', async () => {
  await watch();
  const execution = executionArn('failover', 'one');
  const { store } = scene.source;
  await holdLease(store, 'orders', 'failover', { execution, host: 'h', pid: 1, now: scene.source.now });
  scene.running = ['one'];
  scene.sites = { east: silent('east', { fenced: true }), west: standby('west', { streams: false }) };
  await watch(10);
  assert.deepEqual([scene.told, scene.started], [[], []]);
  await releaseLeaseOf(store, 'orders', 'failover', { execution, now: scene.source.now });
  await watch(5);
  assert.equal(scene.started.length, 1, 'what was left behind is an outage');
});

test('two primaries are told at once', async () => {
  await watch();
  scene.sites.west = primary('west', { timeline: 2 });
  await watch(5);
  assert.deepEqual(scene.told, [['failure', 'there are TWO PRIMARIES']]);
});

test('a name that leads to the fenced server is told, until it follows', async () => {
  scene.sites = { east: silent('east', { fenced: true }), west: primary('west', { timeline: 2 }) };
  await watch(2);
  assert.deepEqual(scene.told, [['failure', 'names lead to a server that takes no writes']]);
  scene.endpoint = '127.0.0.1:5433';
  await watch();
  assert.equal(scene.told.length, 2);
});

test('of two watches that look at the same time one counts', async () => {
  gone();
  scene.source.pass(1);
  await Promise.all([scene.invoke('watch-failover', {}), scene.invoke('watch-failover', {})]);
  assert.equal((await standing())?.gone?.looks, 1);
});

test('with two witnesses that agree nobody has to be asked, once within an hour', async (t) => {
  const witness = await httpServer((_, response) => void response.writeHead(410).end());
  const cloudWatch = await startStrictRegions({
    ...{ service: 'monitoring', variable: 'CLOUDWATCH', protocol: 'json', version: 'GraniteServiceVersion20100801' },
    answer: () => ({ MetricAlarms: [{ AlarmName: 'db', StateValue: 'ALARM' }] }),
  });
  t.after(() => cloudWatch.close());
  Object.assign(scene.source.environment, cloudWatch.environment);
  const { group } = scene;
  Object.assign(group, { automatic: true });
  group.witnesses.push({ kind: 'http', url: witness.url }, { kind: 'alarm', alarm: 'db', region: 'eu-west-1' });
  await scene.source.backup();
  gone();
  scene.sites.west = standby('west', { lsn: scene.source.end, streams: false });
  await watch(4);
  assert.deepEqual(
    (await standing())!.witnesses.map(({ says }) => says),
    ['gone', 'gone'],
  );
  const plan = () => scene.invoke<PlannedMove>('plan-failover', { input: scene.started[0]!.input });
  const { automatic, planHash } = await plan();
  assert.equal(automatic, true);
  const { input } = scene.started[0]!;
  const recheck = (name: string) =>
    scene.invoke<PlannedMove>('recheck-failover', { execution: executionArn('failover', name), input, planHash });
  assert.equal((await recheck('one')).automatic, true);
  assert.equal((await recheck('one')).automatic, true, 'asked again by the same execution');
  await watch();
  assert.equal((await standing())!.automatic?.execution, executionArn('failover', 'one'), 'the watch keeps it');
  assert.equal((await plan()).automatic, false);
  await releaseLeaseOf(scene.source.store, 'orders', 'failover', {
    ...{ execution: executionArn('failover', 'one'), now: scene.source.now },
  });
  await assert.rejects(recheck('two'), { name: 'PlanChanged', message: /do not agree any more|moved by itself/ });
});
