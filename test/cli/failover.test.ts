import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { describeMove } from '#cli/describe-move';
import { runLifeboat } from '#harness/run-lifeboat';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-failover-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'bucket'));

const connection = { host: '/nowhere', user: 'postgres' };
const site = { server: { kind: 'postgres', connection, control: { kind: 'sql' } } };
const shop = { source: 'main', home: 'east', sites: { east: site, west: site } };

function lifeboat(args: string[], failover: object = { shop }) {
  const plan = join(folder, 'plan.yml');
  const content = { bucket: './bucket', encryption: 'none', sources: { main: { connection } }, failover };
  writeFileSync(plan, JSON.stringify(content));
  return runLifeboat([...args, '--plan', plan]);
}

for (const name of ['failover', 'failback']) {
  test(`${name} is done by a machine: without one it is refused`, async () => {
    const { exitCode, stderr } = await lifeboat([name]);
    assert.match(stderr, /no daemon of this plan is running/);
    assert.equal(exitCode, 4);
  });

  test(`${name} of a group that the plan does not have names those there are`, async () => {
    const { exitCode, stderr } = await lifeboat([name, 'shpo']);
    assert.match(stderr, /one of the plan's groups: shop/);
    assert.equal(exitCode, 2);
    assert.match((await lifeboat([name], {})).stderr, /a group of the section failover, and the plan has none/);
  });
}

test('what excludes each other is refused before anybody is asked', async () => {
  const { exitCode, stderr } = await lifeboat(['failover', '--planned', '--force']);
  assert.match(stderr, /force: true is not allowed: expected nothing beside planned/);
  assert.equal(exitCode, 2);
});

test('--force says what it means, with --quiet, too', async () => {
  for (const quiet of [[], ['--quiet']]) {
    const { stderr } = await lifeboat(['failover', '--force', ...quiet]);
    assert.match(stderr, /^WARNING: --force: .*both take writes/m);
  }
  assert.doesNotMatch((await lifeboat(['failover'])).stderr, /--force/);
});

test('the end tells where the primary is, how long it took and what is lost', () => {
  const moved = { group: 'shop', from: 'east', to: 'west', mode: 'failover', rtoMs: 7_000, reached: '0/5000028' };
  const lines = (record: object) => describeMove('failover', 'n', record).split('\n');
  assert.deepEqual(lines({ ...moved, lostBytes: 2048 }), [
    'shop: the primary is at west, and was at east',
    '  reached  0/5000028',
    '  RTO      7s, from the fence to health',
    '  RPO      2.00 KiB of WAL, and what the old primary wrote last and nobody got',
  ]);
  assert.match(lines({ ...moved, lostBytes: null }).at(-1)!, /not known/);
  assert.match(lines({ ...moved, lostBytes: 0 }).at(-1)!, /RPO +nothing that the bucket has; not counted is what/);
  assert.match(lines({ ...moved, mode: 'switchover', lostBytes: 0 }).at(-1)!, /RPO +nothing is lost$/);
  assert.deepEqual(lines({ group: 'shop', from: 'east', to: 'west', mode: 'rehearsal', verification: 'all well' }), [
    'shop: the rehearsal of a move from east to west went well; nothing was moved',
    '  checks   all well',
  ]);
  assert.deepEqual(lines({}), ['failover n succeeded']);
});
