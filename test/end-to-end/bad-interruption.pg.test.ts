import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import type { Ended } from '#harness/run-lifeboat';
import {
  assertClean,
  assertNoCluster,
  assertRefused,
  newFolder,
  newServer,
  onceOver,
  restoreArgs,
  until,
  Vessel,
} from './bad-scene.ts';
import { StallingProxy } from './stalling-proxy.ts';

let server: TestServer;
let space: string;

before(async () => {
  server = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  space = makeServerFolder(join(server.home, 'space'));
  await server.query(`create tablespace fast location '${space}'`);
  await server.query('create table orders (n int) tablespace fast; insert into orders select generate_series(1, 500)');
});

function assertInterrupted(ended: Ended, signal: string): void {
  assert.equal(ended.exitCode, 130, ended.stderr);
  const errors = ended.stderr.split('\n').filter((line) => line.startsWith('lifeboat: '));
  assert.deepEqual(errors, [`lifeboat: interrupted by ${signal}`]);
  assertClean(ended);
}

describe('a backup', () => {
  let vessel: Vessel;
  let proxy: StallingProxy;

  before(async () => {
    const folder = newFolder();
    proxy = await StallingProxy.start(folder, server.connection, 4 << 20);
    vessel = new Vessel(server, { connection: { host: folder } });
  });

  /** One that has copied a few megabytes and gets no more until the proxy lets go. */
  async function caught() {
    proxy.hold();
    const running = vessel.start(['backup']);
    await Promise.race([proxy.stalled, running.ended.then((ended) => assert.fail(ended.stderr))]);
    return running;
  }

  const slots = () => server.value('select count(*) from pg_replication_slots');

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`that gets ${signal} ends with 130, commits nothing, and the next one need not wait`, async () => {
      const before = vessel.manifests();
      const { child, ended } = await caught();
      child.kill(signal);
      assertInterrupted(await ended, signal);
      assert.deepEqual(vessel.manifests(), before);
      await until('its slot is gone', async () => (await slots()) === '0');
      proxy.release();
      assert.match(await vessel.backup(), /-full$/);
    });
  }

  test('beside another one is refused with who does it and until when; the first one ends well', async () => {
    const before = vessel.manifests();
    const first = await caught();
    const second = await vessel.run(['backup']);
    assertRefused(second, {
      exitCode: 7,
      message: new RegExp(
        `the backup lease of orders is held by process ${first.child.pid} on ${hostname()} since \\S+ until \\S+Z$`,
      ),
      hint: /let it finish or stop it/,
    });
    assert.deepEqual(vessel.manifests(), before);
    proxy.release();
    assert.equal((await first.ended).exitCode, 0);
    assert.equal(vessel.manifests().length, before.length + 1);
    assert.match(await vessel.backup(), /-full$/);
  });

  test('that was killed keeps the next one waiting for its lease and no longer, and the message says until when', async () => {
    const before = vessel.manifests();
    const { child, ended } = await caught();
    const killedAt = Date.now();
    child.kill('SIGKILL');
    await ended;
    proxy.release();
    await until('its slot is gone', async () => (await slots()) === '0');
    const held = await vessel.run(['backup']);
    assertRefused(held, {
      exitCode: 7,
      message: new RegExp(`process ${child.pid} on .* until \\S+Z$`),
      hint: /is free soon after it expires/,
    });
    const freeAt = Date.parse(/until (\S+Z)$/m.exec(held.stderr)![1]!);
    assert.ok(freeAt - killedAt <= 80_000, held.stderr);
    assert.deepEqual(vessel.manifests(), before);
    const { stdout } = await vessel.run(['backups']);
    assert.equal(stdout.match(/ committed /g)?.length, before.length, stdout);

    letTimePass(vessel.path('orders/leases/backup%'), 80_000);
    assert.match(await vessel.backup(), /-full$/);
  });
});

/** Ends the server of a data directory, if that is what still has this number. */
function quit(pid: number, dataDir: string): void {
  const cwd = `/proc/${pid}/cwd`;
  if (existsSync(cwd) && readlinkSync(cwd) === dataDir) process.kill(pid, 'SIGQUIT');
}

/** As if the lease had been stored that much earlier. */
function letTimePass(path: string, ms: number): void {
  const lease = JSON.parse(readFileSync(path, 'utf8'));
  lease.expiresAt = new Date(Date.parse(lease.expiresAt) - ms).toISOString();
  writeFileSync(path, JSON.stringify(lease));
  const then = new Date(Date.now() - ms);
  utimesSync(path, then, then);
}

