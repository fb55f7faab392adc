import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { executionArn } from '#model/arn';
import { fenceSite, undoFence } from '#runtime/fence-site';
import { movingGroup } from '#runtime/moving-group';
import { promoteSite } from '#runtime/promote-site';
import { movePlace } from '../statemachines/failover-scene.ts';

const execution = executionArn('failover', 'one');
const signal = AbortSignal.timeout(60_000);
const fencing = { execution, site: 'east', gently: false, force: false };

async function scene(t: TestContext) {
  const { source, sites, remove } = await movePlace({});
  t.after(remove);
  return { sites, moving: movingGroup(source.world, 'shop') };
}

test('a fence is undone as it was before, also when it was put twice', async (t) => {
  const { sites, moving } = await scene(t);
  await fenceSite(moving, fencing, signal);
  await fenceSite(moving, fencing, signal);
  assert.deepEqual(sites.writing, []);
  assert.deepEqual(await undoFence(moving, { execution, site: 'east' }, signal), {
    ...{ undone: true, how: 'east takes writes again' },
  });
  assert.deepEqual(sites.writing, ['east']);
});

test('what was never fenced is not touched', async (t) => {
  const { sites, moving } = await scene(t);
  const { undone } = await undoFence(moving, { execution, site: 'east' }, signal);
  assert.deepEqual([undone, sites.east.calls], [false, []]);
});

test('a fence is not undone while the other site has the primary', async (t) => {
  const { sites, moving } = await scene(t);
  await fenceSite(moving, fencing, signal);
  sites.west.role = 'primary';
  await assert.rejects(undoFence(moving, { execution, site: 'east' }, signal), {
    ...{ name: 'FenceFailed', message: 'east stays fenced: west is the primary' },
  });
  assert.deepEqual([sites.writing, sites.violations], [['west'], []]);
});

test('a fence is not undone while the other site may yet become the primary', async (t) => {
  const { sites, moving } = await scene(t);
  await fenceSite(moving, fencing, signal);
  sites.west.scripts.promote = async () => ({ done: false, timeline: null, lsn: null });
  const asked = { execution, site: 'west', from: 'east', end: null, gently: false, force: false };
  assert.equal((await promoteSite(moving, asked, signal)).done, false);
  await assert.rejects(undoFence(moving, { execution, site: 'east' }, signal), /was asked to become the primary/);
  assert.equal(sites.east.fenced, true);
});

test('a fence of another execution is none: nothing is promoted', async (t) => {
  const { sites, moving } = await scene(t);
  Object.assign(sites.east, { fenced: true, runs: false });
  const asked = { execution, site: 'west', from: 'east', end: null, gently: false, force: false };
  await assert.rejects(promoteSite(moving, asked, signal), /this execution has not fenced it/);
  assert.equal(sites.west.role, 'standby');
});
