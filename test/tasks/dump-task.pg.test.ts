import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findDumps } from '#catalog/dumps';
import { readLease } from '#catalog/lease';
import { machineInstallation } from '#harness/postgres-installations';
import { ProtectedSource } from '#harness/protected-source';
import { assertFailed, assertWorked, expireLease, type TaskEnd, type TaskRun, TaskRunner } from '#harness/run-task';
import { executionArn } from '#model/arn';
import { type DumpResult, dumpResultSchema } from '#model/task-result';
import { leaseKey } from '#store/bucket-layout';

const password = 'a:b\\c "it\'s"';
let source: ProtectedSource;
let tasks: TaskRunner;
before(async () => {
  source = await ProtectedSource.create(machineInstallation(), { settings: { autovacuum: 'off' } });
  const { server } = source;
  const literal = pg.Client.prototype.escapeLiteral(password);
  await server.query(`create role keeper superuser login password ${literal}`);
  await server.query('create table slow as select generate_series(1, 1000) as id');
  writeFileSync(join(server.dataDir, 'pg_hba.conf'), 'local all keeper scram-sha-256\nlocal all all trust\n');
  await server.query('select pg_reload_conf()');
  const plan = readFileSync(source.planPath, 'utf8');
  const secret = 'user: keeper, password: "env:DB_PASSWORD"';
  writeFileSync(source.planPath, plan.replace('user: postgres', secret));
  const temporary = join(source.folder, 'tmp');
  mkdirSync(temporary);
  tasks = new TaskRunner({
    planPath: source.planPath,
    bucket: source.bucket,
    env: { DB_PASSWORD: password, TMPDIR: temporary },
  });
});
after(() => source?.remove());

const input = { source: 'orders', requestedBy: 'somebody' };
const take = (run: TaskRun = {}): Promise<TaskEnd> => tasks.run('dump', { input, ...run });
const resultOf = (ended: TaskEnd): DumpResult => dumpResultSchema.parse(assertWorked(ended));
const found = () => findDumps(source.vault.store, 'orders');
const committed = async () =>
  (await found()).flatMap((one) => (one.state === 'committed' ? [one.entry] : [])).map(({ dump }) => dump);

/** While this lasts, pg_dump waits for a table: what goes on meanwhile can be looked at. */
async function whileLocked<T>(work: (untilWaiting: () => Promise<void>) => Promise<T>): Promise<T> {
  const client = new pg.Client(source.server.connection);
  await client.connect();
  await client.query('begin; lock table slow in access exclusive mode');
  try {
    return await work(async () => {
      const waits = `select count(*) from pg_locks where not granted and relation = 'slow'::regclass`;
      while ((await source.server.value(waits)) === '0') await sleep(20);
    });
  } finally {
    await client.end();
  }
}

/** Of the processes that work for our server, and where they were started from. */
function programs(): { arguments: string; environment: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        if (!environment.includes(`PGHOST=${source.server.home}\0`)) return [];
        return [{ arguments: readFileSync(`/proc/${pid}/cmdline`, 'utf8'), environment }];
      } catch {
        return []; // it has ended
      }
    });
}

const passwordFolders = () =>
  readdirSync(join(source.folder, 'tmp')).filter((name) => name.startsWith('lifeboat-libpq-'));

