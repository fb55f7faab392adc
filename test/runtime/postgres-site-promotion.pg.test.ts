import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PromotionFailed } from '#failover/failures';
import { embeddedInstallation, installations } from '#harness/postgres-installations';
import { siteScene } from './site-scene.ts';

for (const installation of installations()) {
  test(`a promotion that took too long and happened is found, and made once: ${installation.name}`, async (t) => {
    const { west, eastServer, westServer, signal } = await siteScene(t, installation);
    await eastServer.fence({ gently: false, signal });
    const startup = west.processes().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('startup'))!;
    process.kill(startup, 'SIGSTOP');
    const late = await westServer.promote({ gently: false, waitMs: 300, signal });
    assert.deepEqual(late, { done: false, timeline: null, lsn: null });
    process.kill(startup, 'SIGCONT');
    while ((await west.value('select pg_is_in_recovery()')) === 't');

    const found = await westServer.promote({ gently: false, waitMs: 20_000, signal });
    assert.deepEqual([found.done, found.timeline], [true, 2]);
    const { server } = await westServer.look(signal);
    assert.ok(server.state === 'answers');
    assert.deepEqual([server.role, server.timeline], ['primary', 2]);
    await west.query('insert into orders values (1)');
  });

  test(`what a paused standby has received is replayed before it becomes the primary: ${installation.name}`, async (t) => {
    const { east, west, eastServer, westServer, signal } = await siteScene(t, installation);
    await west.query('select pg_wal_replay_pause()');
    await east.query('insert into orders select generate_series(1, 1000)');
    await eastServer.fence({ gently: true, signal });
    assert.equal(await west.value('select count(*) from orders'), '0');
    assert.equal((await westServer.promote({ gently: true, waitMs: 20_000, signal })).done, true);
    assert.equal(await west.value('select count(*) from orders'), '1000');
  });
}

const embedded = embeddedInstallation();

test('a standby that a promotion would end, for it has smaller settings than its primary, is left as it is until they are raised', async (t) => {
  const { east, west, eastServer, westServer, signal } = await siteScene(t, embedded);
  await east.stop();
  east.configure({ max_connections: '150' });
  await east.start();
  while ((await west.value('select pg_get_wal_replay_pause_state()')) !== 'paused');
  await eastServer.fence({ gently: false, signal });
  await assert.rejects(westServer.promote({ gently: false, waitMs: 1_000, signal }), (failure: PromotionFailed) => {
    assert.equal(failure.name, 'PromotionFailed');
    assert.match(failure.message, /max_connections is 100: expected at least 150/);
    assert.match(failure.hint!, /max_connections/);
    return true;
  });
  assert.equal(await west.value('select pg_is_in_recovery()'), 't'); // pg_promote would have ended it
  await west.stop();
  west.configure({ max_connections: '150' });
  await west.start();
  assert.equal((await westServer.promote({ gently: false, waitMs: 20_000, signal })).timeline, 2);
});

test('a standby that does not answer, or does not let us, is refused with what to do', async (t) => {
  const { east, west, westServer, pair, signal } = await siteScene(t, embedded);
  await east.query('create role watcher login');
  await pair.untilCaughtUp();
  const { openSiteServer } = await import('#runtime/open-site-server');
  const { control, connection } = west.site.server;
  const server = { kind: 'postgres' as const, control, connection: { ...connection, user: 'watcher' } };
  const watcher = await openSiteServer(
    { name: 'west', server },
    { environment: process.env, group: undefined as never },
  );
  await assert.rejects(watcher.promote({ gently: false, waitMs: 500, signal }), (failure: PromotionFailed) => {
    assert.equal(failure.name, 'PromotionFailed');
    assert.match(failure.hint!, /GRANT EXECUTE ON FUNCTION pg_promote TO watcher/);
    return true;
  });
  assert.equal(await west.value('select pg_is_in_recovery()'), 't');
  await west.stop();
  await assert.rejects(westServer.promote({ gently: false, waitMs: 200, signal }), {
    name: 'PromotionFailed',
    message: /does not answer/,
  });
});
