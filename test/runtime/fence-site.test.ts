import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { releaseLeaseOf } from '#catalog/release-lease';
import { FenceFailed } from '#failover/failures';
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
  return { sites, moving: movingGroup(source.world, 'shop'), world: source.world };
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

test('a primary that answers and cannot be fenced is not left alone, whatever was approved', async (t) => {
  const { sites, moving } = await scene(t);
  sites.east.scripts.fence = async () => {
    throw new FenceFailed('east does not stop', { operation: 'fence', subject: 'east' });
  };
  await assert.rejects(fenceSite(moving, { ...fencing, force: true }, signal), { name: 'FenceFailed' });
  sites.kill('east');
  assert.equal((await fenceSite(moving, { ...fencing, force: true }, signal)).strength, 'none');
  sites.start('east');
  const asked = { execution, site: 'west', from: 'east', end: null, gently: false, force: true };
  await assert.rejects(promoteSite(moving, asked, signal), { name: 'FenceFailed' });
  assert.deepEqual([sites.writing, sites.violations], [['east'], []]);
  sites.kill('east');
  assert.equal((await promoteSite(moving, asked, signal)).done, true);
});

test('who slept while another execution had the group takes nobody who is silent for a standby', async (t) => {
  const { sites, moving, world } = await scene(t);
  await fenceSite(moving, fencing, signal);
  const later = (hours: number) => ({ ...world, now: () => new Date(world.now().getTime() + hours * 3_600_000) });
  const asked = { execution: executionArn('failover', 'two'), site: 'west', from: 'east', end: null };
  const other = movingGroup(later(1), 'shop');
  await fenceSite(other, { ...fencing, execution: asked.execution }, signal);
  await promoteSite(other, { ...asked, gently: false, force: false }, signal);
  const given = { execution: asked.execution, now: later(1).now() };
  await releaseLeaseOf(world.vault.store, 'main', 'failover', given);
  sites.west.reachable = false;
  const woken = movingGroup(later(2), 'shop');
  for (const _ of ['once', 'again'])
    await assert.rejects(undoFence(woken, { execution, site: 'east' }, signal), /may have made it the primary since/);
  assert.deepEqual([sites.writing, sites.violations], [['west'], []]);
});

test('a fence that was there before stays, and is not said to be undone', async (t) => {
  const { sites, moving } = await scene(t);
  Object.assign(sites.east, { fenced: true, runs: false });
  await fenceSite(moving, fencing, signal);
  const { how } = await undoFence(moving, { execution, site: 'east' }, signal);
  assert.match(how, /^east is what it was before, and takes no writes \(stopped/);
});
