import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runLifeboat } from '#harness/run-lifeboat';
import { embeddedInstallation, serverAccount } from '../harness/postgres-installations.ts';
import { ReplicatedPair } from '../harness/replicated-pair.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-groups-'));
const plan = join(folder, 'plan.yml');
const endpoint = join(folder, 'endpoint');
let pair: ReplicatedPair;

before(async () => {
  pair = await ReplicatedPair.create(embeddedInstallation());
  mkdirSync(join(folder, 'bucket'));
  const names = [{ kind: 'file', path: './endpoint', values: { east: 'db-east:1', west: 'db-west:1' } }];
  const orders = { connection: pair.east.connection };
  const content = { bucket: './bucket', encryption: 'none', sources: { orders }, failover: pair.failover({ names }) };
  writeFileSync(plan, JSON.stringify(content));
  writeFileSync(endpoint, 'db-east:1\n');
  for (const path of [folder, join(folder, 'bucket')]) {
    if (serverAccount) chownSync(path, serverAccount.uid, serverAccount.gid);
    chmodSync(path, 0o755);
  }
});
after(async () => {
  await pair.remove();
  rmSync(folder, { recursive: true });
});

const groups = (...args: string[]) =>
  runLifeboat(['groups', ...(args.includes('--plan') ? [] : ['--plan', plan]), ...args], {
    ...(serverAccount ? { account: serverAccount } : {}),
  });

test('both sites, the lag, and to where the name leads', async () => {
  const { exitCode, stdout, stderr } = await groups();
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /^shop: source orders, at home in east$/m);
  assert.match(stdout, /^ {2}east +primary +timeline 1, 0\/\w+$/m);
  assert.match(stdout, /^ {2}west +standby +streams, 0 B behind, .*timeline 1/m);
  assert.match(stdout, /^ {2}names +file .*endpoint +db-east:1 \(east\)$/m);
  assert.match(stdout, /^ {2}the primary is at east$/m);
  const [report] = JSON.parse((await groups('shop', '--json')).stdout);
  assert.deepEqual(
    report.sites.map(({ site, state, lagBytes }: Record<string, unknown>) => [site, state, lagBytes]),
    [
      ['east', 'primary', null],
      ['west', 'standby', 0],
    ],
  );
  assert.deepEqual([report.lease, report.questions], [null, []]);
});

test('a name that leads elsewhere than to the primary is told', async () => {
  writeFileSync(endpoint, 'db-west:1\n');
  assert.match((await groups()).stdout, /db-west:1: NOT AS WITH A PRIMARY AT east$/m);
  rmSync(endpoint);
  assert.match((await groups()).stdout, /IS NOT THERE YET$/m);
});

test('a site that cannot be fenced is told with its reason, and the others are not', async () => {
  const content = JSON.parse(readFileSync(plan, 'utf8'));
  content.failover.shop.sites.east.server.control.dataDir = '/nowhere';
  const other = join(folder, 'other.yml');
  writeFileSync(other, JSON.stringify(content));
  const { stdout } = await groups('--plan', other);
  assert.match(stdout, /^ {2}east CANNOT BE FENCED: there is no cluster in \/nowhere$/m);
  assert.doesNotMatch(stdout, /west CANNOT/);
  assert.doesNotMatch((await groups()).stdout, /CANNOT BE FENCED/);
});

test('a primary that is gone, and two of them, are told with exit code 9', async () => {
  await pair.east.kill();
  const gone = await groups();
  assert.equal(gone.exitCode, 9, gone.stderr);
  assert.match(gone.stdout, /^ {2}east +SILENT +\S/m);
  assert.match(gone.stdout, /NO PRIMARY IS SEEN: lifeboat failover shop$/m);
  await pair.west.query('select pg_promote()');
  assert.match((await groups()).stdout, /the primary is at west$/m);
  await pair.east.start();
  const two = await groups();
  assert.equal(two.exitCode, 9);
  assert.match(two.stdout, /TWO PRIMARIES: east and west take writes/);
});

test('a group that the plan does not have is answered with those there are', async () => {
  const { exitCode, stderr } = await groups('shpo');
  assert.equal(exitCode, 2);
  assert.match(stderr, /one of the plan's groups: shop[\s\S]*did you mean "shop"/);
});
