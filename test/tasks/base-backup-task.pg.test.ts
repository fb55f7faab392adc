import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { committedBackups } from '#catalog/backups';
import { acquireLease, readLease } from '#catalog/lease';
import { embeddedInstallation } from '#harness/postgres-installations';
import { ProtectedSource } from '#harness/protected-source';
import { assertFailed, assertWorked, expireLease, type TaskEnd, type TaskRun, TaskRunner } from '#harness/run-task';
import { executionArn } from '#model/arn';
import { type BaseBackupResult, baseBackupResultSchema } from '#model/task-result';
import { leaseKey } from '#store/bucket-layout';

let source: ProtectedSource;
let tasks: TaskRunner;
before(async () => {
  source = await ProtectedSource.create(embeddedInstallation(), { settings: { autovacuum: 'off' } });
  tasks = new TaskRunner(source);
  await source.server.query(`
    create table noise as
      select string_agg(md5(i::text), '') as filler from generate_series(1, 64 * 29000) i group by i / 32`);
});
after(() => source?.remove());

const input = (kind = 'full') => ({ source: 'orders', kind, requestedBy: 'somebody' });
const take = (run: TaskRun): Promise<TaskEnd> => tasks.run('base-backup', { input: input(), ...run });
const resultOf = (ended: TaskEnd): BaseBackupResult => baseBackupResultSchema.parse(assertWorked(ended));
const committed = () => committedBackups(source.vault.store, 'orders');

