import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { ProtectedSource, readRecord } from '#harness/protected-source';
import { assertFailed, assertWorked, type TaskEnd, TaskRunner } from '#harness/run-task';
import { executionArn } from '#model/arn';
import { formatLsn } from '#model/lsn';
import type { TargetInput } from '#model/recovery-target';
import type { RestoreRequest } from '#model/restore-request';
import { type RestoreRecord, restoreRecordSchema } from '#model/task-result';
import { approvalHash } from '#recovery/approval-hash';
import { stopOrphanedServer } from '#runtime/orphaned-server';

const installation = embeddedInstallation();
let source: ProtectedSource;
let target: TargetInput;
let planHash: string;

before(async () => {
  source = await ProtectedSource.create(installation);
  const { server } = source;
  await server.query('create table rows as select generate_series(1, 1000) as n');
  const receiver = await source.receive();
  await source.backup('full');
  await server.query('insert into rows select generate_series(1001, 2000)');
  await receiver.hasStored();
  await receiver.end();
  const { stop } = (await source.plan({})).plan;
  assert.ok(stop.kind === 'lsn');
  target = { lsn: formatLsn(stop.lsn) };
  planHash = (await source.plan(target)).hash;
  source.giveToServer();
});
after(() => source?.remove());

interface Run {
  execution: string;
  to: string;
  over?: object;
  request?: object;
  planPath?: string;
  env?: Record<string, string | undefined>;
}

function start({ execution, to, over, request, planPath = source.planPath, env }: Run) {
  const approved = { source: 'orders', target, to, setAside: false, tablespaces: {}, settings: {}, ...request };
  const input = {
    source: 'orders',
    request: approved,
    planHash: approvalHash(planHash, approved as RestoreRequest),
    requestedBy: 'anna',
    approvedBy: 'berta',
    ...over,
  };
  return new TaskRunner({ planPath, bucket: source.bucket, env: source.environment }).start('restore', {
    input,
    execution,
    env: {
      LIFEBOAT_BIN_DIR: installation.binDir,
      LIFEBOAT_RUN_AS: serverAccount ? 'nobody' : undefined,
      ...env,
    },
  });
}

const restore = (run: Run): Promise<TaskEnd> => start(run).ended;
const recordOf = (ended: TaskEnd): RestoreRecord => restoreRecordSchema.parse(assertWorked(ended));

/** The same plan with a check that is answered like that. */
function planWithCheck(query: string, expect: string): string {
  const path = join(source.folder, 'check.yml');
  const plan = readFileSync(source.planPath, 'utf8').replace(/ \}\s*$/, '');
  writeFileSync(
    path,
    `${plan}, checks: [{ name: mine, query: ${JSON.stringify(query)}, expect: ${JSON.stringify(expect)} }] }\n`,
  );
  source.giveToServer();
  return path;
}

const serversIn = (folder: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    const { stdout } = spawnSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' });
    return /^\d+$/.test(pid) && stdout.startsWith(folder);
  });

async function rowsIn(dataDir: string): Promise<string> {
  const restored = TestServer.adopt(installation, dataDir);
  await restored.start();
  try {
    return await restored.value('select count(*) from rows');
  } finally {
    await restored.remove();
  }
}

