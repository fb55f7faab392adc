import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { committedBackups } from '#catalog/backups';
import { putHold } from '#catalog/holds';
import { acquireLease } from '#catalog/lease';
import { storeHistory } from '#harness/expiring-source';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { addOwnSnapshot, away, home, managedScene } from '#harness/managed-scene';
import { storedDump } from '#harness/stored-dump';
import { StoredSource } from '#harness/stored-source';
import type { Json } from '#local/integration';
import { expires } from './scripted-tasks.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

type Question = Record<string, Json>;
const ask = { source: 'main', purge: true, reason: 'erasure, ticket 4711', requestedBy: 'ada' };

/** A source without retention that has a backup a day and a dump, and who answers what is asked. */
async function scene(more: Partial<MachineRunOptions> = {}, approves = true) {
  const source = await StoredSource.create();
  const manifests = await storeHistory(source, 4, ['full']);
  await storedDump(source);
  const asked: Question[] = [];
  const answer = (question: Question) => {
    asked.push(question);
    return { decision: approves ? ('approve' as const) : ('reject' as const), by: 'grace', reason: 'seen' };
  };
  const run = new MachineRun({ tasks: { expire: (task) => expires(task, source) }, answer, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const left = async () => (await committedBackups(source.store, 'main')).map(({ backup }) => backup);
  return { source, run, left, asked, backups: manifests.map(({ backup }) => backup) };
}

test('everything that is stored of a source goes once somebody said yes to exactly that, and the evidence says why', async () => {
  const { run, left, asked } = await scene();
  const end = await run.run('retention', ask);
  assert.deepEqual(run.failures, []);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(await left(), []);
  const [question] = asked;
  assert.deepEqual([asked.length, question!.machine, question!.requestedBy], [1, 'retention', 'ada']);
  const text = String(question!.plan);
  assert.match(
    text,
    /^EVERYTHING OF main WOULD BE REMOVED: 4 backups, 1 dump: \S+ KiB, and \d+ pieces of WAL: \S+ \S+\n/,
  );
  assert.match(text, /\n {2}reason {7}erasure, ticket 4711\n/);
  assert.match(text, /\n {2}restorable {3}\S+Z to \S+Z\n {2}afterwards {3}nothing\n/);
  const { told } = end.output as { told: string };
  assert.match(told, /^purge of main: erasure, ticket 4711\n5 backups and dumps of main removed, /);
  const [record] = run.evidence;
  assert.deepEqual(
    [run.evidence.length, record!.what, record!.who, record!.outcome, record!.planHash],
    [1, told, 'ada', 'succeeded', question!.planHash],
  );
  assert.equal((record!.approval as { by: string }).by, 'grace');
  assert.deepEqual(
    run.notices.filter(({ occasion }) => occasion === 'success').map(({ title }) => title),
    ['what was stored of main is removed'],
  );
});

test('it is asked however little goes, and what is held stays', async () => {
  const { run, source, left, asked, backups } = await scene();
  for (const id of backups.slice(1))
    await putHold(source.store, {
      ...{ format: 'lifeboat-hold/1', source: 'main', id, state: 'held', reason: 'an audit', by: 'grace' },
      ...{ at: source.now.toISOString(), until: null },
    });
  assert.equal((await run.run('retention', ask)).status, 'SUCCEEDED');
  assert.deepEqual(await left(), backups.slice(1));
  assert.match(String(asked[0]!.plan), new RegExp(`note {9}${backups[1]} stays, since it is held: an audit`));
});

test('a no, or nobody, leaves everything where it is, and both are told with the reason', async () => {
  const refused = await scene({}, false);
  const end = await refused.run.run('retention', ask);
  assert.deepEqual(
    [end.error, end.cause],
    ['RetentionRejected', 'the purge of main was rejected by grace: seen; nothing was deleted'],
  );
  assert.deepEqual(await refused.left(), refused.backups);
  const [record] = refused.run.evidence;
  assert.match(
    String(record!.what),
    /^retention of main \(purge: erasure, ticket 4711\): RetentionRejected: the purge of/,
  );
  assert.equal(record!.outcome, 'rejected');
  const source = await scene();
  const silent = new MachineRun({ source: source.source });
  cleanups.unshift(() => silent.remove());
  const expired = await silent.run('retention', ask);
  assert.deepEqual(
    [expired.error, /whether everything of main may go/.test(expired.cause!)],
    ['ApprovalExpired', true],
  );
  assert.deepEqual(await source.left(), source.backups);
});

test('nobody is asked while a backup or a dump is taken', async () => {
  for (const work of ['backup', 'dump'] as const) {
    const { run, source, left, asked, backups } = await scene();
    const holder = { host: 'elsewhere', pid: 7 };
    const lease = await acquireLease(source.store, 'main', work, { holder, now: () => source.now });
    const end = await run.run('retention', ask);
    assert.equal(end.error, 'LeaseHeld');
    assert.match(
      end.cause!,
      new RegExp(`a ${work} of main is at work: process 7 on elsewhere.*HINT: nothing was asked`, 's'),
    );
    assert.deepEqual([asked.length, await left()], [0, backups]);
    await lease.release();
    assert.equal((await run.run('retention', ask, 'again')).status, 'SUCCEEDED');
  }
});

test('a backup that was taken while people were asked stays, and so does everything else', async () => {
  const made = await scene({
    answer: async () => {
      await made.source.backup();
      return { decision: 'approve', by: 'grace', reason: 'seen' };
    },
  });
  const end = await made.run.run('retention', ask);
  assert.equal(end.error, 'PlanChanged');
  assert.match(end.cause!, /what the purge of main was to delete has to stay now: .*HINT: .*`lifeboat purge main/s);
  assert.equal((await made.left()).length, made.backups.length + 1);
});

test('where nothing is stored, or it is purged once more, nobody is asked', async () => {
  const { run, asked } = await scene();
  await run.run('retention', ask, 'first');
  const end = await run.run('retention', ask, 'second');
  assert.deepEqual([end.status, (end.output as { deleted: number }).deleted], ['SUCCEEDED', 0]);
  assert.deepEqual([asked.length, run.tasks.length], [1, 1]);
});

test('it does the same when each function is invoked twice', async () => {
  const { run, left } = await scene({ twice: true });
  assert.equal((await run.run('retention', ask)).status, 'SUCCEEDED');
  assert.deepEqual([run.tasks.length, await left()], [1, []]);
});

const wrong: [input: Json, message: RegExp][] = [
  [{ source: 'main', purge: true }, /^reason: nothing is not allowed: expected why everything is to go/],
  [{ source: 'main', purge: true, reason: ' ' }, /^reason: /],
  [{ purge: true, reason: 'r' }, /^source: nothing is not allowed: expected the name of the source that is purged/],
  [{ ...ask, most: true }, /^most: true is not allowed: expected nothing beside purge/],
  [{ ...ask, scheduledTime: '2026-11-20T05:00:00Z' }, /^scheduledTime: .* no schedule asks for it/],
  [{ source: 'main', purge: false, reason: 'r' }, /^purge: false is not allowed: expected true, or leave it out/],
  [{ source: 'main', reason: 'r' }, /^reason: "r" is not allowed: expected nothing without a purge/],
];
for (const [input, message] of wrong)
  test(`input ${JSON.stringify(input)} is refused by name`, async () => {
    const { run, left, asked, backups } = await scene();
    const end = await run.run('retention', input);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([asked.length, await left()], [0, backups]);
  });

/** Snapshots of so many days ago, each with its copy. */
async function managed(ages: readonly number[], retention?: string) {
  const made = await managedScene(retention === undefined ? {} : { retention });
  for (const age of ages) addOwnSnapshot(made.regions, made.source.now, age);
  const asked: Question[] = [];
  const answer = (question: Question) => {
    asked.push(question);
    return { decision: 'approve' as const, by: 'grace', reason: 'seen' };
  };
  const run = new MachineRun({ tasks: { expire: (task) => expires(task, made.source) }, answer, source: made.source });
  cleanups.push(
    () => run.remove(),
    () => made.remove(),
  );
  const left = (region: string) =>
    made.regions.snapshots(region, 'instance').map(({ id }) => id.replace('lifeboat-ledger-', ''));
  return { ...made, run, left, asked };
}

test('of a database in RDS its own snapshots go, also the newest, in both regions; not one that is held', async () => {
  const { run, regions, left, asked } = await managed([9, 5, 3]);
  regions.addSnapshot(home, 'instance', { id: 'rds:ledger-db-old', of: 'ledger-db', type: 'automated' });
  regions.snapshot(home, 'instance', 'lifeboat-ledger-n5')!.tags['lifeboat:hold'] = 'audit';
  const end = await run.run('retention', { ...ask, source: 'ledger' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual([left(home), left(away)], [['n5', 'rds:ledger-db-old'], []]);
  assert.match(String(asked[0]!.plan), /^EVERYTHING OF ledger WOULD BE REMOVED: 5 snapshots in RDS\n/);
  assert.match(String(asked[0]!.plan), /\nlifeboat-ledger-n5 in eu-central-1 stays: held\n/);
  const [record] = run.evidence;
  assert.match(String(record!.what), /^purge of ledger: erasure, ticket 4711\n5 snapshots of ledger deleted: /);
  assert.equal((record!.approval as { by: string }).by, 'grace');
});

test('a snapshot that was just taken stays, and where there is no other nobody is asked', async () => {
  const { run, left, asked } = await managed([1]);
  const end = await run.run('retention', { ...ask, source: 'ledger' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual([asked.length, left(home)], [0, ['n1']]);
});

test('its dumps and snapshots go by one yes', async () => {
  const { run, source, left, asked } = await managed([9, 5], '{ window: 30d }');
  await storedDump(source, { source: 'ledger' });
  const end = await run.run('retention', { ...ask, source: 'ledger' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.match(String(asked[0]!.plan), /^EVERYTHING OF ledger WOULD BE REMOVED: 1 dump: 300 B; 4 snapshots in RDS\n/);
  assert.deepEqual([asked.length, left(home), run.evidence.length], [1, [], 2]);
});
