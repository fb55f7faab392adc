import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineInstallation } from '#harness/postgres-installations';
import { assertFailed } from '#harness/run-task';
import { RebuildScene } from './rebuild-scene.ts';

let scene: RebuildScene;

afterEach(() => scene?.remove());

/** East has the primary and its backup is in the bucket; nothing is at west. */
async function begin() {
  scene = await RebuildScene.create(machineInstallation());
  const { east, west } = scene.pair;
  await west.stop();
  rmSync(west.dataDir, { recursive: true });
  await scene.backup();
  return { east, west };
}

const asPrimary = { site: 'west', as: 'primary' };

describe('the task rebuild-standby, as a primary', () => {
  test('restores where no replica lives, once the other site is fenced, and starts it', async () => {
    const { east, west } = await begin();
    await scene.fence(east);
    const { how, keptAside, rawBytes } = await scene.rebuild('restore', asPrimary);
    assert.deepEqual({ how, keptAside }, { how: 'restored', keptAside: null });
    assert.ok(rawBytes > 1_000_000);
    assert.equal(await west.value('select pg_is_in_recovery()'), 'f');
    assert.equal(await west.value('select count(*) from rows'), '1000');
    assert.equal((await scene.rebuild('again', asPrimary)).how, 'nothing');
  });

  test('refuses as long as the other site may take writes, by force only when it is silent', async () => {
    const { east, west } = await begin();
    for (const force of [false, true])
      assertFailed(await scene.run(`up-${force}`, { ...asPrimary, force }), 12, 'RebuildFailed', /may take writes/);
    await east.kill();
    assertFailed(await scene.run('unfenced', asPrimary), 12, 'RebuildFailed', /may take writes/);
    assert.ok(!existsSync(west.dataDir));
    assert.equal((await scene.rebuild('forced', { ...asPrimary, force: true })).how, 'restored');
    assert.equal(await west.value('select pg_is_in_recovery()'), 'f');
  });

  test('that was killed is done by its next attempt', async () => {
    const { east, west } = await begin();
    await scene.fence(east);
    for (const killAfterMs of [500, 900, 1_300]) {
      const { child, ended } = scene.start('killed', asPrimary);
      await Promise.race([sleep(killAfterMs), ended]);
      child.kill('SIGKILL');
      await ended;
    }
    assert.match((await scene.rebuild('killed', asPrimary)).how, /nothing|restored/);
    assert.equal(await west.value('select count(*) from rows'), '1000');
    assert.equal(await west.value('show listen_addresses'), '127.0.0.1');
  });
});
