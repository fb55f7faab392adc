import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { holdLease } from '#catalog/execution-lease';
import { readFailoverStanding } from '#catalog/failover-standing';
import { readLease } from '#catalog/lease';
import type { PlannedMove } from '#failover/planned-move';
import { primary, silent, standby } from '#harness/move-scene';
import { executionArn } from '#model/arn';
import { leaseKey } from '#store/bucket-layout';
import { FailoverScene } from './failover-scene.ts';

let scene: FailoverScene;
beforeEach(async () => {
  scene = await FailoverScene.create({ proposeAfter: '1m' });
  scene.sites = { east: primary('east'), west: standby('west') };
});
afterEach(() => scene.remove());

const east = { gone: () => ({ east: silent('east'), west: standby('west', { streams: false }) }) };
const moved = () => ({ east: silent('east', { fenced: true }), west: primary('west', { timeline: 2 }) });
const westIsGone = () => ({ east: standby('east', { streams: false }), west: silent('west') });
const standing = async () => (await readFailoverStanding(scene.source.store, 'shop'))!;
const execution = executionArn('failover', 'one');

async function watch(times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    scene.source.pass(1);
    await scene.invoke('watch-failover', {});
  }
}

/** As the machine does: the plan, the second look, and in between whatever happens; then the end. */
async function begin(): Promise<void> {
  const { planHash } = await scene.invoke<PlannedMove>('plan-failover', { input: {} });
  await scene.invoke('recheck-failover', { execution, input: {}, planHash });
  scene.running = ['one'];
}
const end = (site?: string) =>
  scene.invoke<{ released: boolean }>('end-failover', { execution, group: 'shop', ...(site && { primary: site }) });

describe('a move that ends between two looks', () => {
  beforeEach(async () => {
    await watch();
    scene.sites = east.gone();
    await watch(2);
    await begin();
    scene.sites = moved();
    assert.equal((await end('west')).released, true);
  });

  test('ends the row of looks, and it is known at once where the primary is', async () => {
    const { gone, primary: site, moved: seen } = await standing();
    assert.deepEqual([gone, site, seen?.execution], [null, 'west', execution]);
  });

  test('is not counted to what is gone with the next look: that is proposed when it has lasted', async () => {
    scene.sites = westIsGone();
    await watch();
    assert.deepEqual([scene.started, (await standing()).gone?.looks], [[], 1]);
    const { planText } = await scene.invoke<PlannedMove>('plan-failover', { input: { to: 'east' } });
    assert.match(
      planText,
      new RegExp(`primary {2}west does not answer: .*; gone since ${(await standing()).gone!.since} \\(0s\\)`),
    );
    await watch();
    assert.deepEqual(scene.started, []);
    await watch();
    assert.equal(scene.started.length, 1);
  });

  test('leaves a plan nothing of before to tell', async () => {
    const { planText } = await scene.invoke<PlannedMove>('plan-failover', { input: { to: 'west' } });
    assert.doesNotMatch(planText, /since/);
  });
});

test('an outage that a move could not end is counted anew, and what was proposed for it is not proposed again', async () => {
  scene.sites = east.gone();
  await watch(4);
  assert.equal(scene.started.length, 1);
  await begin();
  await end();
  await watch();
  const { gone } = await standing();
  assert.deepEqual([gone?.looks, gone?.since], [1, scene.source.now.toISOString()]);
  await watch(5);
  assert.equal(scene.started.length, 1);
});

test('who was refused before the move has moved nothing: the row goes on', async () => {
  scene.sites = east.gone();
  await watch(2);
  assert.equal((await end()).released, false);
  await watch();
  assert.deepEqual([(await standing()).gone?.looks, scene.started.length], [3, 1]);
});

test('while it moves nothing is counted; once it was stopped, the outage that it leaves is', async () => {
  await begin();
  scene.sites = { east: silent('east', { fenced: true }), west: standby('west', { streams: false }) };
  await watch(3);
  assert.deepEqual([(await standing()).gone, scene.told], [null, []]);
  scene.running = [];
  await watch(3);
  const held = await readLease(scene.source.store, leaseKey('orders', 'failover'));
  assert.deepEqual([held?.state.released, (await standing()).gone?.looks], [false, 3]);
  assert.deepEqual(scene.told, [['failure', 'the primary is gone']]);
});

test('a look that a move reached into counts nothing', async () => {
  scene.sites = east.gone();
  await watch(2);
  const { store } = scene.source;
  const world = Object.getOwnPropertyDescriptor(FailoverScene.prototype, 'world')!.get!.call(scene);
  let reached = false;
  Object.defineProperty(scene, 'world', {
    get: () => ({
      ...world,
      siteServers: async (...asked: unknown[]) => {
        if (!reached) {
          reached = true;
          await holdLease(store, 'orders', 'failover', { execution, host: 'h', pid: 1, now: scene.source.now });
          const { handler } = await import('#functions/end-failover');
          await handler(
            { execution, group: 'shop', primary: 'west' } as never,
            { functionName: 'end-failover' } as never,
          );
        }
        return world.siteServers(...asked);
      },
    }),
  });
  await watch();
  assert.ok(reached);
  assert.deepEqual([(await standing()).gone, (await standing()).primary, scene.started], [null, 'west', []]);
});
