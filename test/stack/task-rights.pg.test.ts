import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { TaskEnd } from '#harness/run-task';
import { restoreRequest } from '#model/restore-request';
import { baseBackupResultSchema, drillResultSchema, verifyPartResultSchema } from '#model/task-result';
import { prepareApproval } from '#recovery/prepare-approval';
import { type DeployedTask, DeployedTasks } from './deployed-tasks.ts';

/*
 * Each task with the rights of its role and no others, against PostgreSQL, S3 and KMS: it works, and what it was never
 * asked for it does not have.
 */
const installation = embeddedInstallation();
let server: TestServer;
let tasks: DeployedTasks;
let source: { backups: DeployedTask; receiver: DeployedTask };
let newest: string;

before(async () => {
  server = await TestServer.create(installation, { initdb: ['--wal-segsize=1'] });
  await server.query('create table rows as select generate_series(1, 100000) as n');
  tasks = await DeployedTasks.create(server);
  source = {
    backups: await tasks.task('BaseBackupTask', 'SourceOrdersRole', 'backup'),
    receiver: await tasks.task('ReceiveWalOrdersTask', 'SourceOrdersRole', 'none'),
  };
});
after(async () => {
  await tasks?.close();
  await server?.remove();
});

const worked = (ended: TaskEnd) => assert.equal(ended.exitCode, 0, JSON.stringify(ended.log.slice(-3)));
const isCleaningUp = ({ action, context }: { action: string; context?: Readonly<Record<string, string>> }) =>
  action === 's3:ListBucket' && context?.['s3:prefix'] === '';

test('a source can be backed up, and its WAL be received, by the role that it has', async () => {
  const receiving = source.receiver.start({ source: 'orders' }, 'none');
  await receiving.said(/"receiving"/);
  for (const kind of ['full', 'incr']) {
    await server.query('update rows set n = n + 1 where n < 1000');
    const { ended } = source.backups.start({ source: 'orders', kind, requestedBy: 'ada' }, 'base-backup-orders', kind);
    worked(await ended);
  }
  const { backup, kind } = baseBackupResultSchema.parse(await source.backups.result('base-backup-orders', 'incr'));
  assert.equal(kind, 'incr', 'the parent could be read');
  newest = backup;
  await server.query('select pg_switch_wal()');
  await receiving.said(/"stored"/);
  receiving.child.kill('SIGTERM');
  worked(await receiving.ended);
  // what killed puts have left is the lifecycle's to clear: it is asked for, refused, and that is taken for an answer
  assert.deepEqual(
    source.backups.aws.denied.filter((asked) => !isCleaningUp(asked)),
    [],
  );
  assert.deepEqual(source.receiver.aws.denied, []);
});

test('a task that fails may say why', async () => {
  const { ended } = source.backups.start({ source: 'orders', kind: 'no' }, 'base-backup-orders', 'failed');
  const { exitCode, log } = await ended;
  assert.equal(exitCode, 2, JSON.stringify(log));
  assert.doesNotMatch(JSON.stringify(log), /could not be put/);
});

test('a backup is read back', async () => {
  const verify = await tasks.task('VerifyPartTask', 'VerifyPartTaskRole', 'verify');
  const input = { source: 'orders', backup: newest, parts: { from: 0, to: 1 }, wal: true };
  worked(await verify.start(input, 'all').ended);
  assert.deepEqual(verifyPartResultSchema.parse(await verify.result('all')).damage, []);
  // whether there was one is looked for in the catalog
  const { exitCode } = await verify.start({ ...input, backup: '20200101T000000000Z-full' }, 'none').ended;
  assert.equal(exitCode, 2);
  assert.deepEqual([verify.aws.denied, unusedOf([verify])], [[], []]);
});

test('a backup is restored for a look, and started, and replayed', async () => {
  const drill = await tasks.task('DrillTask', 'DrillTaskRole', 'drill', {
    LIFEBOAT_DRILL_DIR: tasks.room('drills'),
    LIFEBOAT_BIN_DIR: installation.binDir,
  });
  worked(await drill.start({ source: 'orders', requestedBy: 'ada' }, 'drill').ended);
  assert.equal(drillResultSchema.parse(await drill.result('drill')).verdict, 'proven');
  assert.deepEqual([drill.aws.denied, unusedOf([drill])], [[], []]);
});

test('an approved plan is carried out', async () => {
  const restore = await tasks.task('RestoreTask', 'RestoreTaskRole', 'restore', {
    LIFEBOAT_BIN_DIR: installation.binDir,
  });
  const asked = restoreRequest('orders', { to: join(tasks.room('restored'), 'data'), requestedBy: 'ada' });
  const { request, planHash } = await prepareApproval(tasks.vault, asked, AbortSignal.timeout(60_000));
  const input = { source: 'orders', request, planHash, requestedBy: 'ada', approvedBy: 'grace' };
  worked(await restore.start(input, 'restore').ended);
  assert.deepEqual([restore.aws.denied, unusedOf([restore])], [[], []]);
});

test('a source has no right that neither its backups nor its receiver need', () => {
  assert.deepEqual(unusedOf([source.backups, source.receiver]), []);
});

/** Only asked for when something goes wrong on the way or keys were changed, or what the strict S3 does not tell apart. */
const forBadLuck = /^s3:(AbortMultipartUpload|GetObjectVersion|PutObjectTagging) |\/keys\/\*$/;

/** What none of them was asked for, of a role that they share. */
function unusedOf(sharing: readonly DeployedTask[]): string[] {
  const [first, ...others] = sharing.map(({ policy }) => policy.unused());
  return first!.filter((grant) => others.every((unused) => unused.includes(grant)) && !forBadLuck.test(grant));
}
