import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { failedWith, faultTests, nextMoveWorks, primaryIs, type Scene, succeeded } from './fault-scene.ts';
import { sayYes } from './say-yes.ts';

/* The primary died, somebody asks for a failover, and at some moment the primary is there again: a boot, a person, `postgres -D`. */

const test = faultTests();

test('a primary that is back before anybody says yes stays the primary', async ({ world, primary }) => {
  await primary.kill();
  const end = await world.move(
    {},
    {
      async asked(question) {
        await primary.start();
        await sayYes(question);
      },
    },
  );
  failedWith(
    world,
    end,
    'PlanChanged',
    new RegExp(`the primary answers again at ${primary.name}`),
    /nothing was touched/,
  );
  await primaryIs(world, primary);
});

test('a primary that is back between the yes and the second look stays the primary', async ({ world, primary }) => {
  await primary.kill();
  const end = await world.move(
    {},
    atCall('recheck-failover', () => primary.start()),
  );
  failedWith(
    world,
    end,
    'PlanChanged',
    new RegExp(`the primary answers again at ${primary.name}`),
    /nothing was touched/,
  );
  await primaryIs(world, primary);
});

test('a primary that is back right before the fence is stopped by it', async ({ world, primary, standby }) => {
  await primary.kill();
  succeeded(
    await world.move(
      {},
      atCall('fence-primary', () => primary.start()),
    ),
  );
  assert.equal(primary.running(), false);
  await primaryIs(world, standby);
});

test('who starts the old primary after the fence gets a standby, and so who does after the promotion', async (scene) => {
  const { world, primary, standby } = scene;
  await primary.kill();
  const end = await world.move(
    {},
    {
      async before({ name, payload }) {
        if (name === 'promote-standby') await primary.start();
        if (name !== 'move-traffic' || payload.part !== 'names') return;
        await isStandby(scene);
        await primary.kill();
        await primary.start();
      },
    },
  );
  succeeded(end);
  await isStandby(scene);
  await primaryIs(world, standby);
});

test('who makes the old primary one by hand after the fence keeps it: nothing is promoted', async (scene) => {
  const { world, primary, standby } = scene;
  const byHand = async () => {
    rmSync(join(primary.dataDir, 'standby.signal'));
    await primary.start();
  };
  const end = await world.move({ planned: true }, atCall('promote-standby', byHand));
  failedWith(
    world,
    end,
    'FenceFailed',
    new RegExp(`${primary.name} may take writes: it is not fenced`),
    /nothing was promoted/,
  );
  assert.equal(await standby.value('select pg_is_in_recovery()'), 't');
  await primaryIs(world, primary);
});

test('a primary that hangs and goes on after the promotion was killed before', async ({ world, primary, standby }) => {
  const hung = primary.processes();
  for (const pid of hung) process.kill(pid, 'SIGSTOP');
  succeeded(await world.move());
  assert.deepEqual(primary.processes(), [], 'it would go on writing');
  await primaryIs(world, standby);
});

test('after all of it a planned move works, and loses nothing', nextMoveWorks);

/** Before a function is called for the first time. */
function atCall(name: string, act: () => Promise<void>) {
  let left = 1;
  return {
    async before(call: { name: string }) {
      if (call.name === name && left-- === 1) await act();
    },
  };
}

async function isStandby({ primary }: Scene): Promise<void> {
  assert.equal(await primary.value('select pg_is_in_recovery()'), 't');
  await assert.rejects(
    primary.query('set transaction_read_only = off; insert into watched values (-1)'),
    /recovery|read-only/,
  );
}
