import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import { RestoreFailed } from '#model/failure';
import { startRestoredServer, stopRestoredServer } from '#runtime/restored-server';

let server: TestServer;
let sockets: string;
before(async () => {
  server = await TestServer.create(embeddedInstallation(), { start: false });
  sockets = makeServerFolder(join(server.home, 'sockets'));
});
after(async () => {
  await stopRestoredServer(server.dataDir, AbortSignal.timeout(30_000));
  await server.remove();
});

const world = () => ({
  environment: {
    LIFEBOAT_BIN_DIR: server.installation.binDir,
    ...(serverAccount ? { LIFEBOAT_RUN_AS: 'nobody' } : {}),
  },
  signal: AbortSignal.timeout(60_000),
});
const settings = () => ({ unix_socket_directories: sockets, listen_addresses: '' });

test('it comes up with what the plan gives it, is found again, and ends', async () => {
  const first = await startRestoredServer(server.dataDir, { port: 5499, settings: settings() }, world());
  assert.equal(first.port, 5499);
  const again = await startRestoredServer(server.dataDir, { port: 5499, settings: settings() }, world());
  assert.equal(again.pid, first.pid, 'one that runs is the answer');
  const written = readFileSync(join(server.dataDir, 'postgresql.auto.conf'), 'utf8');
  assert.match(written, /^port = '5499'$/m, 'whoever starts it later gets the same');
  assert.equal(await stopRestoredServer(server.dataDir, world().signal), true);
  assert.equal(await stopRestoredServer(server.dataDir, world().signal), false);
});

test('where it does not come up, its own words say why', async () => {
  const start = { port: 5499, settings: { ...settings(), shared_preload_libraries: 'not_there' } };
  await assert.rejects(startRestoredServer(server.dataDir, start, world()), (failure) => {
    assert.ok(failure instanceof RestoreFailed);
    assert.match(failure.message, /does not come up: .*could not access file "not_there"/s);
    assert.match(failure.hint!, /lifeboat\.server\.log/);
    return true;
  });
});
