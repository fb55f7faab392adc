import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import type { ReplicatedSite } from '#harness/replicated-site';
import { assertFailed } from '#harness/run-task';
import { settlesCrashed } from '#tasks/settle-crashed';
import { RebuildScene } from './rebuild-scene.ts';

let scene: RebuildScene;
afterEach(() => scene?.remove());

/** As a person starts it in the folder that holds the data directory. */
function startRelative({ binDir, home }: ReplicatedSite): void {
  const words = ['-D', 'data', '-l', 'pg_ctl.log', '-o', '-c work_mem=7MB', '-w', 'start'];
  const env = { PATH: '/usr/bin:/bin' };
  const options = { ...serverAccount, env, cwd: home, stdio: 'ignore' } as const;
  assert.equal(spawnSync(join(binDir, 'pg_ctl'), words, options).status, 0);
}

test('a server that was started by a relative -D follows again, and is started with what it was started with', async () => {
  scene = await RebuildScene.create(machineInstallation());
  const { east, west } = scene.pair;
  await east.stop();
  startRelative(east);
  await scene.pair.untilCaughtUp();
  await scene.moveTo(west, east);
  assert.equal((await scene.rebuild('relative')).how, 'followed');
  await scene.pair.untilCaughtUp();
  assert.equal(await east.value('show work_mem'), '7MB');
});

test('what was corrected after an attempt that failed counts, and not what that attempt had kept', async () => {
  scene = await RebuildScene.create(machineInstallation());
  const { east } = scene.pair;
  const config = join(east.dataDir, 'postgresql.conf');
  const right = readFileSync(config, 'utf8');
  await scene.diverge('insert into rows select -1 from generate_series(1, 10)');
  appendFileSync(config, "shared_buffers = 'plenty'\n");
  assertFailed(await scene.run('wrong'), 12, 'RebuildFailed', /"shared_buffers": "plenty".* and no backup leads to it/);

  writeFileSync(config, `${right}work_mem = '7MB'\n`);
  const options = join(east.dataDir, 'postmaster.opts');
  const own = readFileSync(options, 'utf8');
  writeFileSync(options, `${own.trimEnd()} "-c" "cluster_name=${settlesCrashed}"\n`); // as an attempt that was killed leaves it
  assert.equal((await scene.rebuild('corrected')).how, 'rewound');
  await scene.pair.untilCaughtUp();
  assert.equal(await east.value('show work_mem'), '7MB');
  assert.equal(await east.value('show cluster_name'), 'east');
});

test('a standby that cannot start says why, in all its words', async () => {
  scene = await RebuildScene.create(machineInstallation());
  const { east, west } = scene.pair;
  await scene.moveTo(west, east);
  writeFileSync(join(east.dataDir, 'pg_hba.conf'), 'nonsense\n');
  assertFailed(
    await scene.run('wrong'),
    12,
    'RebuildFailed',
    /invalid connection type "nonsense".*line 1 of .*pg_hba\.conf.*could not load/,
  );
  const config = join(east.dataDir, 'postgresql.conf');
  writeFileSync(config, `${readFileSync(config, 'utf8')}\ninclude 'nowhere.conf'\n`);
  assertFailed(await scene.run('still-wrong'), 12, 'RebuildFailed', /nowhere\.conf/);
});
