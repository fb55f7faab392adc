import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { verifyEvidence } from '#catalog/verify-evidence';
import { TestDaemon } from '#harness/daemon';
import { killIfThere, type TaskFolder } from '#harness/daemon-files';
import { until } from '#harness/daemon-process';
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
    receiver = await daemon.receiver();
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

  /** One task of it ran, once from its beginning to its end. */
  function assertRanOnce(execution: string, task: string): void {
    const found = daemon.tasks(task).filter((one) => one.execution === execution);
    assert.deepEqual(
      found.map((one) => [begins(one), one.log.includes('"message":"ended"'), one.ended]),
      [[1, true, true]],
      daemon.log,
    );
  }

  async function assertReceivedOn(): Promise<void> {
    const now = await daemon.receiver();
    assert.deepEqual([now.id, now.supervisor, now.child], [receiver.id, receiver.supervisor, receiver.child]);
    assert.equal(begins(now), 1);
    await daemon.untilStored();
    const { windows } = await daemon.ask<{ windows: { gap: unknown }[] }>('window');
    assert.deepEqual(
      windows.map(({ gap }) => gap),
      [null],
    );
  }

  /** Nothing is recorded twice, and nothing was changed. */
  async function assertEvidence(records: number): Promise<void> {
    assert.deepEqual(await verifyEvidence(await daemon.store), { ok: true, records });
    const ids = daemon.evidence().map(({ id }) => id);
    assert.equal(new Set(ids).size, records, ids.join('\n'));
  }

  /** Kills it and the task's own process stands still meanwhile, so that it is in the middle for sure. */
  async function killInTheMiddle(task: string, arn: string): Promise<void> {
    const running = () => daemon.tasks(task).find((one) => one.execution === arn && begins(one) === 1 && !one.ended);
    await until(`${task} is at work`, () => running() !== undefined, 30_000, 2);
    const { child, supervisor, id } = running()!;
    killIfThere(child!, 'SIGSTOP');
    const said = await restart();
    const [machine, name] = arn.split(':').slice(-2);
    assert.match(said, new RegExp(`${machine} ${name} was interrupted and goes on`));
    const adopted = running()!;
    assert.deepEqual([adopted.id, adopted.child, adopted.supervisor], [id, child, supervisor]);
    killIfThere(child!, 'SIGCONT');
  }

  for (const [type, every] of [
    ['full', 5],
    ['incremental', 7],
  ] as const) {
    test(`after every ${every} steps takes, verifies and proves one ${type} backup, once`, async () => {
      const [recorded, told] = [daemon.evidence().length, crashNotices()];
      const arn = await daemon.machines.start('backup', { source: 'orders', type, requestedBy: 'Grace' }, type);
      const drills = endedIn('drill');
      const kills = await killAgainAndAgain(every, () => endedIn('drill') > drills);
      assert.ok(kills >= 5, `it was killed ${kills} times`);
      await daemon.settled();
      const { output } = await daemon.succeeded(arn);
      const [{ backup }] = output as [{ backup: string }];
      const [verified, drilled] = await followersOf(backup);
      assertRanOnce(arn, 'base-backup');
      assertRanOnce(verified, 'verify-part');
      assertRanOnce(drilled, 'drill');
      const { backups } = await daemon.ask<{ backups: { backup: string; execution: string }[] }>('backups');
      const taken = backups.filter(({ execution }) => execution === arn);
      assert.deepEqual(
        taken.map((one) => one.backup),
        [backup],
      );
      await assertEvidence(recorded + 3);
      assert.deepEqual(readdirSync(join(daemon.folder, 'drills')), []);
      assert.equal(crashNotices() - told, kills, 'one notice for each crash');
      await assertReceivedOn();
    });
  }

  test('after every 3 steps asks once, and restores once what was approved once', async () => {
    const recorded = daemon.evidence().length;
    const to = join(daemon.folder, 'restored');
    const arn = await daemon.machines.start('restore', { source: 'orders', to, requestedBy: 'Grace' }, 'once');
    const questions = join(daemon.bucket, 'approvals/restore/once');
    let kills = await killAgainAndAgain(3, () => existsSync(questions));
    const asked = await daemon.question(arn);
    for (let times = 0; times < 2; times++) {
      assert.match(await restart(), /restore once was interrupted and goes on/);
    }
    const { questions: open } = await daemon.anyStatus<{ questions: { execution: string }[] }>();
    assert.deepEqual(
      open.map(({ execution }) => execution),
      [arn],
    );
    await daemon.answer(arn);
    kills += await killAgainAndAgain(3, () => hasEnded('restore', 'once'));
    assert.ok(kills >= 4, `it was killed ${kills} times`);
    const { output } = await daemon.succeeded(arn);
    assert.equal((output as { approvedBy: string }).approvedBy, 'Ada');
    assert.deepEqual(readdirSync(questions).sort(), ['answer.json', 'question.json']);
    assert.equal((await daemon.question(arn)).tokenDigest, asked.tokenDigest);
    assertRanOnce(arn, 'restore');
    await assertEvidence(recorded + 1);
    assert.equal(await rowsIn(to), '1000');
    assert.equal(daemon.notices().filter(({ occasion }) => occasion === 'question').length, 1);
    await assertReceivedOn();
  });

  test('in the middle of a backup, of its drill and of a restore leaves them at work, and the next one finds them', async () => {
    const recorded = daemon.evidence().length;
    const release = await daemon.holdBackups();
    const backup = await daemon.machines.start('backup', { source: 'orders' }, 'middle');
    await killInTheMiddle('base-backup', backup);
    release();
    const { output } = await daemon.succeeded(backup);
    assertRanOnce(backup, 'base-backup');

    const id = (output as [{ backup: string }])[0].backup;
    const drill = `arn:aws:states:local:000000000000:execution:drill:verified-${id}-orders`;
    await killInTheMiddle('drill', drill);
    await daemon.succeeded(drill);
    assertRanOnce(drill, 'drill');
    assert.deepEqual(readdirSync(join(daemon.folder, 'drills')), []);

    const to = join(daemon.folder, 'restored-too');
    const { arn } = await daemon.askedRestore({ to });
    await daemon.answer(arn);
    await killInTheMiddle('restore', arn);
    await daemon.succeeded(arn);
    assertRanOnce(arn, 'restore');
    assert.equal(await rowsIn(to), '1000');
    await daemon.settled();
    await assertEvidence(recorded + 4);
    await assertReceivedOn();
  });

  const hasEnded = (machine: string, name: string): boolean =>
    existsSync(join(daemon.state, 'executions', machine, name, 'end.json'));

  function endedIn(machine: string): number {
    const folder = join(daemon.state, 'executions', machine);
    return existsSync(folder) ? readdirSync(folder).filter((name) => hasEnded(machine, name)).length : 0;
  }

  const crashNotices = (): number =>
    daemon.notices().filter(({ title }) => title === 'lifeboat started again after it had ended unexpectedly').length;

  /** The ARNs of the one verification and the one drill of a backup, which ended well. */
  async function followersOf(backup: string): Promise<[string, string]> {
    const found = (await daemon.machines.list()).filter(({ name }) => name.includes(backup));
    const told = found.map(({ machine, status }) => `${machine} ${status}`).sort();
    assert.deepEqual(told, ['drill SUCCEEDED', 'verify SUCCEEDED'], daemon.log);
    const of = (wanted: string) => found.find(({ machine }) => machine === wanted)!.arn;
    return [of('verify'), of('drill')];
  }

  async function rowsIn(dataDir: string): Promise<string> {
    const restored = TestServer.adopt(server.installation, dataDir);
    try {
      await restored.start();
      return await restored.value('select count(*) from orders');
    } finally {
      await restored.remove();
    }
  }
});

const begins = ({ log }: TaskFolder): number => log.split('"message":"begins"').length - 1;
