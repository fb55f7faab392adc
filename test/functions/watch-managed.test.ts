import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { readManaged } from '#catalog/managed';
import { away, home, type ManagedScene, managedScene } from '#harness/managed-scene';
import { storedDump } from '#harness/stored-dump';
import type { MetricRecord } from '#model/metric';
import type { Notice } from '#model/notice';
import { parseSchedule } from '#model/schedule';
import { provideWorld } from '#runtime/function-world';

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';

let scene: ManagedScene;
const told: [occasion: string, subject: string, title: string][] = [];
const records: MetricRecord[] = [];
beforeEach(async () => {
  scene = await managedScene();
});
afterEach(() => scene.remove());

async function watch(): Promise<void> {
  told.length = 0;
  records.length = 0;
  provideWorld({
    ...scene.source.world,
    publish: async (notice) =>
      void told.push([(notice as Notice).occasion, (notice as Notice).subject, (notice as Notice).title]),
    measure: async (some) => void records.push(...some),
  });
  const { handler } = await import('#functions/watch-managed');
  await handler({}, { functionName: 'x' } as never);
}

const seen = (source: string) => readManaged(scene.source.store, source);
const kinds = async (source: string) => (await seen(source))?.findings.map(({ kind }) => kind);
const ledger = () => scene.regions.database(home, 'instance', 'ledger-db')!;
const metric = (name: string) => records.find((one) => one.name === name && one.source === 'ledger')?.value;

test('what would be lost is what came after the latest restorable instant, of an instance and of a cluster', async () => {
  await watch();
  const found = (await seen('ledger'))!;
  assert.deepEqual([found.lossMs, found.status, found.retentionDays, found.findings], [60_000, 'available', 7, []]);
  assert.deepEqual(found.window, { from: ledger().earliest!.toISOString(), to: ledger().latest!.toISOString() });
  assert.equal((await seen('books'))?.lossMs, 60_000);
  assert.deepEqual([metric('RpoSeconds'), metric('RpoTierSeconds'), metric('Restorable')], [60, 300, 1]);
  assert.deepEqual(told, []);
});

test('more than is promised is told once, and that it is over', async () => {
  scene.source.pass(10);
  await watch();
  assert.deepEqual(await kinds('ledger'), ['rpo-above-tier']);
  assert.deepEqual(told, [['failure', 'ledger', 'more could be lost than is promised']]);
  assert.equal(metric('RpoSeconds'), 660);
  await watch();
  assert.deepEqual(told, []);
  ledger().latest = scene.source.now;
  await watch();
  assert.deepEqual(told, [['success', 'ledger', 'over: more could be lost than is promised']]);
});

test('a database without automated backups has what its newest snapshot has, and nothing without one', async () => {
  Object.assign(ledger(), { retentionDays: 0, latest: undefined, earliest: undefined });
  await watch();
  assert.deepEqual(
    [(await seen('ledger'))?.lossMs, await kinds('ledger')],
    [null, ['backups-disabled', 'rpo-above-tier']],
  );
  assert.equal(metric('Restorable'), 0);
  scene.regions.addSnapshot(home, 'instance', { id: 'by-hand', of: 'ledger-db' });
  scene.source.pass(2);
  await watch();
  assert.deepEqual([(await seen('ledger'))?.lossMs, await kinds('ledger')], [120_000, ['backups-disabled']]);
});

test('a snapshot that was due is missed after an hour, unless one is being made; others do not replace it', async () => {
  const own = { 'lifeboat:source': 'ledger' };
  await watch();
  scene.source.pass(24 * 60 + 90);
  ledger().latest = scene.source.now;
  scene.regions.addSnapshot(home, 'instance', { id: 'by-hand', of: 'ledger-db' });
  await watch();
  assert.deepEqual(await kinds('ledger'), ['backup-overdue']);
  const made = scene.regions.addSnapshot(home, 'instance', {
    id: 'ours',
    of: 'ledger-db',
    tags: own,
    status: 'creating',
  });
  await watch();
  assert.deepEqual(await kinds('ledger'), []);
  made.status = 'failed';
  await watch();
  assert.deepEqual(await kinds('ledger'), ['backup-overdue']);
});

