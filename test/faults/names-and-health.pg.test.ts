import assert from 'node:assert/strict';
import { failedWith, faultTests, primaryIs, succeeded } from './fault-scene.ts';

/* What follows the primary does not: from the promotion on a move only goes forward, and stops where people have to look. */

const test = faultTests();

test('a name that is pending for long is waited for', async ({ world, standby }) => {
  world.faults = { namesPending: 20 };
  let asked = 0;
  const end = await world.move(
    { planned: true },
    {
      async before({ name, payload }) {
        if (name === 'move-traffic' && payload.part === 'names') asked++;
      },
    },
  );
  succeeded(end);
  assert.ok(asked >= 20, `asked ${asked} times`);
  assert.deepEqual(await world.watch.lost(standby), []);
  await primaryIs(world, standby);
});

test('a name that nobody may change stops the move after the promotion, and starting it again goes on', async ({
  world,
  primary,
  standby,
}) => {
  world.faults = { namesRefused: true };
  const end = await world.move({ planned: true });
  failedWith(
    world,
    end,
    'FailoverStopped',
    new RegExp(`${standby.name} is the primary of shop, but moving the names failed`),
    /the zone takes no change now/,
    /go on: lifeboat failover shop/,
  );
  assert.equal((await world.primary())?.name, standby.name, 'a promotion is never taken back');
  assert.equal(primary.running(), false, 'the old primary stays fenced');
  world.faults = {};
  const { output } = succeeded(await world.move());
  assert.equal((output as { mode: string }).mode, 'finish');
  assert.deepEqual(await world.watch.lost(standby), []);
  await primaryIs(world, standby);
});

test('health that never comes stops the move after everything has moved, and starting it again finishes it', async ({
  world,
  primary,
  standby,
}) => {
  await primary.query('create table sick ()');
  await world.pair.untilCaughtUp();
  const end = await world.move({ planned: true });
  failedWith(world, end, 'FailoverStopped', /NotHealthy: .*nobody is sick/, /go on: lifeboat failover shop/);
  await primaryIs(world, standby);
  assert.deepEqual(await world.watch.lost(standby), []);
  await standby.query('drop table sick');
  const { output } = succeeded(await world.move({ to: standby.name }));
  assert.equal((output as { mode: string }).mode, 'finish');
});
