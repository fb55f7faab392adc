import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { catalogBackup, commitBackup, readBackup } from '#catalog/backups';
import { wrapDigest } from '#catalog/key-wraps';
import { recordProof } from '#catalog/proofs';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { putRetentionPlan } from '#catalog/retention-plan';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { TaskEnd } from '#harness/run-task';
import { backupId, parseBackupId } from '#model/backup-id';
import { dumpId } from '#model/dump-id';
import type { Manifest } from '#model/manifest';
import { parsePlan } from '#model/plan';
import { restoreRequest } from '#model/restore-request';
import { planRetention } from '#model/retention';
import { chooseRetention } from '#model/retention-choice';
import { expireResultSchema } from '#model/retention-record';
import {
  baseBackupResultSchema,
  drillResultSchema,
  dumpResultSchema,
  proveDumpResultSchema,
  verifyPartResultSchema,
} from '#model/task-result';
import { prepareApproval } from '#recovery/prepare-approval';
import { backupFolder, rewrapsFolder, taskResultKey } from '#store/bucket-layout';
import { type DeployedTask, DeployedTasks } from './deployed-tasks.ts';
import type { Asked } from './role-policy.ts';

/*
 * Each task with the rights of its role and no others, against PostgreSQL, S3 and KMS: it works, and what it was never
 * asked for it does not have.
 */
const installation = embeddedInstallation();
let server: TestServer;
let tasks: DeployedTasks;
// npm brings no pg_dump, the machine's own packages do
const older = machineInstallation();
let olderServer: TestServer;
let ofDumps: DeployedTasks;
let source: { backups: DeployedTask; dumps: DeployedTask; receiver: DeployedTask };
let newest: string;

before(async () => {
  server = await TestServer.create(installation, { initdb: ['--wal-segsize=1'] });
  await server.query('create table rows as select generate_series(1, 100000) as n');
  tasks = await DeployedTasks.create(server);
  olderServer = await TestServer.create(older);
  await olderServer.query('create table rows as select generate_series(1, 1000) as n');
  ofDumps = await DeployedTasks.create(olderServer);
  source = {
    backups: await tasks.task('BaseBackupTask', 'SourceOrdersRole', 'backup'),
    dumps: await ofDumps.task('DumpTask', 'SourceOrdersRole', 'dump', { LIFEBOAT_BIN_DIR: older.binDir }),
    receiver: await tasks.task('ReceiveWalOrdersTask', 'SourceOrdersRole', 'none'),
  };
});
after(async () => {
  await tasks?.close();
  await ofDumps?.close();
  await server?.remove();
  await olderServer?.remove();
});

const worked = (ended: TaskEnd) => assert.equal(ended.exitCode, 0, JSON.stringify(ended.log.slice(-3)));
const isCleaningUp = ({ action, context }: Asked) => action === 's3:ListBucket' && context?.['s3:prefix'] === '';

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

