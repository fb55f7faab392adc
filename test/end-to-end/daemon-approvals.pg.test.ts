import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { readEndpoint } from '#runtime/daemon-endpoint';

describe('a restore asks people', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  let backup: string;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    const approvers = [{ name: 'Ada', email: 'ada@example.org' }, { name: 'Grace' }, { name: 'Edsger' }];
    daemon = new TestDaemon(server, { plan: { approvers, fourEyes: true } });
    await daemon.start();
    backup = await daemon.machines.start('backup', { source: 'orders' }, 'the-backup');
    await daemon.succeeded(backup);
    await daemon.untilStored();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const at = (name: string) => join(daemon.folder, name);
  const asked = (name: string) => readdirSync(join(daemon.bucket, 'approvals/restore', name)).sort();

  /** The exit code and the one line that says why. */
  async function assertAnswer(args: readonly string[], exitCode: number, says: RegExp): Promise<void> {
    const ended = await daemon.run(args);
    const said = `lifeboat ${args.join(' ')}: ${ended.exitCode}\n${ended.stdout}${ended.stderr}`;
    assert.equal(ended.exitCode, exitCode, said);
    assert.match(ended.stdout + ended.stderr, says, said);
    if (exitCode !== 0) assert.match(ended.stderr, /^HINT: ./m, said);
  }

  test('of exactly who may answer: whoever else answers, or answers something else, changes nothing', async () => {
    const { arn, name, question } = await daemon.askedRestore({ to: at('answered') });
    const hash = question.planHash.slice(0, 12);
    const approve = (execution: string, plan: string, ...by: string[]) => [
      ...['approve', execution, '--plan', plan, '--reason', 'seen'],
      ...by,
    ];
    const ada = ['--as', 'Ada'];
    const refusals: [string[], number, RegExp][] = [
      [approve(name, '0123456789ab', ...ada), 10, new RegExp(`the plan to answer is ${hash}…, not 0123456789ab`)],
      [approve(name, hash.slice(0, 11), ...ada), 2, /the 12 to 64 hexadecimal digits that the plan shows/],
      [['approve', name, ...ada], 2, /--plan/],
      [approve(name, hash, '--as', 'grace'), 10, /the plan asks for four eyes, and grace asked for it/],
      [approve(name, hash), 10, /the plan asks for four eyes, and grace asked for it/],
      [approve(name, hash, '--as', 'Mallory'), 10, /Mallory is not among the plan's approvers: Ada, Grace, Edsger/],
      [approve('nothing-of-this-name', hash, ...ada), 2, /nothing-of-this-name.*the id of an execution/],
      [approve('the-backup', hash, ...ada), 10, /the-backup does not wait for an answer: it is SUCCEEDED/],
      [['reject', name, '--plan', hash, '--as', 'Mallory'], 10, /not among the plan's approvers/],
    ];
    await Promise.all(refusals.map((refusal) => assertAnswer(...refusal)));
    const silent = ['approve', name, '--plan', hash, ...ada];
    await assertAnswer(silent, 10, /a yes needs a reason, which is kept as evidence\nHINT: say why .*--reason TEXT/);
    assert.deepEqual(asked(name), ['question.json']);
    assert.equal((await daemon.machines.describe(arn)).status, 'RUNNING');
    assert.ok(!existsSync(at('answered')));

    // by e-mail address, and by the beginning of the name
    await assertAnswer(approve(name.slice(0, 8), hash, '--as', 'ada@example.org'), 0, /is approved by ada@example.org/);
    await assertAnswer(approve(name, question.planHash, ...ada), 0, /is approved/);
    await assertAnswer(['reject', name, '--plan', hash, ...ada], 10, /was approved by ada@example.org at .* final/);
    await assertAnswer(approve(name, hash, '--as', 'Edsger'), 10, /was approved by ada@example.org at .* final/);
    const { output } = await daemon.succeeded(arn);
    assert.equal((output as { approvedBy: string }).approvedBy, 'ada@example.org');
    assert.deepEqual(asked(name), ['answer.json', 'question.json']);
    await assertAnswer(approve(name, hash, ...ada), 10, /does not wait for an answer: it is SUCCEEDED/);
  });

  test('an answer in the very moment of the question counts', async () => {
    for (let times = 0; times < 10; times++) {
      const { arn } = await daemon.askedRestore({ to: at('quickly') });
      await daemon.answer(arn, 'reject');
      assert.equal((await daemon.ended(arn)).error, 'RestoreRejected');
    }
  });

  test('a no ends it, the command that waits tells who and why with 10, and nothing was touched', async () => {
    const waiting = daemon.run(['restore', '--to', at('rejected'), '--requested-by', 'Grace']);
    const execution = await asking(at('rejected'));
    const { name } = await daemon.machines.describe(execution);
    const { planHash } = await daemon.question(execution);
    const no = ['reject', name, '--plan', planHash.slice(0, 12), '--as', 'Ada', '--reason', 'it is the wrong time'];
    await assertAnswer(no, 0, /is rejected by Ada/);
    const { exitCode, stderr } = await waiting;
    assert.equal(exitCode, 10, stderr);
    assert.match(stderr, /Ada.*it is the wrong time/s);
    assert.ok(!existsSync(at('rejected')));
    assert.equal(daemon.tasks('restore').filter((task) => task.execution === execution).length, 0);
    const record = daemon.evidence().find((one) => one.execution === execution);
    assert.deepEqual(
      [record?.who, record?.approval?.decision, record?.approval?.by, record?.approval?.reason],
      ['Grace', 'reject', 'Ada', 'it is the wrong time'],
    );
    assert.notEqual(record?.outcome, 'succeeded');
  });

  test('an answer to one that was stopped says that nobody waits for it', async () => {
    const { arn, name, question } = await daemon.askedRestore({ to: at('stopped') });
    assert.deepEqual(await daemon.ask('stop', name, '--reason', 'not today'), { arn, status: 'ABORTED', left: [] });
    const { status, cause } = await daemon.ended(arn);
    assert.equal(status, 'ABORTED');
    assert.match(cause!, /^by \w+: not today$/);
    assert.deepEqual(await daemon.ask('stop', name), { arn, status }, 'once more is no failure');
    const yes = ['approve', name, '--plan', question.planHash.slice(0, 12), '--as', 'Ada', '--reason', 'seen'];
    await assertAnswer(yes, 10, /does not wait for an answer: it is ABORTED/);
    assert.ok(!existsSync(at('stopped')));
    const { questions } = await daemon.anyStatus<{ questions: unknown[] }>();
    assert.deepEqual(questions, []);
  });

  for (const [what, keyOf] of [
    ['the manifest of its backup', () => `orders/backups/${only('orders/backups')}/manifest.json`],
    ['WAL that it needs', () => lastWal()],
  ] as const) {
    test(`${what} that is gone after the yes ends it, and nothing was touched`, async () => {
      await daemon.untilStored();
      const to = at(`without ${what}`.replaceAll(' ', '-'));
      const { arn } = await daemon.askedRestore({ to });
      const lost = join(daemon.bucket, keyOf());
      renameSync(lost, at('lost'));
      try {
        await daemon.answer(arn);
        const { status, error, cause } = await daemon.ended(arn);
        assert.deepEqual([status, error], ['FAILED', 'PlanChanged'], cause);
        assert.match(
          cause!,
          /is not the one that was approved: .+\nHINT: nothing was touched: start the restore again/s,
        );
        assert.ok(!existsSync(to));
        assert.equal(daemon.tasks('restore').filter((task) => task.execution === arn).length, 0);
        const record = daemon.evidence().find((one) => one.execution === arn);
        assert.deepEqual([record?.outcome, record?.approval?.by], ['failed', 'Ada']);
      } finally {
        renameSync(at('lost'), lost);
      }
    });
  }

  test('three lines of JSON by the aws command are a restore, once somebody said yes', async () => {
    const to = at('restored-by-aws');
    const input = `{"source": "orders",\n "to": "${to}",\n "requestedBy": "Grace"}`;
    const { executionArn, startDate } = JSON.parse(await aws(start(input)));
    assert.ok(startDate);
    await daemon.answer(executionArn);
    const { output } = await daemon.succeeded(executionArn);
    assert.equal((output as { dataDir: string }).dataDir, to);
    assert.ok(existsSync(join(to, 'PG_VERSION')));
  });

  test('the aws command without the credentials of the state directory, or with others, is refused', async () => {
    const others = at('others');
    writeFileSync(others, '[default]\naws_access_key_id = AKIAX\naws_secret_access_key = nonsense\nregion = local\n');
    const before = (await daemon.machines.list()).length;
    const ways = [
      [at('nothing'), /Unable to locate credentials/],
      [others, /UnrecognizedClientException/],
    ] as const;
    await Promise.all(ways.map(([file, says]) => assert.rejects(aws(start('{}'), file), says)));
    assert.equal((await daemon.machines.list()).length, before);
  });

  test('whatever is wrong in the input is named with what stood there and what is allowed, and nobody is asked', async () => {
    const wrong: [object, RegExp][] = [
      [{ source: 'order' }, /^source: "order".*orders/],
      [{ source: 7 }, /^source: 7 .*the name of a source in the plan/],
      [{ to: undefined }, /^to: .*the absolute path of a directory/],
      [{ to: 'restored' }, /^to: "restored".*the absolute path of a directory/],
      [{ time: 'yesterday' }, /time: "yesterday".*a date, a time and a zone/],
      [{ lsn: '16-B3' }, /lsn: "16-B3".*two hexadecimal numbers with a slash/],
      [{ xid: -1 }, /^xid: -1.*a transaction id from 3/],
      [{ name: '' }, /^name: "".*the name of a restore point/],
      [{ immediate: 'yes' }, /^immediate: "yes".*true, or leave it out/],
      [{ latest: false }, /^latest: false.*true, or leave it out/],
      [
        { latest: true, immediate: true },
        /^target: "immediate and latest".*one of time, lsn, xid, name, immediate, latest/,
      ],
      [{ exclusive: 1 }, /^exclusive: 1.*true or false/],
      [{ action: 'promot' }, /^action: "promot".*promote, pause.*did you mean "promote"/s],
      [{ timeline: 'main' }, /^timeline: "main".*a number from 1/],
      [{ backup: 'newest' }, /^backup: "newest".*an id like/],
      [{ setAside: 'please' }, /^setAside: "please".*true or false/],
      [{ tablespaces: { here: '/there' } }, /^tablespaces.*"here".*the location or oid of a tablespace/],
      [{ tablespaces: { '/here': 'there' } }, /^tablespaces.*"there".*the absolute path of a directory/],
      [{ settings: { 'shared buffers': 1 } }, /^settings: "shared buffers".*the name of a server setting/],
      [{ reason: '' }, /^reason: "".*a reason of at most 500 letters/],
      [{ requestedBy: 'a\nb' }, /^requestedBy: .*the name of who asks for it/s],
      [{ tomorrow: true }, /^tomorrow: true.*only the fields source, to, time/],
      [{ requestBy: 'Ada' }, /^requestBy: "Ada".*did you mean "requestedBy"/s],
    ];
    for (const [field, says] of wrong) {
      const input = { source: 'orders', to: at('never'), requestedBy: 'Grace', ...field };
      const arn = await daemon.machines.start('restore', input);
      const { status, error, cause, name } = await daemon.ended(arn);
      assert.deepEqual([status, error], ['FAILED', 'InputInvalid'], `${JSON.stringify(field)}: ${cause}`);
      assert.match(cause!, says, JSON.stringify(field));
      assert.ok(!existsSync(join(daemon.bucket, 'approvals/restore', name)));
    }
    assert.ok(!existsSync(at('never')));
  });

  const start = (input: string): string[] => [
    'stepfunctions',
    'start-execution',
    '--state-machine-arn',
    'arn:aws:states:local:000000000000:stateMachine:restore',
    '--input',
    input,
  ];

  /** As a person types it who may read the state directory. */
  async function aws(words: string[], credentials = join(daemon.state, 'aws-credentials')): Promise<string> {
    const { url } = (await readEndpoint(daemon.state))!;
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_EC2_METADATA_DISABLED: 'true' };
    const child = spawn('aws', [...words, '--endpoint-url', url, '--region', 'local', '--output', 'json'], { env });
    const missing = once(child, 'error').then(() => {
      throw new Error('the aws command is missing\nHINT: apt-get install awscli, or pip install awscli');
    });
    const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    const [out, err, [code]] = await Promise.race([ended, missing]);
    assert.equal(code, 0, err);
    return out;
  }

  /** The execution that asks whether it may restore to this place. */
  async function asking(to: string): Promise<string> {
    let found: string | undefined;
    await until('it asks', async () => {
      const { questions } = await daemon.anyStatus<{ questions: { execution: string; plan: string }[] }>();
      found = questions.find(({ plan }) => plan.includes(to))?.execution;
      return found !== undefined;
    });
    return found!;
  }

  const only = (prefix: string): string => {
    const names = readdirSync(join(daemon.bucket, prefix));
    assert.equal(names.length, 1);
    return names[0]!;
  };

  /** The key of the newest piece of WAL. */
  function lastWal(): string {
    const wal = `orders/wal/${only('orders/wal')}`;
    const timeline = `${wal}/${readdirSync(join(daemon.bucket, wal)).sort()[0]}`;
    return `${timeline}/${readdirSync(join(daemon.bucket, timeline)).sort().at(-1)}`;
  }
});
