import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import { runLifeboat } from '#harness/run-lifeboat';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-init-groups-'));
const plan = join(folder, 'plan.yml');
let pair: ReplicatedPair;

before(async () => {
  pair = await ReplicatedPair.create(machineInstallation());
  mkdirSync(join(folder, 'bucket'));
  for (const path of [folder, join(folder, 'bucket')]) {
    if (serverAccount) chownSync(path, serverAccount.uid, serverAccount.gid);
    chmodSync(path, 0o755);
  }
});
after(async () => {
  await pair.remove();
  rmSync(folder, { recursive: true });
});

type Sites = ReturnType<ReplicatedPair['failover']>['shop']['sites'];

async function check(change: (sites: Sites) => void = () => undefined, endpoint = './endpoint') {
  const names = [{ kind: 'file', path: endpoint, values: { east: 'db-east:1', west: 'db-west:1' } }];
  const failover = pair.failover({ names });
  change(failover.shop.sites);
  const orders = { connection: pair.east.connection };
  writeFileSync(plan, JSON.stringify({ bucket: './bucket', encryption: 'none', sources: { orders }, failover }));
  const account = serverAccount ? { account: serverAccount } : {};
  return runLifeboat(['init', '--check', '--plan', plan], account);
}

test('what a move would find of both sites, and of what follows', async () => {
  const { exitCode, stdout, stderr } = await check();
  assert.equal(exitCode, 0, stdout + stderr);
  for (const line of [
    /^group shop$/m,
    /^ {2}ok +primary +at east$/m,
    /^ {2}ok +east server +primary, timeline 1$/m,
    /^ {2}ok +east control +local: runs$/m,
    /^ {2}ok +east role +postgres is a superuser$/m,
    /^ {2}ok +east pg_rewind +possible, by data checksums$/m,
    /^ {2}ok +west server +standby, streams, 0 B behind, timeline 1$/m,
    /^ {2}ok +west control +local: runs as a standby$/m,
    /^ {2}ok +west slot +lifeboat_west, at east$/m,
    /^ {2}ok +names +file .*endpoint can be put$/m,
    /^shop is ready$/m,
  ])
    assert.match(stdout, line);
});

test('each thing that would keep it from moving comes with the command that changes it', async () => {
  await pair.east.query('create role lifeboat login');
  await pair.untilCaughtUp();
  const lacking = await check(({ east, west }) => {
    for (const { server } of [east, west]) Object.assign(server.connection, { user: 'lifeboat' });
  }, '/nowhere/endpoint');
  assert.equal(lacking.exitCode, 4, lacking.stderr);
  assert.match(lacking.stdout, /failed +west role +lifeboat may not promote, may not replicate, does not see whether/);
  assert.match(
    lacking.stdout,
    /GRANT EXECUTE ON FUNCTION pg_promote TO lifeboat; ALTER ROLE lifeboat REPLICATION; GRANT/,
  );
  assert.match(lacking.stdout, /warning +east pg_rewind +not for lifeboat: what diverged is restored from the bucket/);
  assert.match(lacking.stdout, /failed +names +file \/nowhere\/endpoint: /);
  assert.match(lacking.stdout, /^shop is NOT ready: \d+ of \d+ failed$/m);
  await pair.east.query(
    `alter role lifeboat replication; grant pg_monitor to lifeboat; grant execute on function pg_promote to lifeboat;
     grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean),
       pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean) to lifeboat`,
  );
  await pair.untilCaughtUp();
  const granted = await check(({ east, west }) => {
    for (const { server } of [east, west]) Object.assign(server.connection, { user: 'lifeboat' });
  });
  assert.equal(granted.exitCode, 0, granted.stdout);
});

test('controls that are swapped, a slot that nobody holds, and servers that are silent', async () => {
  const crossed = await check(({ east, west }) => {
    [east.server.control, west.server.control] = [west.server.control, east.server.control];
  });
  assert.equal(crossed.exitCode, 4, crossed.stdout);
  for (const site of ['east', 'west'])
    assert.match(crossed.stdout, new RegExp(`failed +${site} control +local: its control leads to another server: `));
  assert.match(crossed.stdout, /HINT: ask each server: SHOW data_directory/);

  await pair.west.query(`alter system set primary_slot_name = ''`);
  await pair.west.query('select pg_reload_conf()');
  while ((await pair.west.value('select slot_name is null from pg_stat_wal_receiver')) !== 't');
  const without = await check();
  assert.equal(without.exitCode, 0, without.stdout);
  assert.match(
    without.stdout,
    /warning +west slot +none: .*\n +HINT: at west: ALTER SYSTEM SET primary_slot_name = 'lifeboat_west'/,
  );

  await pair.west.stop();
  const silent = await check();
  assert.equal(silent.exitCode, 4);
  assert.match(silent.stdout, /failed +west server +.*connect/);
  assert.match(silent.stdout, /ok +west control +local: stopped; its data directory can only come up as a standby/);
  await pair.east.stop();
  assert.match((await check()).stdout, /failed +primary +none is seen/);
});
