import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chownSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, it } from 'node:test';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, serverFolder, TestServer } from '#harness/postgres-server';
import { type Ended, runLifeboat } from '#harness/run-lifeboat';
import type { KmsKey } from '#harness/strict-kms-keys';
import { type StrictKms, startStrictKms } from '#harness/strict-kms-server';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';

/** What people do with keys in KMS: back up, restore, do so in the other region, change the key, delete it. */
const [here, there] = ['eu-central-1', 'eu-west-1'];

let s3: StrictS3;
let kms: StrictKms;
let server: TestServer;
let folder: string;
let primary: KmsKey;
let replica: KmsKey;

before(async () => {
  s3 = await startStrictS3({ bucket: 'backups' });
  kms = await startStrictKms(s3.credentials);
  primary = kms.keys.create(here, { multiRegion: true });
  replica = kms.keys.replicate(primary, there);
  server = await TestServer.create(embeddedInstallation());
  folder = serverFolder('lifeboat-kms-');
  await server.query('create table t as select i from generate_series(1, 50000) i');
});
after(async () => {
  await server.remove();
  await Promise.all([s3.close(), kms.close()]);
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  kms.faults.length = 0;
});

/** The plan's path. */
function plan(name: string, encryption: string): string {
  const path = join(folder, name);
  const connection = `{ host: ${server.home}, port: 5432, user: postgres, database: postgres }`;
  writeFileSync(
    path,
    `bucket: s3://backups/prod\nencryption: ${encryption}\nsources:\n  orders: { connection: ${connection} }\n`,
    { mode: 0o644 },
  );
  return path;
}
const withKms = (key: string): string => plan(`kms-${key.replace(/\W/g, '-')}.yml`, `{ kmsKey: "${key}" }`);

async function lifeboat(planPath: string, args: string[], { region = here, code = 0 } = {}): Promise<Ended> {
  const env = { ...kms.environment(), ...s3.environment, AWS_REGION: region };
  const account = serverAccount ? { account: serverAccount } : {};
  const ended = await runLifeboat([...args, '--plan', planPath], { cwd: folder, env, ...account });
  assert.equal(ended.exitCode, code, `${ended.stdout}\n${ended.stderr}`);
  return ended;
}

let restored = 0;
/** How many rows a restore to the end of the newest backup brings back. */
async function restore(planPath: string, region = here): Promise<string> {
  const to = join(makeServerFolder(join(folder, `restored-${++restored}`)), 'data');
  await lifeboat(planPath, ['restore', '--to', to, '--bin-dir', server.installation.binDir], { region });
  const copy = TestServer.adopt(server.installation, to);
  await copy.start();
  try {
    return await copy.value('select count(*) from t');
  } finally {
    await copy.remove();
  }
}

it('backs up, receives WAL, verifies and restores under data keys of KMS, with few requests', async () => {
  const planPath = withKms(kms.keys.alias(primary, 'lifeboat'));
  await lifeboat(planPath, ['backup']);
  await server.query('insert into t select generate_series(1, 1000)');
  await lifeboat(planPath, ['receive-wal', '--until', await server.value('select pg_current_wal_flush_lsn()')]);
  const made = kms.requests.map(({ action, context }) => `${action} ${context['lifeboat:for']?.replace(/\d+/g, '0')}`);
  assert.deepEqual(
    made.filter((request) => request.startsWith('GenerateDataKey')),
    ['GenerateDataKey 0T0Z-full', 'GenerateDataKey wal/0', 'GenerateDataKey wal/0'],
  );
  kms.requests.length = 0;
  await lifeboat(planPath, ['verify', '--all']);
  // one for the backup, one for the WAL beside it
  assert.deepEqual(
    kms.requests.map(({ action }) => action),
    ['Decrypt', 'Decrypt'],
  );
  assert.equal(await restore(planPath), '51000');
});

it('restores in the other region with the replica alone, while the first region is down', async () => {
  kms.faults.push({ fault: { kind: 'reset' }, region: here, times: 1_000 });
  kms.requests.length = 0;
  assert.equal(await restore(withKms(replica.arn), there), '51000');
  assert.ok(kms.requests.length > 0);
  assert.deepEqual([...new Set(kms.requests.map(({ region }) => region))], [there]);
});

it('goes on in the other region: what is backed up there is restored in the first again', async () => {
  await lifeboat(withKms(replica.arn), ['backup'], { region: there });
  assert.equal(await restore(withKms(primary.arn)), '51000');
});

it('gets over a KMS that is busy and breaks connections', async () => {
  kms.faults.push(
    { fault: { kind: 'error', code: 'ThrottlingException' }, action: 'GenerateDataKey', times: 2 },
    { fault: { kind: 'reset' }, action: 'GenerateDataKey' },
    { fault: { kind: 'error', code: 'KMSInternalException', status: 500 }, action: 'Decrypt', times: 2 },
  );
  const planPath = withKms(primary.arn);
  await lifeboat(planPath, ['backup']);
  await lifeboat(planPath, ['verify']);
});

it('takes no backup with a key that is about to be deleted, and says what saves it', async () => {
  primary.state = 'PendingDeletion';
  const planPath = withKms(primary.arn);
  const committed = await lifeboat(planPath, ['backups', '--json']);
  const refused = await lifeboat(planPath, ['backup'], { code: 8 });
  assert.match(refused.stderr, /is pending deletion\nHINT: .*aws kms cancel-key-deletion --region eu-central-1/);
  const unread = await lifeboat(planPath, ['verify'], { code: 8 });
  assert.match(unread.stderr, /cancel-key-deletion/);
  const listed = (listing: Ended) =>
    JSON.parse(listing.stdout).backups.filter((one: { state: string }) => one.state === 'committed').length;
  assert.equal(listed(await lifeboat(planPath, ['backups', '--json'])), listed(committed));
  primary.state = 'Enabled';
});

it('after a rekey a key file restores everything, and the deleted key is not missed; without it, it would be', async () => {
  const keyFile = join(folder, 'new.key');
  writeFileSync(keyFile, `lifeboat-key-1:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  if (serverAccount) chownSync(keyFile, serverAccount.uid, serverAccount.gid);
  const planPath = plan('file.yml', `{ keyFile: ${keyFile} }`);
  const parts = () =>
    [...s3.bucket.objects].filter(([key]) => key.includes('/base.tar.')).map(([key, { etag }]) => [key, etag]);
  const before = parts();
  await lifeboat(planPath, ['rekey', '--from-kms-key', primary.arn]);
  for (const key of [primary, replica]) kms.keys.delete(key);
  await lifeboat(planPath, ['verify', '--all']);
  assert.equal(await restore(planPath), '51000');
  assert.deepEqual(parts(), before);

  const without = withKms(kms.keys.create(here).arn);
  const lost = await lifeboat(without, ['verify'], { code: 8 });
  assert.match(lost.stderr, /deleted is gone for good/);
});
