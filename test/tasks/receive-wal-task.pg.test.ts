import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease } from '#catalog/lease';
import { embeddedInstallation } from '#harness/postgres-installations';
import { ProtectedSource } from '#harness/protected-source';
import { expireLease, TaskRunner } from '#harness/run-task';
import { formatLsn, parseLsn } from '#model/lsn';

let source: ProtectedSource;
let tasks: TaskRunner;
before(async () => {
  source = await ProtectedSource.create(embeddedInstallation());
  tasks = new TaskRunner({ ...source, planPath: join(source.folder, 'fast.yml'), bucket: source.bucket });
  const { connection } = source.server;
  const sources = { orders: { connection, walChunkSeconds: 1 } };
  const plan = { bucket: source.bucket, encryption: { keyFile: join(source.folder, 'key') }, sources };
  writeFileSync(tasks.planPath, JSON.stringify(plan));
});
after(() => source?.remove());

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

/** As the daemon starts it: it belongs to no execution and leaves no result. */
const service = { LIFEBOAT_EXECUTION: undefined, LIFEBOAT_RESULT: undefined };
const start = (input: unknown = { source: 'orders' }) => tasks.start('receive-wal', { input, env: service });

describe('the task receive-wal', () => {
  test('stores WAL until it is told to end, and then ends well', async () => {
    const { child, ended, said } = start();
    await said(/"receiving"/);
    await source.server.query('create table rows as select generate_series(1, 1000)');
    const written = parseLsn(await source.server.value('select pg_current_wal_flush_lsn()'));
    await said(/"stored"/);
    child.kill('SIGTERM');
    const { exitCode, log, stderr } = await ended;
    assert.deepEqual([exitCode, stderr], [0, ''], JSON.stringify(log));
    const stored = log.filter(({ message }) => message === 'stored').map(({ to }) => parseLsn(String(to)));
    assert.ok(stored.at(-1)! >= written, `${formatLsn(stored.at(-1)!)}, written ${formatLsn(written)}`);
    assert.equal(log.at(-1)!.message, 'ended');
    assert.ok(!readdirSync(source.bucket).includes('executions'));
  });

  test('is alive while it receives, and while it waits for its server', async () => {
    const heartbeat = join(source.folder, 'heartbeat');
    const later = (than: number) => until(() => (statSync(heartbeat, { throwIfNoEntry: false })?.mtimeMs ?? 0) > than);
    const { child, ended, said } = tasks.start('receive-wal', {
      input: { source: 'orders' },
      env: { ...service, LIFEBOAT_HEARTBEAT: heartbeat },
    });
    await said(/"receiving"/);
    await later(0);
    await later(statSync(heartbeat).mtimeMs); // an idle server writes nothing, and all that it wrote is stored
    await source.server.stop();
    await said(/"waiting"/);
    await later(statSync(heartbeat).mtimeMs);
    await source.server.start();
    await said(/"waiting"(.|\n)*"receiving"/);
    child.kill('SIGTERM');
    assert.equal((await ended).exitCode, 0);
  });

  test('waits for what may go well later', async () => {
    const holder = { host: 'elsewhere', pid: 1 };
    const lease = await acquireLease(source.vault.store, 'orders', 'receive-wal', { holder });
    const { child, ended, said } = start();
    await said(/"waiting".*LeaseHeld/);
    await lease.release();
    await said(/"receiving"/);
    await source.server.stop();
    await said(/"waiting".*(ConnectionFailed|ServerError)/);
    await source.server.start();
    await said(/"receiving"(.|\n)*"waiting"(.|\n)*"receiving"/);
    child.kill('SIGTERM');
    assert.equal((await ended).exitCode, 0);
  });

  test('goes on where a receiver that was killed has ended', async () => {
    const first = start();
    await first.said(/"receiving"/);
    await sleep(100);
    first.child.kill('SIGKILL');
    await first.ended;
    await source.server.query('insert into rows select generate_series(1, 1000)');
    expireLease(source.bucket, 'orders', 'receive-wal');
    const second = start();
    await second.said(/"stored"/);
    second.child.kill('SIGTERM');
    const { exitCode, log } = await second.ended;
    assert.equal(exitCode, 0);
    assert.ok(!log.some(({ level }) => level === 'ERROR'), 'there is no gap');
  });

  test('ends with a failure when somebody is needed', async () => {
    const wal = join(source.bucket, 'orders/wal');
    const planPath = join(source.folder, 'refused.yml');
    const connection = { ...source.server.connection, user: 'no_such_role' };
    writeFileSync(
      planPath,
      JSON.stringify({ bucket: source.bucket, encryption: { keyFile: './key' }, sources: { orders: { connection } } }),
    );
    const other = new TaskRunner({ planPath, bucket: source.bucket });
    const { exitCode, log } = await other.run('receive-wal', { input: { source: 'orders' }, env: service });
    assert.equal(exitCode, 4, JSON.stringify(log));
    assert.equal(log.at(-1)!.failure, 'AuthenticationFailed');
    assert.ok(readdirSync(wal).length > 0);
    assert.ok(!readdirSync(source.bucket).includes('executions'));
  });

  for (const [what, input, message] of [
    ['a source that is none', { source: 'x' }, /^source: "x"/],
    ['no source', {}, /^source: nothing/],
    ['an unknown field', { source: 'orders', until: '0/1' }, /^until: .*only the fields source/],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const { exitCode, log } = await start(input).ended;
      assert.equal(exitCode, 2);
      assert.match(String(log.at(-1)!.message), message);
    });
  }
});
