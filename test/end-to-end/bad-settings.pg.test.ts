import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { assertRefused, newServer, onceOver, standing, Vessel } from './bad-scene.ts';

test('a replay that needs larger settings says which, is kept for a look, and works with --set and --set-aside', async () => {
  const server = await newServer(machineInstallation(), { settings: { max_connections: '20' } });
  const vessel = new Vessel(server);
  await vessel.backup();
  await server.stop();
  server.configure({ max_connections: '50' });
  await server.start();
  await server.query('create table orders as select 1 as n');
  const end = await server.value('select pg_current_wal_lsn()');
  assert.equal((await vessel.run(['receive-wal', '--until', end])).exitCode, 0);
  vessel.giveToServer();

  const to = join(vessel.folder, 'restored');
  const message = /larger setting to replay: max_connections = 20 .* value was 50/;
  assertRefused(await vessel.restore(to), { exitCode: 3, message, hint: /--set max_connections=/ });
  // a prefetcher may still be putting its spool away
  const files = () => standing(to).filter((file) => !file.startsWith('pg_wal/'));
  const kept = files();
  assert.equal(JSON.parse(readFileSync(join(to, 'lifeboat.restore.json'), 'utf8')).state, 'failed');

  const again = await vessel.restore(to, '--set', 'max_connections=50');
  assertRefused(again, { exitCode: 2, message: /expected a missing or empty directory/, hint: /--set-aside/ });
  assert.deepEqual(files(), kept, 'what is kept for a look is not touched');

  const third = await vessel.restore(to, '--set', 'max_connections=50', '--set-aside');
  assert.equal(third.exitCode, 0, third.stderr);
  const restored = TestServer.adopt(machineInstallation(), to);
  onceOver(() => restored.remove());
  await restored.start();
  assert.equal(await restored.value('select n from orders'), '1');
});
