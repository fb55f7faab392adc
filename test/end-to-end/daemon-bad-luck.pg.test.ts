import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { verifyEvidence } from '#catalog/verify-evidence';
import { TestDaemon } from '#harness/daemon';
import { isRunning, killIfThere } from '#harness/daemon-files';
import { until } from '#harness/daemon-process';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, TestServer } from '#harness/postgres-server';
import { printRecord, readRecords } from '#local/journal';

describe('a daemon with bad luck', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  let asked = 0;
  let answers = false;
  /** takes what is posted, and does not answer until a test lets it */
  const webhook = createServer((_, response) => {
    asked++;
    if (answers) response.end();
  });
  before(async () => {
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
    const { port } = webhook.address() as AddressInfo;
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server, {
      plan: { notifications: [{ kind: 'webhook', url: 'env:HOOK', on: ['success', 'failure', 'question'] }] },
      environment: { HOOK: `http://127.0.0.1:${port}/hook` },
    });
    await daemon.start();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
    webhook.closeAllConnections();
    webhook.close();
  });

  const backups = async () =>
    (await daemon.ask<{ backups: { backup: string; execution: string }[] }>('backups')).backups;

  async function assertOneWindow(): Promise<void> {
    await daemon.untilStored();
    const { windows } = await daemon.ask<{ windows: { gap: unknown }[] }>('window');
    assert.deepEqual(
      windows.map(({ gap }) => gap),
      [null],
    );
  }

  /** What waits for its time, and who holds a lease and is gone, has waited long enough when the daemon is back. */
  async function muchLater(): Promise<void> {
    assert.equal(await daemon.stop(), 0);
    for (const file of filesNamed(join(daemon.state, 'executions'), 'journal.jsonl')) {
      const { records } = readRecords(readFileSync(file), file);
      const past = records.map((record) =>
        printRecord(record.type === 'waiting' ? { ...record, until: record.at } : record),
      );
      writeFileSync(file, past.join(''));
    }
    expireLeases();
    await daemon.start();
  }

  function expireLeases(): void {
    const expiresAt = '2026-01-01T00:00:00.000Z';
    const leases = join(daemon.bucket, 'orders/leases');
    for (const file of readdirSync(leases).map((name) => join(leases, name))) {
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), expiresAt }));
      utimesSync(file, new Date(expiresAt), new Date(expiresAt));
    }
  }

  test('is not held up by a webhook that never answers, also not at its end', async () => {
    const id = await daemon.provenBackup();
    assert.ok(asked > 0, 'the webhook was asked');
    assert.match(id, /-full$/);
    const begun = performance.now();
    assert.equal(await daemon.stop(), 0);
    assert.ok(performance.now() - begun < 9_000, `${performance.now() - begun} ms`);
    const waiting = () => readdirSync(join(daemon.state, 'notices/waiting')).length;
    assert.ok(waiting() > 0, 'what could not be told is told later');
    answers = true;
    await daemon.start();
    await until('it is told', () => waiting() === 0);
  });

  for (const what of ['its task is', 'the daemon, its task and its receiver are'] as const) {
    test(`takes a backup once and loses no WAL when ${what} killed`, async () => {
      const before = (await backups()).length;
      const name = `killed-${what.length}`;
      const receiver = await daemon.receiver();
      const waits = () => daemon.journalRecords('backup').filter(({ type }) => type === 'waiting').length;
      const waited = waits();
      const release = await daemon.holdBackups();
      const arn = await daemon.machines.start('backup', { source: 'orders', requestedBy: 'Grace' }, name);
      const copies = () => daemon.tasks('base-backup').filter(({ execution }) => execution === arn);
      await until('it copies', () => /"begins"/.test(copies()[0]?.log ?? ''));
      const { supervisor, child } = copies()[0]!;
      if (what === 'its task is') {
        killIfThere(child!, 'SIGKILL');
      } else {
        await daemon.kill9();
        for (const pid of [supervisor, child, receiver.supervisor, receiver.child]) killIfThere(pid!, 'SIGKILL');
        await daemon.start();
      }
      release();
      await until('it waits before the next attempt', () => waits() > waited);
      assert.equal((await daemon.machines.describe(arn)).status, 'RUNNING');
      await muchLater();
      await daemon.succeeded(arn);
      await daemon.settled();
      assert.equal(copies().length, 2);
      const taken = (await backups()).filter(({ execution }) => execution === arn);
      assert.equal(taken.length, 1);
      assert.equal((await backups()).length, before + 1);
      const done = daemon.evidence();
      assert.equal(done.filter(({ execution }) => execution === arn).length, 1);
      assert.deepEqual(await verifyEvidence(await daemon.store), { ok: true, records: done.length });
      await daemon.receiver();
      assert.equal(daemon.receivers().length, 1);
      assert.ok(!isRunning(receiver.child!));
      await assertOneWindow();
    });
  }

  test('whose bucket is gone for a while says so, makes no other in its place, and goes on when it is back', async () => {
    const away = join(daemon.folder, 'away');
    const from = daemon.log.length;
    renameSync(daemon.bucket, away);
    await server.query('create table while_away (id int)');
    const arn = await daemon.machines.start('backup', { source: 'orders' }, 'without-a-bucket');
    await daemon.waitUntil(/receive-orders ended with code 5: bucket .*: it is gone/, from);
    const status = await daemon.run(['status']);
    assert.equal(status.exitCode, 5, status.stdout + status.stderr);
    assert.match(status.stderr, new RegExp(`${daemon.bucket}`));
    assert.ok(!existsSync(daemon.bucket), 'nothing is stored where nobody looks for it');
    assert.ok(daemon.isRunning);
    const failed = await daemon.ended(arn);
    assert.deepEqual([failed.status, failed.error], ['FAILED', 'BackupFailed']);
    assert.match(failed.cause!, /bucket .*: it is gone/);

    renameSync(away, daemon.bucket);
    expireLeases(); // that of the receiver, which could not give it back
    const { output } = await daemon.succeeded(await daemon.machines.start('backup', { source: 'orders' }));
    await daemon.settled();
    assert.equal((await backups()).at(-1)!.backup, (output as [{ backup: string }])[0].backup);
    await assertOneWindow();
  });
});

