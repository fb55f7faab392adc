import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyEvidence } from '#catalog/evidence';
import { killIfThere, type TaskFolder, TestDaemon, until } from '#harness/daemon';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';

describe('a daemon that is killed with kill -9', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  let receiver: TaskFolder;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    await server.query('create table orders as select i as id from generate_series(1, 1000) i');
    daemon = new TestDaemon(server, { plan: { approvers: [{ name: 'Ada' }], fourEyes: true } });
    await daemon.start();
    await until('it receives', () => /receiving/.test(daemon.receiver().log));
    receiver = daemon.receiver();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  /** Ends the daemon after every so many records of all journals, until `isOver`. How often it did. */
  async function killAgainAndAgain(everyRecords: number, isOver: () => boolean): Promise<number> {
    for (let kills = 0; ; kills++) {
      const next = daemon.journalRecords().length + everyRecords;
      await until('more is done', () => isOver() || daemon.journalRecords().length >= next, 30_000, 2);
      if (isOver()) return kills;
      await restart();
    }
  }

  /** What the new one said until it was up. */
  async function restart(): Promise<string> {
    await daemon.kill9();
    const from = daemon.log.length;
    await daemon.start();
    return daemon.log.slice(from);
  }

  const hasEnded = (machine: string, name: string) =>
    existsSync(join(daemon.state, 'executions', machine, name, 'end.json'));
  const begins = ({ log }: TaskFolder) => log.split('"message":"begins"').length - 1;
  const executions = async (machine: string) =>
    (await daemon.machines.list()).filter((execution) => execution.machine === machine);

  /** Each task ran once, from its beginning to its end. */
  function assertRanOnce(execution: string, task: string, count = 1): void {
    const found = daemon.tasks(task).filter((one) => one.execution === execution);
    assert.deepEqual(
      found.map((one) => [begins(one), one.log.includes('"message":"ended"'), one.ended]),
      Array(count).fill([1, true, true]),
      daemon.log,
    );
  }

  async function assertReceivedOn(): Promise<void> {
    const now = daemon.receiver();
    assert.deepEqual([now.id, now.supervisor, now.child], [receiver.id, receiver.supervisor, receiver.child]);
    assert.equal(begins(now), 1);
    await daemon.untilStored();
    const { windows } = await daemon.ask<{ windows: { gap: unknown }[] }>('window');
    assert.deepEqual(
      windows.map(({ gap }) => gap),
      [null],
    );
  }

  async function assertEvidence(ids: readonly string[]): Promise<void> {
    assert.deepEqual(await verifyEvidence(await daemon.store), { ok: true, records: daemon.evidence().length });
    const found = daemon.evidence().map(({ id }) => id);
    for (const id of ids) assert.equal(found.filter((one) => one === id).length, 1, `${id} of ${found.join('\n')}`);
    assert.equal(new Set(found).size, found.length);
  }

  for (const [type, every] of [
    ['full', 4],
    ['incremental', 7],
  ] as const) {
    test(`after every ${every} steps takes, verifies and proves one ${type} backup, once`, async () => {
      const before = daemon.evidence().length;
      const arn = await daemon.machines.start('backup', { source: 'orders', type, requestedBy: 'Grace' }, `one-${type}`);
      const crashes = daemon.notices().length;
      const isOver = () => readdirSync(join(daemon.state, 'executions')).includes('drill') &&
        readdirSync(join(daemon.state, 'executions/drill')).some((name) => name.includes(type.slice(0, 4)) && hasEnded('drill', name));
      const kills = await killAgainAndAgain(every, isOver);
      assert.ok(kills >= 5, `${kills}`);
      await daemon.settled();
      const { output } = await daemon.succeeded(arn);
      const [{ backup }] = output as [{ backup: string }];
      const verified = (await executions('verify')).filter(({ name }) => name.includes(backup));
      const drilled = (await executions('drill')).filter(({ name }) => name.includes(backup));
      assert.deepEqual(
        [...verified, ...drilled].map(({ status }) => status),
        ['SUCCEEDED', 'SUCCEEDED'],
      );
      assertRanOnce(arn, 'base-backup');
      assertRanOnce(verified[0]!.arn, 'verify-part', 2);
      assertRanOnce(drilled[0]!.arn, 'drill');
      const { backups } = await daemon.ask<{ backups: { backup: string; execution: string }[] }>('backups');
      assert.deepEqual(backups.filter(({ execution }) => execution === arn).map((one) => one.backup), [backup]);
      await assertEvidence([`${arn} backed up orders`, `${verified[0]!.arn} verified`]);
      assert.equal(daemon.evidence().length, before + 3);
      assert.deepEqual(readdirSync(join(daemon.folder, 'drills')), []);
      // one notice for each crash, and one that tells of the backup's or drill's success is none of them
      const told = daemon.notices().filter(({ title }) => title.includes('ended unexpectedly'));
      assert.equal(told.length, kills + (type === 'full' ? 0 : 0), `${crashes}`);
      await assertReceivedOn();
    });
  }
});
