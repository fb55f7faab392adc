import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '#harness/daemon';
import { isRunning } from '#harness/daemon-files';
import { until } from '#harness/daemon-process';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';

describe('a daemon from its start to its end', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server);
    await daemon.start();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const inState = (name: string) => join(daemon.state, name);
  const crashNotices = () => daemon.notices().filter(({ title }) => title.includes('ended unexpectedly')).length;

  test('SIGTERM ends it well within seconds: its receiver ends, a backup goes on by itself and is found', async () => {
    const receiver = await daemon.receiver();
    const release = await daemon.holdBackups();
    const arn = await daemon.machines.start('backup', { source: 'orders' }, 'term');
    await until('it copies', () => /"begins"/.test(daemon.tasks('base-backup')[0]?.log ?? ''));
    const { child } = daemon.tasks('base-backup')[0]!;
    const begun = performance.now();
    assert.equal(await daemon.stop(), 0);
    assert.ok(performance.now() - begun < 5_000, 'within seconds');
    assert.match(daemon.log, /stopped; what was under way goes on at the next start\n$/);
    await until('the receiver is gone', () => !isRunning(receiver.supervisor!) && !isRunning(receiver.child!));
    assert.ok(isRunning(child!), 'the backup is left at work');
    assert.match(receiver.log + daemon.tasks('receive-wal')[0]!.log, /"message":"ended"/);
    assert.deepEqual(
      ['running.json', 'endpoint.json', 'daemon.json'].map((name) => existsSync(inState(name))),
      [false, false, false],
    );

    const from = daemon.log.length;
    await daemon.start();
    assert.match(daemon.log.slice(from), /backup term was interrupted and goes on/);
    release();
    await daemon.succeeded(arn);
    await daemon.settled();
    assert.equal(daemon.tasks('base-backup').length, 1);
    assert.equal(crashNotices(), 0, 'nothing had crashed');
    assert.notEqual((await daemon.receiver()).child, receiver.child);
  });

  test('killed while it starts, again and again, it starts the next time', async () => {
    await daemon.stop();
    const told = crashNotices();
    for (const afterMs of [60, 120, 180, 240, 300, 360]) {
      daemon.launch();
      await sleep(afterMs);
      await daemon.kill9();
    }
    await daemon.start();
    await daemon.kill9();
    await daemon.start();
    const crashes = crashNotices() - told;
    assert.ok(crashes >= 1 && crashes <= 7, `${crashes} notices`);
    await daemon.receiver();
    assert.equal(daemon.receivers().length, 1);
    assert.equal((await daemon.machines.describe('term')).status, 'SUCCEEDED');
    await daemon.stop();
    const from = daemon.log.length;
    await daemon.start();
    assert.doesNotMatch(daemon.log.slice(from), /did not end as it should have/);
    assert.equal(crashNotices() - told, crashes);
  });

  test('a second one on the same state directory, by whatever path, ends with 7 and names the first', async () => {
    const alias = join(daemon.folder, 'alias');
    symlinkSync('lifeboat.state', alias);
    const ways = [
      ['up'],
      ['up', '--state', alias],
      ['up', '--state', './bucket/../lifeboat.state'],
      ['up', '--port', '0', '--plan', daemon.planPath],
    ];
    const ends = await Promise.all(ways.map((args) => daemon.run(args, { cwd: daemon.folder })));
    for (const { exitCode, stderr } of ends) {
      assert.equal(exitCode, 7, stderr);
      assert.match(stderr, new RegExp(`lifeboat runs here already: process ${daemon.pid} on `));
      assert.match(stderr, /^HINT: leave the work to that one, or stop it first/m);
    }
    assert.ok(await daemon.machines.answer(), 'the first one goes on');
    assert.equal(daemon.receivers().length, 1);
  });

  test('by another path it goes on with what it began by the first one', async () => {
    const { supervisor, child, id } = await daemon.receiver();
    await daemon.kill9();
    const state = daemon.state;
    daemon.state = join(daemon.folder, 'alias');
    await daemon.start();
    const found = await daemon.receiver();
    assert.deepEqual([found.id, found.supervisor, found.child], [id, supervisor, child]);
    await daemon.stop();
    await until('it is gone', () => !isRunning(supervisor!) && !isRunning(child!));
    daemon.state = state;
    await daemon.start();
  });

  test('a copy of a state directory works by itself, and leaves alone what the original runs', async (t) => {
    const { supervisor, child } = await daemon.receiver();
    const copy = join(daemon.folder, 'copied.state');
    assert.equal(spawnSync('cp', ['-a', daemon.state, copy]).status, 0);
    const other = new TestDaemon(server, {}, daemon);
    other.state = copy;
    t.after(() => other.remove());
    await other.start();
    assert.equal((await other.machines.describe('term')).status, 'SUCCEEDED');
    await until('its own receiver waits for the lease', () => /lease/.test(other.receivers()[0]?.log ?? ''));
    assert.equal(await other.stop(), 0);
    assert.deepEqual([isRunning(supervisor!), isRunning(child!)], [true, true]);
    assert.equal((await daemon.receiver()).child, child);
    assert.ok(await daemon.machines.answer());
  });

  test('a source that the plan has no more is received no more, and the others as before', async () => {
    const { connection } = server;
    const source = { connection, walChunkSeconds: 1 };
    await daemon.stop();
    daemon.writePlan({ plan: { sources: { orders: source, audit: { ...source, slot: 'audit' } } } });
    await daemon.start();
    const begun = () => daemon.receivers().filter(({ log }) => log.includes('"receiving"'));
    await until('both are received', () => begun().length === 2);
    const [audit, orders] = begun().sort((a, b) => (a.id < b.id ? -1 : 1));
    await daemon.kill9();

    daemon.writePlan({ plan: { sources: { orders: { ...source, slots: 'lifeboat' } } } });
    const refused = await daemon.run(['up']);
    assert.equal(refused.exitCode, 2, refused.stderr);
    assert.match(refused.stderr, /plan.yml.*\n?.*slots.*\n?.*did you mean "?slot/s);
    assert.deepEqual(new Set(daemon.receivers().map(({ child }) => child)), new Set([orders!.child, audit!.child]));

    daemon.writePlan({ plan: { sources: { orders: source } } });
    await daemon.start();
    await until('the other one is ended', () => daemon.receivers().length === 1);
    assert.equal(daemon.receivers()[0]!.child, orders!.child);
    assert.match(daemon.tasks().find(({ id }) => id === audit!.id)!.log, /"message":"ended"/);
    await until('it is gone', () => !isRunning(audit!.child!));
  });
});
