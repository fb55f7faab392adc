import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { releaseLeaseOf } from '#catalog/release-lease';
import { TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import { ScriptedSites } from '#harness/scripted-sites';
import { executionArn } from '#model/arn';
import { moveTraffic, undoTraffic } from '#runtime/move-traffic';
import { movingGroup } from '#runtime/moving-group';
import { takeMovingLease } from '#runtime/take-moving-lease';
import { FailoverScene } from '../functions/failover-scene.ts';

let scene: FailoverScene;
beforeEach(async () => {
  scene = await FailoverScene.create();
});
afterEach(() => scene.remove());

const execution = executionArn('failover', 'one');
const { signal } = new AbortController();

function setting(what: string, site: string | undefined, gone: boolean): Movable & { value: string } {
  const answer = <T>(value: T): Promise<T> =>
    gone
      ? Promise.reject(new TrafficNotMoved(`${what} does not answer`, { operation: 'put', subject: what }))
      : Promise.resolve(value);
  const made = {
    ...{ part: 'settings' as const, what, value: 'old', wanted: (primary: string) => `at ${primary}` },
    ...(site === undefined ? {} : { site }),
    read: () => answer(made.value),
    async put(value: string | null) {
      await answer(null);
      made.value = value!;
      return null;
    },
    settled: () => answer(true),
    check: async () => [],
  };
  return made as Movable & { value: string };
}

const move = (movables: Movable[], tolerate: boolean) =>
  moveTraffic(
    movingGroup({ ...scene.world, movables: async () => movables }, 'shop'),
    { execution, part: 'settings', to: 'west', tolerate },
    signal,
  );

test('a setting that lies where everything is gone is left out, with its reason, and the others follow', async () => {
  const there = setting('ssm west', 'west', false);
  const gone = setting('ssm east', 'east', true);
  const { settled, moved, skipped } = await move([gone, there], true);
  assert.deepEqual([settled, there.value], [true, 'at west']);
  assert.deepEqual(moved, [{ what: 'ssm west', before: 'old', after: 'at west' }]);
  assert.deepEqual(skipped, [{ what: 'ssm east', why: 'ssm east does not answer' }]);
});

test('one that belongs to the new site, or to none, has to follow', async () => {
  for (const site of ['west', undefined]) {
    const stuck = setting(`ssm of ${site}`, site, true);
    const { settled } = await move([stuck], true).catch((failure: Error) => {
      assert.equal(failure.name, 'TrafficNotMoved');
      return { settled: false };
    });
    assert.equal(settled, false);
  }
});

describe('what a rehearsal raised', () => {
  const rehearsal = {
    execution: executionArn('failover', 'rehearsal'),
    part: 'capacity',
    to: 'west',
    tolerate: false,
    only: 'west',
  } as const;
  const real = executionArn('failover', 'real');
  async function raised() {
    const sites = new ScriptedSites();
    const world = { ...scene.world, ...sites.moves };
    const moving = movingGroup(world, 'shop');
    assert.equal((await moveTraffic(moving, rehearsal, signal)).settled, true);
    assert.equal(sites.westApp.value, '4');
    return { sites, world, moving, undo: () => undoTraffic(moving, rehearsal, signal) };
  }
  const release = () =>
    releaseLeaseOf(scene.world.vault.store, 'orders', 'failover', { execution: real, now: new Date() });

  test('is put back after a real move that came in between and moved nothing', async () => {
    const { sites, world, undo } = await raised();
    await takeMovingLease(world, 'orders', real);
    const waiting = await undo();
    assert.deepEqual([waiting.settled, sites.westApp.value], [false, '4']);
    assert.match(waiting.pending[0]!.why, /a real move goes on/);
    await release();
    assert.deepEqual([(await undo()).settled, sites.westApp.value], [true, '1']);
  });

  test('stays where the primary is by then', async () => {
    const { sites, world, undo } = await raised();
    await takeMovingLease(world, 'orders', real);
    [sites.east.fenced, sites.east.runs, sites.west.role] = [true, false, 'primary'];
    await release();
    const { settled, skipped } = await undo();
    assert.deepEqual([settled, sites.westApp.value], [true, '4']);
    assert.deepEqual(skipped, [{ what: 'ecs west/web', why: 'west has the primary by now, and needs it' }]);
  });
});
