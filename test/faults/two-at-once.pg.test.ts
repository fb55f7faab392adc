import assert from 'node:assert/strict';
import { faultTests, nextMoveWorks, primaryIs, type Scene } from './fault-scene.ts';

/* Two people start a move at the same moment: one of them moves, and the other one is told why not. */

const test = faultTests();

test('two failovers of a dead primary at once: one moves it, the other one says why it does not', async (scene) => {
  await scene.primary.kill();
  const said = await bothAsked(scene, {}, {});
  assert.equal(said.filter((words) => words === 'SUCCEEDED').length, 1, said.join('; '));
  await primaryIs(scene.world, scene.standby);
});

test('two planned moves at once: one of them moves it, and no row is lost', async (scene) => {
  const said = await bothAsked(scene, { planned: true }, { planned: true });
  assert.equal(said.filter((words) => words === 'SUCCEEDED').length, 1, said.join('; '));
  assert.deepEqual(await scene.world.watch.lost(scene.standby), []);
  await primaryIs(scene.world, scene.standby);
});

test('two moves at once in opposite directions never make two primaries', async (scene) => {
  const { world, primary, standby } = scene;
  const said = await bothAsked(scene, { planned: true, to: standby.name }, { to: primary.name });
  assert.ok(said.includes('SUCCEEDED'), said.join('; '));
  assert.deepEqual(await world.watch.lost((await world.primary())!), []);
});

test('after all of it a planned move works, and loses nothing', nextMoveWorks);

/** How each ended; who did not succeed has said why, and what to do. */
async function bothAsked(
  { world }: Scene,
  one: Record<string, string | boolean>,
  other: typeof one,
): Promise<string[]> {
  const ends = await Promise.all([world.move(one), world.move(other)]);
  return ends.map((end) => {
    assert.notEqual(end, 'killed');
    const { status, error, cause = '' } = end as Exclude<typeof end, 'killed'>;
    if (status === 'SUCCEEDED') return status;
    assert.ok(['LeaseHeld', 'PlanChanged', 'NotReady'].includes(error!), `${error}: ${cause}`);
    assert.match(cause, /\nHINT: \S/);
    return `${error}: ${cause}`;
  });
}
