import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { serverFolder, TestServer } from '#harness/postgres-server';
import { type Ended, runLifeboat, startLifeboat } from '#harness/run-lifeboat';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';

/** The whole way through an S3 bucket: every object through HTTP, signed and checked by a server that refuses what S3 does. */
let s3: StrictS3;
let server: TestServer;
let folder: string;

before(async () => {
  s3 = await startStrictS3({ bucket: 'backups' });
  server = await TestServer.create(embeddedInstallation());
  folder = serverFolder('lifeboat-s3-');
  await server.query(`create table t as select i, md5(i::text) from generate_series(1, 200000) i`);
  const place = ['--source', 'orders', '--host', server.home, '--user', 'postgres', '--bucket', 's3://backups/prod'];
  ended(await lifeboat('init', ...place));
});

after(async () => {
  await server.remove();
  await s3.close();
  rmSync(folder, { recursive: true, force: true });
});

const options = () => ({ cwd: folder, env: s3.environment, ...(serverAccount ? { account: serverAccount } : {}) });
const lifeboat = (...args: string[]): Promise<Ended> => runLifeboat(args, options());

function ended(result: Ended, code = 0): Ended {
  assert.equal(result.exitCode, code, result.stderr);
  return result;
}

it('backs up, receives WAL and restores to an instant with everything in an S3 bucket', async () => {
  const receiver = startLifeboat(['receive-wal', '--quiet'], options());
  ended(await lifeboat('backup'));
  await server.query('insert into t select i, $$later$$ from generate_series(1, 1000) i');
  ended(await lifeboat('backup', '--type', 'incremental'));
  await server.query('insert into t select i, $$later still$$ from generate_series(1, 1000) i');
  const lsn = await server.value('select pg_current_wal_insert_lsn()');
  await server.query('drop table t');
  await server.query('select pg_switch_wal()');
  await server.untilReceived();
  receiver.child.kill('SIGTERM');
  ended(await receiver.ended);
  ended(await lifeboat('verify', '--all'));
  const to = join(folder, 'restored');
  ended(await lifeboat('restore', '--to', to, '--lsn', lsn, '--bin-dir', server.installation.binDir));
  const restored = TestServer.adopt(server.installation, to);
  await restored.start();
  assert.equal(await restored.value('select count(*) from t'), '202000');
  await restored.remove();
});

it('survives an S3 that is busy, breaks connections and loses answers, and stores nothing twice', async () => {
  s3.faults.add(
    { method: 'PUT', key: /base\.tar/, times: 2, fault: { kind: 'error', status: 503, code: 'SlowDown' } },
    { method: 'PUT', key: /index\.jsonl/, fault: { kind: 'reset', when: 'after' } },
    {
      method: 'PUT',
      key: /manifest\.json$/,
      fault: { kind: 'error', status: 500, code: 'InternalError', after: true },
    },
  );
  ended(await lifeboat('backup'));
  ended(await lifeboat('verify'));
});

it('commits nothing when S3 refuses the last put, and says whom to ask', async () => {
  const before = await lifeboat('backups', '--json');
  const fault = { kind: 'error', status: 403, code: 'AccessDenied' } as const;
  s3.faults.add({ method: 'PUT', key: /\/manifest\.json$/, times: 9, fault });
  const refused = await lifeboat('backup');
  s3.faults.clear();
  assert.equal(refused.exitCode, 5, refused.stderr);
  assert.match(refused.stderr, /HINT: /);
  const committed = (listing: Ended) =>
    (JSON.parse(listing.stdout).backups as { state: string }[]).filter((backup) => backup.state === 'committed').length;
  assert.equal(committed(await lifeboat('backups', '--json')), committed(before));
});
