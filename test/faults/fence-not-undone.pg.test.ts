import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { serverAccount } from '#harness/postgres-installations';
import { failedWith, faultTests, primaryIs } from './fault-scene.ts';

/* A planned move that has to go back, and the old primary that may not come up again. */

const test = faultTests();

test('an old primary that does not start again stays fenced, as its failure says', async ({ world, primary }) => {
  world.faults = { promotionRefused: true };
  const config = join(primary.dataDir, 'postgresql.conf');
  const right = readFileSync(config, 'utf8');
  const end = await world.move(
    { planned: true },
    {
      async after({ name, payload }) {
        if (name === 'fence-primary' && payload.undo !== true) appendFileSync(config, "shared_buffers = 'plenty'\n");
      },
    },
  );
  failedWith(
    world,
    end,
    'FenceNotUndone',
    new RegExp(`shop has no primary: .* was not promoted, and ${primary.name} takes no writes`),
    /invalid value for parameter "shared_buffers"/,
    /it can only come up as a standby, as before/,
  );
  assert.equal(existsSync(join(primary.dataDir, 'standby.signal')), true);
  writeFileSync(config, right);
  await primary.start();
  assert.equal(await primary.value('select pg_is_in_recovery()'), 't', 'whoever starts it gets a standby');
  await primary.query('select pg_promote(true, 60)');
  world.faults = {};
  await primaryIs(world, primary);
});

test('one that was started by a relative path takes writes again', async ({ world, primary }) => {
  await primary.stop();
  const words = ['-D', basename(primary.dataDir), '-l', 'pg_ctl.log', '-w', 'start'];
  const env = { PATH: '/usr/bin:/bin' };
  const options = { ...serverAccount, env, cwd: primary.home, stdio: 'ignore' } as const;
  assert.equal(spawnSync(join(primary.binDir, 'pg_ctl'), words, options).status, 0);
  world.faults = { promotionRefused: true };
  failedWith(world, await world.move({ planned: true }), 'PromotionFailed', /takes writes again/);
  await primaryIs(world, primary);
});