describe('the task restore', () => {
  test('restores what was approved, and is not done twice', async () => {
    const to = source.freshDataDir();
    const record = recordOf(await restore({ execution: 'first', to }));
    assert.deepEqual(record, readRecord(to));
    const { state, requestedBy, approvedBy, execution, dataDir } = record;
    assert.deepEqual(
      { state, requestedBy, approvedBy, execution, dataDir, planHash: record.planHash },
      {
        state: 'replayed',
        requestedBy: 'anna',
        approvedBy: 'berta',
        execution: executionArn('test', 'first'),
        dataDir: to,
        planHash: approvalHash(planHash, {
          ...{ source: 'orders', target, to, setAside: false, tablespaces: {}, settings: {} },
        } as RestoreRequest),
      },
    );
    assert.ok(record.reached && record.history);
    rmSync(join(source.bucket, 'executions/test/first'), { recursive: true });
    const again = await restore({ execution: 'first', to });
    assert.deepEqual(recordOf(again), record, 'its result was lost, and the cluster is there');
    assert.match(JSON.stringify(again.log), /an earlier attempt has restored it already/);
    assertFailed(await restore({ execution: 'second', to }), 2, 'InputInvalid', /a missing or empty directory/);
    assert.equal(await rowsIn(to), '2000');
  });

  test('refuses another plan than the approved one before anything is touched', async () => {
    const to = source.freshDataDir();
    const ended = await restore({ execution: 'changed', to, over: { planHash: 'f'.repeat(64) } });
    assertFailed(ended, 10, 'PlanChanged', /changed since it was approved: it was ffffffffffff, it is [0-9a-f]{12}$/);
    const other = await restore({ execution: 'other', to, request: { target: { immediate: true, action: 'pause' } } });
    assertFailed(other, 10, 'PlanChanged', /changed since it was approved/);
    assert.ok(!existsSync(to));
  });

  test('whose check fails keeps the cluster, and fails again when it is asked again', async () => {
    const to = source.freshDataDir();
    const planPath = planWithCheck('select count(*) from rows', '7');
    const run = { execution: 'wrong', to, planPath };
    assertFailed(await restore(run), 6, 'CheckFailed', /mine: .*2000.*7/);
    assert.equal(readRecord(to).state, 'replayed');
    assertFailed(await restore(run), 6, 'CheckFailed', /mine: .*2000.*7/);
  });

  test('that is told to end leaves nothing, and what was set aside is back', async () => {
    const to = source.freshDataDir();
    mkdirSync(to);
    writeFileSync(join(to, 'precious'), 'mine');
    const planPath = planWithCheck('select pg_sleep(3600)', '');
    const { child, ended, said } = start({ execution: 'stopped', to, planPath, request: { setAside: true } });
    await said(/"checks begins"/);
    await sleep(300);
    child.kill('SIGTERM');
    assertFailed(await ended, 130, 'Aborted', /interrupted by SIGTERM/);
    assert.deepEqual(readdirSync(to), ['precious']);
    assert.deepEqual(readdirSync(dirname(to)), ['data']);
    assert.deepEqual(serversIn(to), []);
  });

  test('that was killed while it laid down files is done by its next attempt', async () => {
    const to = source.freshDataDir();
    const { child, ended, said } = start({ execution: 'killed', to });
    await said(/"files begins"/);
    child.kill('SIGKILL');
    await ended;
    assert.equal(readRecord(to).state, 'restoring');
    const record = recordOf(await restore({ execution: 'killed', to }));
    assert.deepEqual(record.setAside, []);
    assert.equal(await rowsIn(to), '2000');
  });

  test('that was killed after it promoted its server sets that one aside, and is done by its next attempt', async () => {
    const to = source.freshDataDir();
    const planPath = planWithCheck('select pg_sleep(3600)', '');
    const { child, ended, said } = start({ execution: 'late', to, planPath });
    await said(/"checks begins"/);
    await sleep(300);
    child.kill('SIGKILL');
    await ended;
    assert.ok(serversIn(to).length > 0, 'its server lives on');
    assertFailed(await restore({ execution: 'another', to }), 2, 'InputInvalid', /a missing or empty directory/);
    const record = recordOf(await restore({ execution: 'late', to }));
    assert.equal(record.setAside.length, 1);
    assert.deepEqual(serversIn(dirname(to)), []);
    assert.equal(await rowsIn(to), '2000');
  });

  test('leaves a server alone that somebody runs', async () => {
    const to = source.server.dataDir;
    assert.equal(await stopOrphanedServer(to), false);
    assertFailed(await restore({ execution: 'running', to }), 2, 'InputInvalid', /without a running server/);
    assert.equal(await source.server.value('select 1'), '1');
  });

  test('fails for the wrong programs, and for a key that is gone', async () => {
    const to = source.freshDataDir();
    const programs = await restore({ execution: 'programs', to, env: { LIFEBOAT_BIN_DIR: '/nowhere' } });
    assertFailed(programs, 3, 'RestoreFailed', /\/nowhere has PostgreSQL \(none\)/);
    assert.ok(!existsSync(to));
  });

  const wrong: [what: string, run: Partial<Run>, message: RegExp][] = [
    ['no request', { over: { request: undefined } }, /^request: nothing/],
    ['another source in the request', { request: { source: 'x' } }, /^request\.source: "x" .*orders/],
    ['a relative place', { request: { to: 'data' } }, /^request\.to: "data" .*absolute/],
    ['no place', { request: { to: undefined } }, /^request\.to: nothing/],
    ['a target that is none', { request: { target: { lsn: 'x' } } }, /^target lsn: "x"/],
    ['a tablespace that the backup has not', { request: { tablespaces: { '99': '/x' } } }, /^tablespace: "99=\/x"/],
    ['a hash that is none', { over: { planHash: 'abc' } }, /^planHash: "abc" .*64/],
    ['nobody who asks', { over: { requestedBy: '' } }, /^requestedBy: ""/],
    ['an approval without a name', { over: { approvedBy: '' } }, /^approvedBy: ""/],
    ['an unknown field', { over: { approved: true } }, /^approved: /],
  ];
  for (const [what, run, message] of wrong) {
    test(`refuses ${what}`, async () => {
      const to = source.freshDataDir();
      const ended = await restore({ execution: `wrong-${what.replaceAll(' ', '-')}`, to, ...run });
      assertFailed(ended, 2, 'InputInvalid', message);
      assert.ok(!existsSync(to));
    });
  }
});
