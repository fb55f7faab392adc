import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation } from '../harness/postgres-installations.ts';
import type { TestServer } from '../harness/postgres-server.ts';
import { ReplicatedPair } from '../harness/replicated-pair.ts';

describe('on-call, with two sites', { timeout: 300_000 }, () => {
  let pair: ReplicatedPair;
  let daemon: TestDaemon;
  before(async () => {
    const installation = embeddedInstallation();
    pair = await ReplicatedPair.create(installation);
    // of a server it takes where it is, and by which programs it runs
    const server = { installation, connection: pair.east.connection } as unknown as TestServer;
    daemon = new TestDaemon(server, { plan: { failover: pair.failover() } });
    await daemon.start();
    await daemon.provenBackup();
  });
  after(async () => {
    await daemon?.remove();
    await pair?.remove();
  });

  /** A terminal that knows of the plan's folder alone, as that of somebody who was sent a command. */
  const elsewhere = (command: string) => {
    const [program, ...args] = command.replaceAll('"…"', 'seen').split(' ');
    assert.equal(program, 'lifeboat', command);
    return daemon.run(args, { env: { LIFEBOAT_STATE: '' } });
  };
  const look = () => daemon.machines.invoke('watch-failover', {});

  async function assertStatus(exitCode: number, ...says: RegExp[]): Promise<void> {
    await look();
    const ended = await daemon.run(['status']);
    const said = `exit code ${ended.exitCode}\n${ended.stdout}${ended.stderr}\n${daemon.log}`;
    assert.equal(ended.exitCode, exitCode, said);
    for (const pattern of says) assert.match(ended.stdout, pattern, said);
  }

  /** A move that asks, and by which command its plan is read. */
  async function askedMove(reason: string): Promise<{ name: string; command: string }> {
    const { stdout, stderr, exitCode } = await daemon.run(['failover', 'shop', '--no-wait', '--reason', reason]);
    assert.equal(exitCode, 0, stderr);
    const [, name, command] = /^started (\S+): .*: (lifeboat executions .+)$/m.exec(stdout) ?? [];
    assert.ok(name && command, stdout);
    await daemon.question((await daemon.machines.describe(name)).arn);
    return { name, command };
  }

  test('a standby that does not stream is something wrong, until it does', async () => {
    await assertStatus(0, /^group +shop: the primary is at east \(seen/m, /^everything is as it should be$/m);
    await pair.west.stop();
    await assertStatus(
      9,
      /^group +shop: the primary is at east, with NO STANDBY since/m,
      /^WRONG +orders: shop has NO STANDBY that streams: west is fenced and does not answer.*\(since .*\)\n +do +lifeboat failback shop$/m,
      /^ONE THING NEEDS SOMEBODY$/m,
    );
    await pair.west.start();
    await pair.untilCaughtUp();
    await assertStatus(0);
  });

  test('whoever approves reads the whole plan in another terminal, and answers with what is printed there', async () => {
    const { name, command } = await askedMove('the room is hot');
    const told = await elsewhere(command);
    const remark =
      /^ +failover of shop: .* from east to west\n +REMARK +the primary ANSWERS: .*--planned` loses nothing$/m;
    assert.match(told.stdout, remark, told.stderr);
    assert.match(told.stdout, /^ +because +the room is hot$/m);
    assert.match(told.stdout, /^ +fence +first, hard/m);
    const bare = await elsewhere(`lifeboat approve ${name} --state ${daemon.state}`);
    assert.equal(bare.exitCode, 2);
    assert.match(bare.stdout, remark, bare.stderr);
    assert.match(bare.stderr, /^HINT: nothing was answered: read the plan, then: lifeboat approve/m);
    const shown = [await daemon.run(['status']), await daemon.run(['groups'])];
    for (const { stdout } of shown) {
      assert.match(
        stdout,
        /ASKED .*\n +plan +failover of shop: .*east to west\n +REMARK .*\n +because +the room is hot$/m,
      );
      assert.ok(stdout.includes(command), stdout);
    }
    const page = await daemon.run(['runbook', 'failover']);
    assert.match(
      page.stdout.replaceAll(/\n +/g, ' '),
      /Open question: \S+, plan \w{12}, .*: failover of shop: the primary/,
    );
    const no = /^no +(lifeboat reject .*)$/m.exec(told.stdout)?.[1];
    assert.ok(no?.includes(` --state ${daemon.state}`), told.stdout);
    const answered = await elsewhere(no!);
    assert.equal(answered.exitCode, 0, answered.stderr);
    await daemon.settled();
  });

  test('a question of what was stopped is nowhere open', async () => {
    const { name } = await askedMove('once more');
    await daemon.ask('stop', name, '--reason', 'not today');
    for (const args of [['status'], ['groups']])
      assert.doesNotMatch((await daemon.run(args)).stdout, /ASKED/, args.join(' '));
    assert.match((await daemon.run(['runbook', 'failover'])).stdout, /Open questions: none\./);
    await daemon.settled();
  });

  test('a primary that is gone is something wrong at the first look, with the move that helps', async () => {
    await pair.east.kill();
    await pair.east.untilGone();
    await until('the watch sees it', async () => {
      const { groups } = (await look()) as { groups: { gone: object | null }[] };
      return groups[0]!.gone !== null;
    });
    await assertStatus(
      9,
      /^group +shop: NO PRIMARY since/m,
      /^WRONG +orders: shop has NO PRIMARY that takes writes: .*\n +do +lifeboat failover shop \(before that: lifeboat runbook failover\)$/m,
      /the server cannot be reached: .*\n +do +lifeboat groups, and where the primary is gone: lifeboat failover shop$/m,
    );
  });
});
