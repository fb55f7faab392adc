import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SiteFacts } from '#failover/site-facts';
import { embeddedInstallation } from '#harness/postgres-installations';
import type { ReplicatedSite } from '#harness/replicated-site';
import { openSiteServer } from '#runtime/open-site-server';
import { type SiteScene, siteScene } from './site-scene.ts';

const installation = embeddedInstallation();
const elsewhere = /^its control leads to another server: /;

/** A site with the control of another one's server, or with another connection. */
function open(one: ReplicatedSite, { dataDir = one.dataDir, over = {} }: { dataDir?: string; over?: object } = {}) {
  const { connection, control } = one.site.server;
  const server = {
    kind: 'postgres' as const,
    connection: { ...connection, ...over },
    control: { ...control, dataDir },
  };
  return openSiteServer({ name: one.name, server }, { environment: process.env, group: undefined as never });
}

const seen = ({ server, fence }: SiteFacts) => [server.state, fence.fenced, fence.possible, fence.elsewhere ?? false];

/** By its socket, and by the network. */
const ways = [{}, { host: '127.0.0.1' }, { host: 'localhost' }];

async function swapped(t: Parameters<typeof siteScene>[0]): Promise<SiteScene> {
  return siteScene(t, installation);
}

test('a control that leads to the other server is seen, whether the one of the connection answers, or is dead', async (t) => {
  const { east, west, signal } = await swapped(t);
  for (const over of ways) {
    const answering = await (await open(east, { dataDir: west.dataDir, over })).look(signal);
    assert.deepEqual(seen(answering), ['answers', false, false, true]);
    assert.match(answering.fence.how, elsewhere);
    assert.equal(answering.fence.of, west.dataDir);
    assert.ok(answering.server.state === 'answers' && answering.server.dataDir === east.dataDir);
  }
  await east.kill();
  for (const over of ways) {
    const control = await open(east, { dataDir: west.dataDir, over });
    const facts = await control.look(signal);
    assert.deepEqual(seen(facts), ['silent', false, false, true], JSON.stringify(over));
    await assert.rejects(control.fence({ gently: false, signal }), { name: 'FenceFailed', message: /another server/ });
    assert.equal(west.running(), true, 'the only one that is left');
    const back = await (await open(west, { dataDir: east.dataDir, over })).look(signal);
    assert.deepEqual(seen(back), ['answers', false, false, true]);
  }
});

test('a control whose server is stopped is held against what its settings say', async (t) => {
  const { east, west, signal } = await swapped(t);
  await east.kill();
  await west.stop();
  for (const over of ways) {
    assert.deepEqual(seen(await (await open(east, { over })).look(signal)), ['silent', false, true, false]);
    const crossed = await (await open(east, { dataDir: west.dataDir, over })).look(signal);
    assert.deepEqual(seen(crossed), ['silent', false, false, true]);
    assert.match(crossed.fence.how, new RegExp(`is to listen at port ${west.port} of `));
  }
});

test('the right control is never taken for another: linked, by another address, suspended, dead, or where nothing can be told', async (t) => {
  const { east, west, pair, signal } = await swapped(t);
  const linked = join(pair.folder, 'linked');
  symlinkSync(east.dataDir, linked);
  const folders = join(pair.folder, 'home');
  symlinkSync(east.home, folders);
  const places = [{}, { host: '127.0.0.1' }, { host: 'localhost' }, { host: folders }];
  for (const over of places)
    assert.deepEqual(seen(await (await open(east, { dataDir: linked, over })).look(signal)), [
      'answers',
      false,
      true,
      false,
    ]);
  assert.equal((await (await open(east, { dataDir: linked })).look(signal)).fence.of, east.dataDir);

  process.kill(east.postmaster()!, 'SIGSTOP');
  const hangs = await (await open(east, { dataDir: linked })).look(signal);
  process.kill(east.postmaster()!, 'SIGCONT');
  assert.deepEqual(seen(hangs), ['silent', false, true, false]);

  await east.query('create role lifeboat login; alter role lifeboat connection limit 0');
  for (const over of places.map((place) => ({ ...place, user: 'lifeboat' })))
    assert.deepEqual(seen(await (await open(east, { over })).look(signal)), ['silent', false, true, false]);
  assert.deepEqual(seen(await (await open(east, { dataDir: west.dataDir, over: { user: 'lifeboat' } })).look(signal)), [
    'silent',
    false,
    false,
    true,
  ]);

  await east.kill();
  const far = { host: '192.0.2.1', port: 1 };
  for (const over of [...places, far])
    assert.deepEqual(seen(await (await open(east, { over })).look(signal)), ['silent', false, true, false]);
  assert.deepEqual(seen(await (await open(west)).look(signal)), ['answers', true, true, false]);
});