describe('the task dump', () => {
  test('takes a dump that knows its execution, and is not taken twice', async () => {
    const result = resultOf(await take({ execution: 'first' }));
    assert.deepEqual(await committed(), [result.dump]);
    const [one] = await found();
    assert.equal(one?.state === 'committed' && one.entry.execution, executionArn('test', 'first'));
    assert.deepEqual([result.kind, result.databases, result.warnings], ['dump', ['postgres'], []]);
    assert.ok(result.rawBytes > 1000 && result.storedBytes > 0);
    assert.deepEqual(resultOf(await take({ execution: 'first' })), result);
    assert.equal((await committed()).length, 1);
  });

  test('whose attempt died between the commit and the result answers with that dump', async () => {
    const taken = resultOf(await take({ execution: 'second' }));
    rmSync(join(source.bucket, 'executions/test/second'), { recursive: true });
    rmSync(join(source.bucket, 'catalog'), { recursive: true });
    const again = resultOf(await take({ execution: 'second' }));
    assert.deepEqual({ ...again, durationMs: 0 }, { ...taken, durationMs: 0 });
  });

  test('takes definitions alone where it is told to', async () => {
    const result = resultOf(await take({ execution: 'schema', input: { ...input, schemaOnly: true } }));
    assert.deepEqual([result.kind, result.dump.endsWith('Z-schema')], ['schema', true]);
  });

  test('tells the password to nobody: neither by arguments, variables nor its log', async () => {
    const { ended } = await whileLocked(async (untilWaiting) => {
      const started = tasks.start('dump', { input, execution: 'secret' });
      await untilWaiting();
      const dumping = programs();
      assert.ok(dumping.some(({ arguments: words }) => words.includes('pg_dump\0')));
      for (const shown of dumping) assert.doesNotMatch(JSON.stringify(shown), /it's|a:b/);
      assert.equal(passwordFolders().length, 1);
      return started;
    });
    const done = await ended;
    resultOf(done);
    assert.doesNotMatch(JSON.stringify(done.log), /it's|a:b/);
  });

  test('that is told to end leaves nothing that counts, no program and no password, and gives the lease back', async () => {
    const before = (await committed()).length;
    await whileLocked(async (untilWaiting) => {
      const { child, ended } = tasks.start('dump', { input, execution: 'stopped' });
      await untilWaiting();
      child.kill('SIGTERM');
      assertFailed(await ended, 130, 'Aborted', /interrupted by SIGTERM/);
    });
    assert.deepEqual([(await committed()).length, programs(), passwordFolders()], [before, [], []]);
    assert.equal((await readLease(source.vault.store, leaseKey('orders', 'dump')))?.state.released, true);
  });

  test('that was killed is done by its next attempt, which removes the password that was left', async () => {
    const before = (await committed()).length;
    await whileLocked(async (untilWaiting) => {
      const { child, ended } = tasks.start('dump', { input, execution: 'killed' });
      await untilWaiting();
      child.kill('SIGKILL');
      assert.equal((await ended).signal, 'SIGKILL');
      assert.equal(passwordFolders().length, 1);
    });
    assert.equal((await committed()).length, before);
    assertFailed(await take({ execution: 'other' }), 7, 'LeaseHeld', /the dump lease of orders is held/);
    expireLease(source.bucket, 'orders', 'dump');
    resultOf(await take({ execution: 'killed' }));
    assert.deepEqual([(await committed()).length, passwordFolders()], [before + 1, []]);
  });

  test('fails before anything is stored where the password is wrong, or the server refuses', async () => {
    const wrong = await take({ execution: 'wrong', env: { DB_PASSWORD: 'guessed' } });
    assertFailed(wrong, 4, 'AuthenticationFailed', /refuses keeper/);
    assert.doesNotMatch(JSON.stringify(wrong), /guessed/);
    const before = await found();
    const line = await take({ execution: 'line', env: { DB_PASSWORD: 'two\nlines' } });
    assertFailed(line, 2, 'InputInvalid', /connection\.password/);
    assert.doesNotMatch(JSON.stringify(line), /two|lines/);
    assert.deepEqual(await found(), before);
  });

  test('dumps a database that RDS runs, where the plan has a connection to it', async () => {
    const planPath = join(source.folder, 'managed.yml');
    const plan = readFileSync(source.planPath, 'utf8');
    writeFileSync(planPath, plan.replace('orders: {', 'hosted: { kind: rds, instance: orders-1,'));
    const managed = new TaskRunner({ ...tasks, planPath });
    const run = { input: { ...input, source: 'hosted' }, execution: 'hosted' };
    assert.equal(resultOf(await managed.run('dump', run)).source, 'hosted');
    writeFileSync(planPath, plan.replace(/orders: \{.*$/m, 'hosted: { kind: rds, instance: orders-1 }'));
    assertFailed(await managed.run('dump', { ...run, execution: 'none' }), 2, 'InputInvalid', /connection/);
  });
});