test('a source can be dumped by the role that it has, and the dump be restored for a look', async () => {
  const { ended } = source.dumps.start({ source: 'orders', requestedBy: 'ada' }, 'dump-orders');
  worked(await ended);
  const { dump } = dumpResultSchema.parse(await source.dumps.result('dump-orders'));
  const taken = source.dumps.start({ source: 'orders', requestedBy: 'ada' }, 'dump-orders', 'next');
  worked(await taken.ended);
  assert.deepEqual(
    source.dumps.aws.denied.filter((asked) => !isCleaningUp(asked)),
    [],
  );
  const proofs = await ofDumps.task('ProveDumpTask', 'ProveDumpTaskRole', 'dump', {
    LIFEBOAT_DRILL_DIR: ofDumps.room('proofs'),
    LIFEBOAT_BIN_DIR: older.binDir,
  });
  const input = { source: 'orders', dump, restore: true, requestedBy: 'ada' };
  worked(await proofs.start(input, 'prove-dump').ended);
  assert.equal(proveDumpResultSchema.parse(await proofs.result('prove-dump')).verdict, 'proven');
  // whether there was one is looked for in the catalog
  const { exitCode } = await proofs.start({ ...input, dump: '20200101T000000000Z-dump' }, 'none').ended;
  assert.equal(exitCode, 2);
  assert.deepEqual([proofs.aws.denied, unusedOf([proofs])], [[], []]);
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

test('what a plan names is deleted by the only role that may, and no key is opened for it', async () => {
  const expire = await tasks.task('ExpireTask', 'RetentionTaskRole', 'retention');
  const { store } = tasks.vault;
  const { gone, planKey, planHash } = await expiringBucket();
  worked(await expire.start({ source: 'orders', planKey, planHash }, 'expire').ended);
  const { backups, leftovers, wal } = expireResultSchema.parse(await expire.result('expire'));
  assert.deepEqual([backups, leftovers.length, wal.pieces], [[gone], 1, 1]);
  const left = (await Array.fromAsync(store.list(''))).map(({ key }) => key);
  assert.deepEqual(
    left.filter((key) => key.includes(gone) || key.includes('/dumps/2') || key.includes('-proofs/2')),
    [],
  );
  assert.deepEqual([expire.aws.denied, unusedOf([expire])], [[], []]);
});

/** The newest backup is proven; it is there as it would be had it been taken long ago, twice; and something of everything. */
async function expiringBucket() {
  const { store } = tasks.vault;
  const { id } = parseBackupId(newest);
  const manifest = await readBackup(store, 'orders', id);
  const ofLongAgo = async (days: number, place: { lsn?: string }): Promise<Manifest> => {
    const at = new Date(Date.now() - days * 24 * 3_600_000);
    const time = at.toISOString();
    const [start, stop] = [manifest.start, manifest.stop].map((point) => ({ ...point, ...place, time }));
    const backup = backupId(at, 'full');
    const ofThen: Manifest = {
      ...manifest,
      backup,
      kind: 'full',
      parent: null,
      start: start!,
      stop: stop!,
      finishedAt: time,
    };
    for await (const { key } of store.list(backupFolder('orders', id))) {
      if (key.endsWith('/manifest.json')) continue;
      const { body } = await store.get(key);
      await store.put(key.replace(id, backup), Buffer.concat(await Array.fromAsync(body)));
    }
    await commitBackup(store, ofThen);
    await catalogBackup(store, ofThen);
    return ofThen;
  };
  const gone = await ofLongAgo(60, { lsn: '0/100028' });
  for (const one of [gone, await ofLongAgo(40, {}), manifest]) {
    await recordProof(store, {
      ...{ format: 'lifeboat-proof/1', source: 'orders', backup: one.backup, chain: [one.backup], target: 'its end' },
      ...{ verdict: 'proven', ok: true, reached: null, checks: [], rawBytes: 1, walBytes: 1, failure: null },
      ...{ durationsMs: { files: 1, replay: 1, checks: 1 }, execution: null },
      ...{ startedAt: one.finishedAt, finishedAt: one.finishedAt },
    });
  }
  const dump = dumpId(new Date(Date.now() - 50 * 24 * 3_600_000), 'dump');
  const system = 'orders/wal/7000000000000000001/';
  for (const key of [
    `orders/dumps/${dump}/globals.sql`,
    `catalog/orders/dump-proofs/${dump}/x.json`,
    `catalog/orders/verified/backups/${gone.backup}/manifest.json-x.json`,
    `catalog/orders/verifications/${gone.backup}/x.json`,
    `${rewrapsFolder('orders', wrapDigest(gone.encryption!.key))}kms-x.json`,
    `${system}00000001/000000010000000000000001`,
  ])
    await store.put(key, Buffer.from('{}'));
  tasks.age(system, 60);
  const plan = parsePlan(tasks.planText, 'plan.yml');
  const { rules } = chooseRetention(plan, 'orders');
  const facts = await gatherRetentionFacts(store, plan, 'orders', new Date());
  const planKey = taskResultKey('retention', 'one', 'plan');
  const { hash } = await putRetentionPlan(store, planKey, planRetention(facts, rules, new Date()));
  return { gone: gone.backup, planKey, planHash: hash };
}

test('a source has no right that neither its backups, its dumps nor its receiver need', () => {
  assert.deepEqual(unusedOf([source.backups, source.dumps, source.receiver]), []);
});

/** Only asked for when something goes wrong on the way, the catalog is lost or keys were changed, or what the strict S3 does not tell apart. */
const forBadLuck = /^s3:(AbortMultipartUpload|GetObjectVersion|PutObjectTagging) |\/(keys|dump-proofs)\/\*$/;

/** What none of them was asked for, of a role that they share. */
function unusedOf(sharing: readonly DeployedTask[]): string[] {
  const [first, ...others] = sharing.map(({ policy }) => policy.unused());
  return first!.filter((grant) => others.every((unused) => unused.includes(grant)) && !forBadLuck.test(grant));
}
