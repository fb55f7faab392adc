import assert from 'node:assert/strict';
import { StatesError } from '#local/integration';
import { failedWith, faultTests, primaryIs, succeeded } from './fault-scene.ts';

/* What a promotion does when it does not simply happen. */

const test = faultTests();

test('a promotion that happened and whose answers were lost is found, and never taken back', async ({
  world,
  standby,
}) => {
  world.faults = { promotionAnswersLost: 4 };
  succeeded(await world.move({ planned: true }));
  assert.deepEqual(await world.watch.lost(standby), []);
  await primaryIs(world, standby);
});

test('a standby that refuses to be promoted stays one, and the old primary takes writes again', async ({
  world,
  primary,
  standby,
}) => {
  world.faults = { promotionRefused: true };
  const end = await world.move({ planned: true });
  failedWith(
    world,
    end,
    'PromotionFailed',
    /it is not allowed to become a primary/,
    /nothing was promoted, and .* takes writes again/,
  );
  assert.equal(await standby.value('select pg_is_in_recovery()'), 't');
  await primaryIs(world, primary);
  await primary.query('create table if not exists again (); drop table again');
});

test('a standby that dies right before its promotion is not waited for: the old primary takes writes again', async ({
  world,
  primary,
  standby,
}) => {
  const end = await world.move(
    { planned: true },
    {
      async before({ name, payload }) {
        if (name === 'promote-standby' && payload.look !== true) await standby.kill();
      },
    },
  );
  failedWith(world, end, 'SwitchoverIncomplete', new RegExp(`${standby.name} is not promoted`), /takes writes again/);
  await primaryIs(world, primary);
  await standby.start();
});

test('where nobody knows whether the promotion happens yet, the old primary stays fenced, and all of it is told', async ({
  world,
  primary,
  standby,
}) => {
  const end = await world.move(
    { planned: true },
    {
      async after({ name, payload }) {
        if (name !== 'promote-standby' || payload.look === true) return;
        await standby.kill();
        throw new StatesError('Sandbox.Timedout', '{"errorMessage":"Task timed out after 300.00 seconds"}');
      },
    },
  );
  failedWith(world, end, 'PromotionUnknown', new RegExp(`${primary.name} stays fenced`), /lifeboat failover shop/);
  assert.equal(primary.running(), false);
  await standby.start();
  succeeded(await world.move());
  assert.deepEqual(await world.watch.lost(standby), []);
  await primaryIs(world, standby);
});