describe('a restore', () => {
  let vessel: Vessel;
  let folder: string;

  before(async () => {
    vessel = new Vessel(server);
    await vessel.backup();
    folder = newFolder();
  });

  const argsFor = (to: string) => restoreArgs(to, '--tablespace', `${space}=${to}-space`);

  /** While files are laid down, or while its server replays. */
  async function caught(to: string, phase: 'files' | 'replay') {
    const running = vessel.start(argsFor(to));
    const sign = join(to, phase === 'files' ? 'lifeboat.restore.json' : 'postmaster.pid');
    await Promise.race([
      until(`${sign} is there`, () => existsSync(sign)),
      running.ended.then((ended) => assert.fail(ended.stderr)),
    ]);
    return running;
  }

  async function caughtReplaying(to: string, of: Vessel) {
    const running = of.start(restoreArgs(to));
    const started = until('its server is there', () => existsSync(join(to, 'postmaster.pid')));
    await Promise.race([started, running.ended.then((ended) => assert.fail(ended.stderr))]);
    return running;
  }

  const serverPid = (to: string) => Number(readFileSync(join(to, 'postmaster.pid'), 'utf8').split('\n')[0]);

  async function assertWorks(to: string, ...args: string[]): Promise<void> {
    const ended = await vessel.run([...argsFor(to), ...args]);
    assert.equal(ended.exitCode, 0, ended.stderr);
  }

  for (const phase of ['files', 'replay'] as const) {
    test(`that gets SIGTERM during its ${phase} ends with 130 and leaves nothing, no server either`, async () => {
      const to = join(folder, `term-${phase}`);
      const { child, ended } = await caught(to, phase);
      const pid = phase === 'replay' ? serverPid(to) : undefined;
      child.kill('SIGTERM');
      const { exitCode, stderr } = await ended;
      assert.equal(exitCode, 130, stderr);
      assertNoCluster(to);
      assertNoCluster(`${to}-space`);
      if (pid) assert.ok(!existsSync(`/proc/${pid}`), 'its server has ended');
      await assertWorks(to, '--no-start');
    });
  }

  test('that was killed while files were laid down is cleared away by the next one', async () => {
    const to = join(folder, 'killed-files');
    const { child, ended } = await caught(to, 'files');
    await until('files arrive', () => existsSync(join(to, 'PG_VERSION')) || existsSync(join(to, 'base')));
    child.kill('SIGKILL');
    await ended;
    assert.ok(!existsSync(join(to, 'global', 'pg_control')), 'no server can start on it');
    await assertWorks(to);
    const restored = TestServer.adopt(machineInstallation(), to);
    onceOver(() => restored.remove());
    await restored.start();
    assert.equal(await restored.value('select count(*) from orders'), '500');
  });

  test('that was killed while its server replayed keeps nobody out once that server has ended, and until then says so', async () => {
    const simple = new Vessel(await newServer(machineInstallation()));
    await simple.backup();
    const to = join(folder, 'killed-replay');
    const { child, ended } = await caughtReplaying(to, simple);
    const pid = serverPid(to);
    onceOver(() => quit(pid, to));
    child.kill('SIGKILL');
    await ended;
    // The server lives on without us, until restore_command fails because nobody reads its log any more.
    const next = await simple.restore(to);
    if (next.exitCode === 0) return;
    assertRefused(next, {
      exitCode: 2,
      message: /one without a running server/,
      hint: new RegExp(`pg_ctl stop -D ${to}`),
    });
    quit(pid, to);
    await until('its server has ended', () => !existsSync(`/proc/${pid}`));
    const again = await simple.restore(to);
    assert.equal(again.exitCode, 0, again.stderr);
  });

  test('into the place of one that is under way is refused, also with --set-aside, and the first one ends well', async () => {
    const to = join(folder, 'twice');
    const first = await caught(to, 'files');
    for (const args of [[], ['--set-aside']]) {
      const second = await vessel.run([...argsFor(to), ...args]);
      assertRefused(second, {
        exitCode: 2,
        message: /no other restore is writing to|without a running server/,
        hint: /let it finish|stop the server/,
      });
    }
    const ended = await first.ended;
    assert.equal(ended.exitCode, 0, ended.stderr);
  });
});
