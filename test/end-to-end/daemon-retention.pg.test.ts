import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { catalogBackup, commitBackup, readBackup } from '#catalog/backups';
import { recordProof } from '#catalog/proofs';
import { TestDaemon } from '#harness/daemon';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { backupId, parseBackupId } from '#model/backup-id';
import { formatLsn, lsn } from '#model/lsn';
import { backupFolder } from '#store/bucket-layout';

const dayMs = 24 * 3_600_000;

describe('retention of a plan at work', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  let newest: string;
  /** twenty, fifteen and ten days old */
  const old: string[] = [];
  before(async () => {
    server = await TestServer.create(machineInstallation(), { initdb: ['--wal-segsize=1'] });
    await server.query('create table rows as select generate_series(1, 1000) as n');
    const source = { retention: { window: '7d' }, schedules: { retention: 'cron(0 4 1 1 ? 2099)' } };
    daemon = new TestDaemon(server, { source });
    await daemon.start();
    newest = await daemon.provenBackup();
    for (const days of [20, 15, 10]) old.push(await ofLongAgo(days));
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  /** The backup as it would be if it had been taken and proven then. */
  async function ofLongAgo(days: number): Promise<string> {
    const store = await daemon.store;
    const { id } = parseBackupId(newest);
    const manifest = await readBackup(store, 'orders', id);
    const at = new Date(Date.now() - days * dayMs);
    const backup = backupId(at, 'full');
    const time = at.toISOString();
    for await (const { key } of store.list(backupFolder('orders', id))) {
      if (key.endsWith('/manifest.json')) continue;
      const { body } = await store.get(key);
      await store.put(key.replace(id, backup), Buffer.concat(await Array.fromAsync(body)));
    }
    // the youngest of them leads into the window, with the WAL that there is; the others come before all of that
    const place = days === 10 ? {} : { lsn: formatLsn(lsn(0x300000n - BigInt(days))) };
    const ofThen = {
      ...manifest,
      ...{ backup, start: { ...manifest.start, ...place, time }, stop: { ...manifest.stop, ...place, time } },
      finishedAt: time,
    };
    await commitBackup(store, ofThen);
    await catalogBackup(store, ofThen);
    await recordProof(store, {
      ...{ format: 'lifeboat-proof/1', source: 'orders', backup, chain: [backup], target: 'its end', reached: null },
      ...{ verdict: 'proven', ok: true, checks: [], rawBytes: 1, walBytes: 1, failure: null, execution: 'then' },
      ...{ durationsMs: { files: 1, replay: 1, checks: 1 }, startedAt: time, finishedAt: time },
    });
    if (serverAccount) {
      const { uid, gid } = serverAccount;
      assert.equal(spawnSync('chown', ['-R', `${uid}:${gid}`, daemon.bucket]).status, 0);
    }
    return backup;
  }

  const listed = async (): Promise<string[]> =>
    (await daemon.ask<{ backups: { backup: string }[] }>('backups')).backups.map(({ backup }) => backup);

  test('`lifeboat expire` removes what the rules do not keep, and evidence and notices say what', async () => {
    const ended = await daemon.ask('expire', '--requested-by', 'Ada');
    assert.match(ended.told as string, new RegExp(`^backup ${old[0]}: .*\nbackup ${old[1]}: `, 'm'));
    assert.deepEqual(
      [...old, newest].map((id) => existsSync(join(daemon.bucket, 'orders/backups', id))),
      [false, false, true, true],
    );
    assert.deepEqual((await listed()).sort(), [old[2], newest].sort());
    const done = daemon.evidence().filter(({ what }) => what === ended.told);
    assert.deepEqual(
      done.map(({ who, outcome, planHash }) => [who, outcome, planHash]),
      [['Ada', 'succeeded', ended.planHash]],
    );
    const told = daemon.notices().filter(({ machine }) => machine === 'retention');
    assert.deepEqual(
      told.map(({ occasion, what }) => [occasion, what]),
      [['success', ended.told]],
    );
  });

  test('once more it finds nothing, and a rebuilt catalog says the same', async () => {
    assert.equal((await daemon.ask('expire')).deleted, 0);
    const before = await listed();
    await daemon.ask('catalog', 'rebuild');
    assert.deepEqual(await listed(), before);
  });

  test('status is well, and what is left can be restored', async () => {
    await daemon.untilStored();
    await daemon.machines.invoke('watch', {});
    const { exitCode, stdout } = await daemon.run(['status']);
    assert.doesNotMatch(stdout, /gap|broken|EVERYTHING/);
    assert.equal(exitCode, 0, stdout);
    await daemon.succeeded(await daemon.machines.start('drill', { source: 'orders', requestedBy: 'Ada' }));
  });
});
