import assert from 'node:assert/strict';
import { failedWith, faultTests, nextMoveWorks, primaryIs, succeeded } from './fault-scene.ts';
import { sayYes } from './say-yes.ts';

/* The old primary cannot be kept from taking writes. */

const test = faultTests();

test('where the fence fails nothing is promoted, and the primary goes on', async ({ world, primary, standby }) => {
  world.faults = { fenceFails: true };
  const end = await world.move({ planned: true });
  failedWith(world, end, 'FenceFailed', /nothing that was tried keeps it from taking writes/, /nothing was promoted/);
  assert.equal(await standby.value('select pg_is_in_recovery()'), 't');
  assert.deepEqual(await world.watch.lost(primary), []);
  await primaryIs(world, primary);
});

test('a primary that answers and cannot be fenced is not replaced, even by force', async ({ world, primary }) => {
  world.faults = { unfenceable: true };
  for (const force of [false, true])
    failedWith(
      world,
      await world.move({ force }),
      'NotReady',
      new RegExp(`${primary.name} cannot be fenced`),
      /there would be two primaries: stop it by hand first/,
    );
  await primaryIs(world, primary);
});

test('a dead primary that cannot be fenced is replaced only by who forces it, and reads that before the yes', async ({
  world,
  primary,
  standby,
}) => {
  world.faults = { unfenceable: true };
  await primary.kill();
  failedWith(world, await world.move(), 'NotReady', new RegExp(`${primary.name} cannot be fenced`));
  assert.equal(await standby.value('select pg_is_in_recovery()'), 't');
  let shown = '';
  const end = await world.move(
    { force: true },
    {
      async asked(question) {
        shown = question.planText;
        await sayYes(question);
      },
    },
  );
  succeeded(end);
  assert.match(shown, new RegExp(`DANGER +${primary.name} COULD NOT BE FENCED: it may still take writes`));
  await primaryIs(world, standby);
  // its disk is seen again: now it can be fenced, and nobody has started it
  world.faults = {};
  assert.equal(primary.running(), false);
  const server = await world.server(primary.name);
  await server.fence({ gently: false, signal: AbortSignal.timeout(30_000) });
});

test('a primary that is back right before the promotion keeps it there, though it was forced', async ({
  world,
  primary,
  standby,
}) => {
  world.faults = { unfenceable: true };
  await primary.kill();
  let left = 1;
  const end = await world.move(
    { force: true },
    {
      async before({ name }) {
        if (name === 'promote-standby' && left-- === 1) await primary.start();
      },
    },
  );
  failedWith(world, end, 'FenceFailed', new RegExp(`${primary.name} may take writes`));
  assert.equal(await standby.value('select pg_is_in_recovery()'), 't');
  await primaryIs(world, primary);
});

test('after all of it a planned move works, and loses nothing', nextMoveWorks);
