import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { assertFailed, assertWorked, TaskRunner } from '#harness/run-task';
import { executionArn } from '#model/arn';

const root = mkdtempSync(join(tmpdir(), 'lifeboat-run-task-'));
after(() => {
  chmodSync(root, 0o755);
  rmSync(root, { recursive: true, force: true });
});

let count = 0;
/** Tasks with a plan and an empty bucket of their own. */
function runner(plan: Record<string, unknown> = {}): TaskRunner {
  const folder = join(root, String(++count));
  const bucket = join(folder, 'bucket');
  mkdirSync(bucket, { recursive: true });
  const planPath = join(folder, 'plan.yml');
  const sources = { orders: { connection: { host: '/nowhere', user: 'postgres' } } };
  writeFileSync(planPath, JSON.stringify({ bucket, encryption: 'none', sources, ...plan }));
  return new TaskRunner({ planPath, bucket });
}

const objects = ({ bucket }: TaskRunner): string[] => readdirSync(bucket).filter((name) => name !== '.lifeboat');
const input = { source: 'orders', kind: 'full', requestedBy: 'test' };

describe('a task whose environment is wrong', () => {
  const wrong: [what: string, name: string, env: Record<string, string | undefined>, message: RegExp][] = [
    ['a name that is none', 'base-bakup', {}, /^task: "base-bakup" .*base-backup, receive-wal/],
    ['no execution', 'drill', { LIFEBOAT_EXECUTION: undefined }, /^LIFEBOAT_EXECUTION: nothing/],
    ['an execution that is no ARN', 'drill', { LIFEBOAT_EXECUTION: 'one' }, /^LIFEBOAT_EXECUTION: "one"/],
    ['no place for the result', 'drill', { LIFEBOAT_RESULT: undefined }, /^LIFEBOAT_RESULT: nothing/],
    ['a place outside', 'drill', { LIFEBOAT_RESULT: 'orders/backups/x.json' }, /^LIFEBOAT_RESULT: "orders/],
    [
      "another execution's place",
      'drill',
      { LIFEBOAT_EXECUTION: executionArn('test', 'two') },
      /test\/two\/<step>\.json/,
    ],
    [
      'a step that leads elsewhere',
      'drill',
      { LIFEBOAT_RESULT: 'executions/test/one/../x.json' },
      /^LIFEBOAT_RESULT: /,
    ],
  ];
  for (const [what, name, env, message] of wrong) {
    test(`is refused: ${what}`, async () => {
      const tasks = runner();
      const { exitCode, log, stderr } = await tasks.run(name, { input, env });
      assert.equal(exitCode, 2, JSON.stringify(log));
      assert.equal(log.length, 1);
      assert.equal(log[0]!.failure, 'InputInvalid');
      assert.match(String(log[0]!.message), message);
      assert.equal(stderr, '');
      assert.deepEqual(objects(tasks), [], 'nothing is touched');
    });
  }

  test('is refused without any name', async () => {
    const { exitCode, log } = await runner().run('');
    assert.equal(exitCode, 2);
    assert.match(String(log[0]!.message), /^task: "" is not allowed/);
  });
});

describe('a task whose input is wrong', () => {
  const wrong: [what: string, input: unknown, message: RegExp][] = [
    ['none', undefined, /^LIFEBOAT_INPUT: nothing/],
    ['no JSON', '{source', /^LIFEBOAT_INPUT: "\{source".*JSON/],
    ['no object', 'null', /^input: null/],
    ['no source', { ...input, source: undefined }, /^source: nothing/],
    ['a source that is a number', { ...input, source: 5 }, /^source: 5 .*name of a source/],
    ['a source that is not in the plan', { ...input, source: 'oders' }, /^source: "oders" .*orders/],
    ['a kind that is none', { ...input, kind: 'incremental' }, /^kind: "incremental" .*full, incr/],
    ['nobody who asks', { ...input, requestedBy: '' }, /^requestedBy: ""/],
    ['an unknown field', { ...input, requestdBy: 'x' }, /^requestdBy: .*only the fields source, kind, requestedBy/],
    ['too much', { ...input, requestedBy: 'x'.repeat(8200) }, /^LIFEBOAT_INPUT: "8\d\d\d bytes" .*at most 8192/],
  ];
  for (const [what, given, message] of wrong) {
    test(`says what is wrong, in the log and in the bucket: ${what}`, async () => {
      const ended = await runner().run('base-backup', { input: given });
      assertFailed(ended, 2, 'InputInvalid', message);
      assert.equal(ended.failures.length, 1);
      assert.equal(ended.failures[0]!.verdict, 'operator');
    });
  }

  test('may be as large as 8192 bytes', async () => {
    const padding = 'x'.repeat(8192 - JSON.stringify({ ...input, source: '' }).length);
    const text = JSON.stringify({ ...input, source: padding });
    assert.equal(text.length, 8192);
    assertFailed(await runner().run('base-backup', { input: text }), 2, 'InputInvalid', /^source: "xxx/);
  });
});

describe('a task', () => {
  test('whose result is there already does nothing, whatever its input', async () => {
    const tasks = runner();
    const folder = join(tasks.bucket, 'executions/test/one');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'base-backup.json'),
      JSON.stringify({
        format: 'lifeboat-result/1',
        task: 'base-backup',
        execution: executionArn('test', 'one'),
        startedAt: '2026-11-20T00:00:00.000Z',
        finishedAt: '2026-11-20T00:00:01.000Z',
        result: { known: true },
      }),
    );
    for (const given of [input, 'nonsense', undefined]) {
      const ended = await tasks.run('base-backup', { input: given });
      assert.deepEqual(assertWorked(ended), { known: true });
      assert.deepEqual(ended.failures, []);
      assert.equal(ended.log.length, 1);
    }
  });

  test('fails by the class of its failure, and writes down each attempt', async () => {
    const tasks = runner();
    assertFailed(await tasks.run('base-backup', { input }), 4, 'ConnectionFailed', /nowhere/);
    const again = await tasks.run('base-backup', { input });
    assertFailed(again, 4, 'ConnectionFailed', /nowhere/);
    assert.equal(again.failures.length, 2);
    assert.equal(again.failures[1]!.verdict, 'retry');
    assert.ok(again.failures[1]!.hint);
  });

  test('without a plan fails with the log alone', async () => {
    const tasks = runner();
    rmSync(tasks.planPath);
    const { exitCode, log, failures } = await tasks.run('base-backup', { input });
    assert.equal(exitCode, 2);
    assert.deepEqual(failures, []);
    assert.equal(log[0]!.failure, 'InputInvalid');
    assert.match(String(log[0]!.message), /^plan: /);
    assert.match(String(log[1]!.message), /could not be put/);
  });

  test('with a plan that is wrong fails with all that is wrong with it', async () => {
    const { exitCode, log } = await runner({ sorces: {} }).run('base-backup', { input });
    assert.equal(exitCode, 2);
    assert.equal(log[0]!.failure, 'PlanInvalid');
    assert.match(String(log[0]!.message), /sorces/);
  });

  test('whose bucket is gone fails with the log alone', async () => {
    const tasks = runner();
    rmSync(tasks.bucket, { recursive: true });
    const { exitCode, log } = await tasks.run('base-backup', { input });
    assert.equal(exitCode, 5);
    assert.equal(log[0]!.failure, 'StoreRefused');
    assert.ok(!existsSync(tasks.bucket));
  });

  test('without the key says so in the bucket', async () => {
    const tasks = runner({ encryption: { keyFile: '/nowhere/key' } });
    assertFailed(await tasks.run('base-backup', { input }), 8, 'KeyUnusable', /\/nowhere\/key: does not exist/);
  });

  test('keeps secrets out of its log and its objects', async () => {
    const secret = 'correct-horse-battery-staple';
    const tasks = runner({
      sources: { orders: { connection: { host: '127.0.0.1', port: 9, user: 'postgres', password: 'env:SECRET' } } },
    });
    const ended = await tasks.run('base-backup', { input, env: { SECRET: secret } });
    assertFailed(ended, 4, 'ConnectionFailed', /127\.0\.0\.1:9/);
    assert.ok(!JSON.stringify(ended).includes(secret));
  });
});
