import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { recordEvidence } from '#catalog/evidence';
import { acquireLease } from '#catalog/lease';
import { judgeAccess, type PolicyDocument } from '#harness/judge-access';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { serverFolder, TestServer } from '#harness/postgres-server';
import { resolveResources } from '#harness/resolve-template';
import { type Ended, runLifeboat, startLifeboat } from '#harness/run-lifeboat';
import { accessOf } from '#harness/s3-access';
import { type StrictKms, startStrictKms } from '#harness/strict-kms-server';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { StoreRefused } from '#model/failure';
import { noticeRecords } from '#runtime/notice-records';
import { openStore } from '#runtime/open-store';
import type { ObjectStore } from '#store/object-store';
import { packagedTemplate } from '../stack/packaged-template.ts';

/** The bucket of one stack as its packaged policy guards it, its key, and the copies that another region has of both. */
const [home, away] = ['eu-central-1', 'eu-west-1'];
const account = '111122223333';
const bucketIn = (region: string): string => `lifeboat-prod-${account}-${region}`;

let kms: StrictKms;
let s3: StrictS3;
let store: ObjectStore;
let server: TestServer;
let folder: string;
let keyPolicy: PolicyDocument;
const denied: string[] = [];

before(async () => {
  const resources = resolveResources(await packagedTemplate(), ['BucketPolicy', 'Bucket', 'BucketKey', 'BackupKey']);
  const bucketPolicy = resources.BucketPolicy?.Properties?.PolicyDocument as PolicyDocument;
  keyPolicy = resources.BackupKey?.Properties?.KeyPolicy as PolicyDocument;
  const caller = { account, principal: `arn:aws:iam::${account}:role/writer` };
  s3 = await startStrictS3({
    bucket: bucketIn(home!),
    deniedBy: (request) => {
      const sids = accessOf(request, caller).flatMap((access) => judgeAccess(bucketPolicy, access).denied);
      denied.push(...sids.map((sid) => `${sid}: ${request.method} ${request.key}`));
      return sids;
    },
  });
  kms = await startStrictKms(s3.credentials);
  store = await openStore(`s3://${bucketIn(home!)}`, s3.environment);
  server = await TestServer.create(embeddedInstallation());
  folder = serverFolder('lifeboat-regions-');
  await server.query(`create table t as select i, md5(i::text) from generate_series(1, 100000) i`);
});
after(async () => {
  await server?.remove();
  await s3?.close();
  await kms?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** `lifeboat` with the plan of a region: its bucket, its key, and no other endpoint. */
function inRegion(region: string, { environment }: StrictS3, kmsKey: string) {
  const plan = join(folder, `${region}.yml`);
  const connection = server.connection;
  const content = { bucket: `s3://${bucketIn(region)}`, encryption: { kmsKey }, sources: { orders: { connection } } };
  writeFileSync(plan, JSON.stringify(content));
  const env = { ...environment, ...kms.environment(region), AWS_ENDPOINT_URL_KMS: kms.endpoint, AWS_REGION: region };
  const options = { cwd: folder, env, ...(serverAccount ? { account: serverAccount } : {}) };
  return {
    run: (...args: string[]): Promise<Ended> => runLifeboat([...args, '--plan', plan], options),
    start: (...args: string[]) => startLifeboat([...args, '--plan', plan], options),
  };
}

function ended(result: Ended, code = 0): Ended {
  assert.equal(result.exitCode, code, result.stderr);
  return result;
}

async function restoredRows(dataDir: string): Promise<string> {
  const restored = TestServer.adopt(server.installation, dataDir);
  try {
    await restored.start();
    return await restored.value('select count(*) from t');
  } finally {
    await restored.remove();
  }
}

/** What S3's replication leaves: the same objects in any order, with etags of their own where a key encrypts them. */
async function copyOf(objects: StrictS3['bucket']['objects']): Promise<StrictS3> {
  const copy = await startStrictS3({ bucket: bucketIn(away!) });
  for (const [key, stored] of objects) copy.bucket.objects.set(key, { ...stored, etag: `"${randomUUID()}"` });
  return copy;
}

describe('the bucket of the stack', () => {
  test('takes everything that Lifeboat writes, again and again', async () => {
    const key = kms.keys.create(home!, { multiRegion: true });
    const { run, start } = inRegion(home!, s3, key.arn);
    const receiver = start('receive-wal', '--quiet');
    ended(await run('backup'));
    await server.query('insert into t select i, $$later$$ from generate_series(1, 1000) i');
    ended(await run('backup', '--type', 'incremental'));
    await server.query('insert into t select i, $$later still$$ from generate_series(1, 1000) i');
    const segment = await server.value('select pg_walfile_name(pg_current_wal_lsn())');
    await server.query('select pg_switch_wal()');
    await server.untilReceived();
    receiver.child.kill('SIGTERM');
    ended(await receiver.ended);
    ended(await run('wal-push', '--source', 'orders', join(server.dataDir, 'pg_wal', segment)));
    ended(await run('verify', '--all'));
    ended(await run('catalog', 'rebuild'));
    await keepRecords();
    assert.deepEqual(denied, []);
  });

  test('has the tag on parts and whole segments of WAL, and on nothing else', () => {
    const tagged = [...s3.bucket.objects].filter(([, { tags }]) => tags.get('lifeboat-tier') === 'cold');
    const cold = [...s3.bucket.objects.keys()].filter((key) =>
      /\/backups\/.*\.tar\.\d+$|\/wal\/\d+\/[0-9A-F]{8}\/[0-9A-F]{24}$/.test(key),
    );
    assert.ok(cold.some((key) => key.includes('/backups/')) && cold.some((key) => key.includes('/wal/')));
    assert.deepEqual(tagged.map(([key]) => key).sort(), cold.sort());
    assert.ok([...s3.bucket.objects.values()].every(({ tags }) => tags.size <= 1));
  });

  test('refuses whoever would overwrite or delete a part', async () => {
    const [part] = [...s3.bucket.objects.keys()].filter((key) => /\.tar\.\d+$/.test(key));
    assert.ok(part);
    await assert.rejects(store.put(part, Buffer.from('other')), StoreRefused);
    await assert.rejects(store.delete(part), StoreRefused);
    assert.deepEqual(denied.splice(0), [
      `DenyOverwrites: PUT ${part}`,
      `DenyLostUpdates: PUT ${part}`,
      `DenyDeletes: DELETE ${part}`,
    ]);
  });
});

describe('another region', () => {
  const latest = ['restore', '--bin-dir', embeddedInstallation().binDir];

  test('restores from the copy of the bucket and the replica of the key alone', async () => {
    const replica = kms.keys.replicate(kms.keys.find(kms.requests[0]!.keyId, home!), away!);
    const copy = await copyOf(s3.bucket.objects);
    await s3.close();
    kms.faults.push({ fault: { kind: 'reset' }, region: home!, times: 1e9 });
    const { run } = inRegion(away!, copy, replica.arn);
    try {
      const to = join(folder, 'restored');
      ended(await run(...latest, '--to', to));
      assert.equal(await restoredRows(to), '102000');
      const { stdout } = ended(await run('backups', '--json'));
      assert.equal(JSON.parse(stdout).backups.length, 2);
    } finally {
      await copy.close();
    }
  });

  test('touches nothing while a part of the newest backup is still on its way', async () => {
    const copy = await copyOf(s3.bucket.objects);
    const { run } = inRegion(away!, copy, kms.requests.at(-1)!.keyId);
    try {
      const part = [...copy.bucket.objects.keys()].findLast((key) => /\.tar\.\d+$/.test(key))!;
      copy.bucket.objects.delete(part);
      const to = join(folder, 'incomplete');
      const { exitCode, stderr } = await run(...latest, '--to', to);
      assert.notEqual(exitCode, 0);
      assert.ok(stderr.includes(`${part} of backup `) && /on its way still/.test(stderr), stderr);
      assert.equal(existsSync(to), false);
    } finally {
      await copy.close();
    }
  });

  test('was asked by nobody to unwrap a key without saying for which backup, as its policy wants it', () => {
    assert.ok(kms.requests.length > 3);
    for (const { action, context } of kms.requests) {
      const told = Object.entries(context).map(([name, value]) => [`kms:encryptioncontext:${name}`, value]);
      const access = { action: `kms:${action}`, resource: '*', context: Object.fromEntries(told) };
      assert.deepEqual(
        judgeAccess(keyPolicy, access).allowed,
        ['UseForOneBackup'],
        `${action} ${Object.keys(context)}`,
      );
    }
  });
});

/** What only functions put, twice each. */
async function keepRecords(): Promise<void> {
  for (const id of ['a', 'b', 'a']) {
    await recordEvidence(store, {
      ...{ id, who: 'ada', what: 'did it', source: 'orders', when: '2026-11-20T05:13:45.000Z', outcome: 'succeeded' },
      ...{ execution: null, planHash: null, approval: null },
    });
  }
  const failures: unknown[] = [];
  const records = noticeRecords(store, {
    here: new Set(),
    now: () => new Date(),
    onFailure: (it) => failures.push(it),
  });
  for (const _ of [1, 2]) {
    await records.recordTaken('notice', 'slack');
    const told = { id: 'notice', occasion: 'failure', recovered: false, at: '2026-11-20T05:13:45.000Z', heldBack: 0 };
    await records.recordTold('key', told as Parameters<typeof records.recordTold>[1]);
    const lease = await acquireLease(store, 'orders', 'backup', { holder: { host: 'test', pid: process.pid } });
    await lease.release();
  }
  assert.deepEqual(failures, []);
}
