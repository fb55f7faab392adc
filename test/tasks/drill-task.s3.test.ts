import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, serverFolder, TestServer } from '#harness/postgres-server';
import { type TaskEnd, TaskRunner } from '#harness/run-task';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { baseBackupResultSchema, drillResultSchema, resultObjectSchema } from '#model/task-result';
import { openStoreAt } from '#runtime/open-bucket';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const installation = embeddedInstallation();
let s3: StrictS3;
let server: TestServer;
let folder: string;
let drills: string;
let store: ObjectStore;
let backup: string;

before(async () => {
  s3 = await startStrictS3({ bucket: 'backups' });
  server = await TestServer.create(installation);
  folder = serverFolder('lifeboat-s3-task-');
  drills = makeServerFolder(join(folder, 'drills'));
  const plan = {
    bucket: 's3://backups/prod',
    encryption: 'none',
    sources: { orders: { connection: server.connection } },
  };
  writeFileSync(join(folder, 'plan.yml'), JSON.stringify(plan));
  store = await openStoreAt('s3://backups/prod', s3.environment);
});
after(async () => {
  await server?.remove();
  await s3?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  s3.faults.clear();
  assert.deepEqual(readdirSync(drills), []);
});

let count = 0;
function start(name: string, input: object, execution = `s3-${++count}`) {
  const env = {
    ...s3.environment,
    LIFEBOAT_DRILL_DIR: drills,
    LIFEBOAT_BIN_DIR: installation.binDir,
    LIFEBOAT_RUN_AS: serverAccount ? 'nobody' : undefined,
  };
  const runner = new TaskRunner({ planPath: join(folder, 'plan.yml'), bucket: '/nowhere', env });
  return runner.start(name, { input: { source: 'orders', requestedBy: 'test', ...input }, execution });
}

const run = (name: string, input: object, execution?: string): Promise<TaskEnd> => start(name, input, execution).ended;

async function resultIn(key: string): Promise<unknown> {
  const bytes = await readObject(store, key, { maxBytes: 1 << 20 });
  return resultObjectSchema.parse(JSON.parse(bytes.toString('utf8'))).result;
}

describe('tasks with an S3 bucket', () => {
  test('put their results there, once', async () => {
    const input = { kind: 'full' };
    assert.equal((await run('base-backup', input, 'once')).exitCode, 0);
    ({ backup } = baseBackupResultSchema.parse(await resultIn('executions/test/once/base-backup.json')));
    const again = await run('base-backup', input, 'once');
    assert.equal(again.exitCode, 0);
    assert.equal(again.log.length, 1);
    const drilled = await run('drill', { backup }, 'proof');
    assert.equal(drilled.exitCode, 0, JSON.stringify(drilled.log));
    const { verdict } = drillResultSchema.parse(await resultIn('executions/test/proof/drill.json'));
    assert.equal(verdict, 'proven');
  });

  test('that may not put there what they have to fail, and so say their logs', async () => {
    s3.faults.add({
      method: 'PUT',
      key: /executions\//,
      times: 1e9,
      fault: { kind: 'error', status: 403, code: 'AccessDenied' },
    });
    const { exitCode, log } = await run('drill', { clean: true, requestedBy: undefined });
    assert.equal(exitCode, 5, JSON.stringify(log));
    assert.equal(log.at(-2)!.failure, 'StoreRefused');
    assert.match(String(log.at(-1)!.message), /could not be put/);
  });

  for (const [what, key] of [
    ['parts', /base\.tar/],
    ['WAL', /\/wal\//],
  ] as const) {
    test(`that drill do not call a backup broken because the bucket does not give its ${what} now`, async () => {
      const { ended, said } = start('drill', { backup });
      await said(/"begins"/);
      if (what === 'WAL') await said(/"files begins"/); // it was looked at before
      s3.faults.add({ method: 'GET', key, times: 1e9, fault: { kind: 'error', status: 503, code: 'SlowDown' } });
      const { exitCode, log } = await ended;
      assert.equal(exitCode, 5, JSON.stringify(log, null, 1));
      assert.equal(log.at(-1)!.failure, 'StoreUnavailable', JSON.stringify(log, null, 1));
    });
  }
});