describe('the task base-backup', () => {
  test('takes a backup that knows its execution, and is not taken twice', async () => {
    const ended = await take({ execution: 'first' });
    const result = resultOf(ended);
    const [backup] = await committed();
    assert.equal(result.backup, backup!.backup);
    assert.equal(backup!.execution, executionArn('test', 'first'));
    assert.equal(backup!.requestedBy, 'somebody');
    assert.deepEqual([result.kind, result.parent, result.fallback, result.warnings], ['full', null, null, []]);
    assert.ok(result.rawBytes > 60e6 && result.durationMs > 0);
    assert.deepEqual(resultOf(await take({ execution: 'first' })), result);
    assert.equal((await committed()).length, 1);
  });

  test('whose attempt died between the commit and the result answers with that backup', async () => {
    const taken = resultOf(await take({ execution: 'second' }));
    rmSync(join(source.bucket, 'executions/test/second'), { recursive: true });
    const again = resultOf(await take({ execution: 'second' }));
    assert.deepEqual({ ...again, durationMs: 0 }, { ...taken, durationMs: 0 });
    assert.equal((await committed()).length, 2);
    rmSync(join(source.bucket, 'executions/test/second'), { recursive: true });
    rmSync(join(source.bucket, 'catalog'), { recursive: true });
    assert.equal(resultOf(await take({ execution: 'second' })).backup, taken.backup);
    assert.equal((await committed()).length, 2);
  });

  test('takes an incremental one on it', async () => {
    const parent = (await committed()).at(-1)!.backup;
    const result = resultOf(await take({ execution: 'third', input: input('incr') }));
    assert.deepEqual([result.kind, result.parent], ['incr', parent]);
  });

  test('says why it took a full one instead', async () => {
    const { server } = source;
    await server.query('alter system set summarize_wal = off');
    await server.query('select pg_reload_conf()');
    const run = { execution: 'fallback', input: input('incr') };
    const result = resultOf(await take(run));
    assert.equal(result.kind, 'full');
    assert.match(result.fallback!, /summarize_wal/);
    rmSync(join(source.bucket, 'executions/test/fallback'), { recursive: true });
    const again = resultOf(await take(run));
    assert.equal(again.backup, result.backup);
    assert.ok(again.fallback);
    await server.query('alter system reset summarize_wal');
    await server.query('select pg_reload_conf()');
  });

  test('that is told to end leaves nothing that counts, and gives the lease back', async () => {
    const before = (await committed()).length;
    const { child, ended, said } = tasks.start('base-backup', { input: input(), execution: 'stopped' });
    await said(/copy begins/);
    const lease = await readLease(source.vault.store, leaseKey('orders', 'backup'));
    assert.equal(lease?.state.execution, executionArn('test', 'stopped'));
    child.kill('SIGTERM');
    assertFailed(await ended, 130, 'Aborted', /interrupted by SIGTERM/);
    assert.equal((await committed()).length, before);
    assert.equal((await readLease(source.vault.store, leaseKey('orders', 'backup')))?.state.released, true);
    assert.equal(resultOf(await take({ execution: 'stopped' })).kind, 'full');
  });

  test('that was killed is done by its next attempt', async () => {
    const before = (await committed()).length;
    const { child, ended, said } = tasks.start('base-backup', { input: input(), execution: 'killed' });
    await said(/copy begins/);
    child.kill('SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
    assert.equal((await committed()).length, before);
    const other = await take({ execution: 'other' });
    assertFailed(other, 7, 'LeaseHeld', /the backup lease of orders is held/);
    const waiting = tasks.start('base-backup', { input: input(), execution: 'killed' });
    await waiting.said(/waiting for the lease of an earlier attempt/);
    waiting.child.kill('SIGTERM');
    assertFailed(await waiting.ended, 130, 'Aborted', /interrupted/);
    expireLease(source.bucket, 'orders', 'backup');
    resultOf(await take({ execution: 'killed' }));
    assert.equal((await committed()).length, before + 1);
  });

  test('that meets an error which nobody caught ends in order, and says so', async () => {
    const { child, ended, said } = tasks.start('base-backup', { input: input(), execution: 'bug' });
    await said(/copy begins/);
    child.kill('SIGKILL');
    await ended;
    const thrown = 'setTimeout(() => { throw new TypeError("nobody thought of it") }, 1500)';
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(thrown)}` };
    const again = await take({ execution: 'bug', env });
    assertFailed(again, 1, 'TypeError', /^unexpected failure: nobody thought of it$/);
    assert.equal(again.failures[0]!.verdict, null);
    expireLease(source.bucket, 'orders', 'backup');
  });

  test('waits for nobody else', async () => {
    const lease = await acquireLease(source.vault.store, 'orders', 'backup', { holder: { host: 'elsewhere', pid: 1 } });
    const begun = performance.now();
    const ended = await take({ execution: 'held' });
    await lease.release();
    assertFailed(ended, 7, 'LeaseHeld', /by process 1 on elsewhere/);
    assert.ok(performance.now() - begun < 5_000);
  });

  test('fails where the server refuses it', async () => {
    const planPath = join(source.folder, 'nobody.yml');
    writeFileSync(planPath, readFileSync(source.planPath, 'utf8').replace('user: postgres', 'user: no_such_role'));
    const ended = await new TaskRunner({ planPath, bucket: source.bucket }).run('base-backup', {
      input: input(),
      execution: 'refused',
    });
    assertFailed(ended, 4, 'AuthenticationFailed', /no_such_role/);
  });

  test('fails where the bucket is read-only, which only the log can tell', async (t) => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', join(source.folder, 'bucket')], { encoding: 'utf8' });
    if (mounted.status !== 0) return t.skip(`a disk cannot be mounted here: ${mounted.stderr}`);
    try {
      spawnSync('mount', ['-o', 'remount,ro', join(source.folder, 'bucket')]);
      const { exitCode, log, failures } = await take({ execution: 'read-only' });
      assert.equal(exitCode, 5, JSON.stringify(log));
      assert.ok(log.some(({ failure }) => failure === 'StoreRefused'));
      assert.deepEqual(failures, []);
      assert.deepEqual(readdirSync(source.bucket), []);
    } finally {
      spawnSync('umount', [join(source.folder, 'bucket')]);
    }
  });
});