/** Where a disk can be mounted that is as small as that. */
describe('a daemon whose disk is full', { timeout: 120_000 }, () => {
  test('lives, says what stands still, and goes on where there is room again', async (t) => {
    const server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    t.after(() => server.remove());
    const daemon = new TestDaemon(server);
    t.after(async () => {
      await daemon.end();
      spawnSync('umount', [daemon.state]);
      await daemon.remove();
    });
    makeServerFolder(daemon.state);
    const owner = serverAccount ? `,uid=${serverAccount.uid},gid=${serverAccount.gid}` : '';
    const options = `size=2m,mode=0700${owner}`;
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', daemon.state], { encoding: 'utf8' });
    if (mount.status !== 0) return t.skip(`a small disk cannot be mounted here: ${mount.stderr}`);
    await daemon.start();
    const release = await daemon.holdBackups();
    const arn = await daemon.machines.start('backup', { source: 'orders' }, 'full-disk');
    await until('it copies', () => /"begins"/.test(daemon.tasks('base-backup')[0]?.log ?? ''));
    fill(join(daemon.state, 'filler'));
    await assert.rejects(daemon.machines.start('backup', { source: 'orders' }), /did not answer/);
    release();
    await daemon.waitUntil(/full-disk stands still: .*ENOSPC/);
    const status = await daemon.run(['status']);
    assert.equal(status.exitCode, 9, status.stdout + status.stderr);
    assert.match(status.stdout, /^WRONG +daemon: backup full-disk stands still: .*no space left/im);
    rmSync(join(daemon.state, 'filler'));
    await daemon.kill9(); // it looks again every 30 s; whoever does not want to wait starts it again
    await daemon.start();
    await daemon.succeeded(arn);
    await daemon.settled();
    assert.equal(daemon.tasks('base-backup').length, 1);
  });
});

const filesNamed = (folder: string, name: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name === name)
    .map((entry) => join(entry.parentPath, entry.name));

/** To the last byte. */
function fill(file: string): void {
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  assert.ok(statSync(file).size > 0);
}