test('a snapshot without its copy is told of after an hour, until there is one', async () => {
  const ours = { id: 'ours', of: 'ledger-db', tags: { 'lifeboat:source': 'ledger' } };
  scene.regions.addSnapshot(home, 'instance', ours);
  await watch();
  scene.source.pass(59);
  ledger().latest = scene.source.now;
  await watch();
  assert.deepEqual(await kinds('ledger'), []);
  scene.source.pass(2);
  await watch();
  assert.deepEqual(await kinds('ledger'), ['copy-missing']);
  const copy = scene.regions.addSnapshot(away, 'instance', { ...ours, status: 'creating' });
  await watch();
  assert.deepEqual(await kinds('ledger'), []);
  copy.status = 'available';
  await watch();
  assert.deepEqual(
    (await seen('ledger'))?.snapshots.map(({ id, own, copiedTo }) => [id, own, copiedTo]),
    [['ours', true, away]],
  );
});

test('a database that is gone, or broken, is told of', async () => {
  scene.regions.remove(home, 'instance', 'ledger-db');
  await watch();
  const [finding] = (await seen('ledger'))!.findings;
  assert.deepEqual(
    [finding?.kind, finding?.what],
    ['server-unreachable', 'the instance ledger-db is not in RDS in eu-central-1'],
  );
  assert.equal((await seen('books'))?.findings.length, 0, 'the other one is still watched');
});

test('while RDS does not answer, the loss grows from what it said last; it is told of after three minutes', async () => {
  await watch();
  scene.rds.faults.push({ action: 'DescribeDBInstances', status: 403, code: 'AccessDenied', times: 99 });
  scene.source.pass(2);
  await watch();
  assert.deepEqual([(await seen('ledger'))?.lossMs, told], [180_000, []]);
  scene.source.pass(3);
  await watch();
  assert.deepEqual((await seen('ledger'))?.lossMs, 360_000);
  assert.deepEqual(told, [['failure', 'ledger', 'the server cannot be reached']]);
  scene.rds.faults.length = 0;
  ledger().latest = scene.source.now;
  await watch();
  assert.deepEqual(told, [['success', 'ledger', 'over: the server cannot be reached']]);
});

test('before RDS has ever answered, no number is made up', async () => {
  scene.rds.faults.push({ action: 'DescribeDBInstances', status: 403, code: 'AccessDenied', times: 99 });
  await watch();
  assert.deepEqual(
    records.filter(({ source }) => source === 'ledger'),
    [],
  );
  assert.match((await seen('ledger'))!.unanswered!.why, /rds:DescribeDBInstances/);
});

test('a dump that was due is missed after an hour, whether RDS answers or not, until there is one', async () => {
  scene.source.plan.managed[0]!.schedules.dump = parseSchedule('rate(1 day)');
  await watch();
  assert.deepEqual([await kinds('ledger'), metric('OverdueDumps')], [[], 0]);
  scene.regions.addSnapshot(home, 'instance', { id: 'ours', of: 'ledger-db', tags: { 'lifeboat:source': 'ledger' } });
  scene.source.pass(24 * 60 + 90);
  scene.rds.faults.push({ action: 'DescribeDBInstances', status: 403, code: 'AccessDenied', times: 99 });
  await watch();
  assert.deepEqual(await kinds('ledger'), ['dump-overdue']);
  assert.deepEqual(told, [['failure', 'ledger', 'a dump is overdue']]);
  assert.equal(metric('OverdueDumps'), 1);
  await storedDump(scene.source, { source: 'ledger' });
  await watch();
  assert.deepEqual(await kinds('ledger'), []);
  assert.deepEqual(told, [['success', 'ledger', 'over: a dump is overdue']]);
});
