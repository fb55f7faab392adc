import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { addOwnSnapshot, away, home, managedScene } from '#harness/managed-scene';
import { dumpId } from '#model/dump-id';
import { dumpObjectKey } from '#store/bucket-layout';
import { expires } from './scripted-tasks.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** A snapshot and its copy of each of these ages, in days; a week's are kept. */
async function scene(ages: readonly number[], options: Partial<MachineRunOptions> = {}) {
  const managed = await managedScene({ retention: '{ window: 7d }' });
  for (const age of ages) addOwnSnapshot(managed.regions, managed.source.now, age);
  const run = new MachineRun({ ...options, source: managed.source });
  cleanups.push(
    () => run.remove(),
    () => managed.remove(),
  );
  const left = (region: string) =>
    managed.regions.snapshots(region, 'instance').map(({ id }) => id.replace('lifeboat-ledger-', ''));
  return { ...managed, run, left };
}

test('snapshots that no rule keeps are deleted in both regions, recorded and told, though the bucket has nothing to go', async () => {
  const { run, left } = await scene([1, 8, 9, 10]);
  const end = await run.run('retention', { source: 'ledger', requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(
    [left(home), left(away)],
    [
      ['n1', 'n8'],
      ['n1', 'n8'],
    ],
  );
  const { told, deleted } = end.output as { told: string; deleted: number };
  assert.equal(deleted, 0, 'of objects');
  assert.match(told, /^4 snapshots of ledger deleted: 2 in eu-central-1, 2 in eu-west-1\n/);
  assert.deepEqual(
    run.evidence.map(({ who, what, source, outcome }) => [who, what, source, outcome]),
    [['ada', told, 'ledger', 'succeeded']],
  );
  assert.deepEqual(
    run.notices.map(({ occasion, subject, what }) => [occasion, subject, what]),
    [['success', 'ledger', told]],
  );
});

test('where something of its dumps goes, too, one notice tells of both', async () => {
  const made = await scene([1, 8, 9], { tasks: { expire: (task) => expires(task, made.source) } });
  const { run, source, left } = made;
  const begun = dumpId(new Date(source.now.getTime() - 5 * 86_400_000), 'dump');
  await source.store.put(dumpObjectKey('ledger', begun, 'globals.sql'), Buffer.from('never committed'));
  const end = await run.run('retention', { source: 'ledger' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(left(home), ['n1', 'n8']);
  const { told } = end.output as { told: string };
  assert.match(told, new RegExp(`leftover ${begun}: .*\\n2 snapshots of ledger deleted`, 's'));
  assert.deepEqual(
    run.notices.map(({ occasion, what }) => [occasion, what]),
    [['success', told]],
  );
  assert.equal(run.evidence.length, 2);
});

test('where all have to stay, nobody needs to hear of it', async () => {
  const { run, left } = await scene([1, 5, 8]);
  const end = await run.run('retention', { source: 'ledger' });
  assert.equal(end.status, 'SUCCEEDED');
  assert.deepEqual([run.evidence, run.notices, left(home).length], [[], [], 3]);
});

test('it does the same when each function is invoked twice', async () => {
  const { run, rds } = await scene([1, 8, 9, 10], { twice: true });
  const end = await run.run('retention', { source: 'ledger' });
  assert.match((end.output as { told: string }).told, /^4 snapshots of ledger deleted/);
  assert.equal(rds.requests.filter((request) => request.includes('Delete')).length, 4);
});

test('what may not be deleted fails it, after what was deleted is recorded', async () => {
  const { run, rds, left } = await scene([1, 8, 9, 10]);
  rds.faults.push({ action: 'DeleteDBSnapshot', status: 403, code: 'AccessDenied', times: 1 });
  const end = await run.run('retention', { source: 'ledger' });
  assert.deepEqual([end.status, end.error], ['FAILED', 'AuthenticationFailed']);
  assert.match(
    end.cause!,
    /^the snapshot lifeboat-ledger-n10 in eu-central-1 is left: .*\nHINT: .*rds:DeleteDBSnapshot/s,
  );
  assert.deepEqual(
    [left(home), left(away)],
    [
      ['n1', 'n8', 'n10'],
      ['n1', 'n8'],
    ],
  );
  assert.deepEqual(
    run.evidence.map(({ outcome, what }) => [outcome, String(what).split(' ')[0]]),
    [
      ['succeeded', '3'],
      ['failed', 'retention'],
    ],
  );
  assert.deepEqual(
    run.notices.map(({ occasion, dedupe }) => [occasion, dedupe]),
    [['failure', 'retention ledger']],
  );
});

test('a region that does not answer is asked again, and nothing goes before all have answered', async () => {
  const { run, rds } = await scene([1, 8, 9]);
  // the SDK asks three times each time
  rds.faults.push({ action: 'DescribeDBSnapshots', status: 503, code: 'InternalFailure', times: 4 });
  assert.equal((await run.run('retention', { source: 'ledger' })).status, 'SUCCEEDED');
  const firstDeletion = rds.requests.findIndex((request) => request.includes('Delete'));
  const asked = rds.requests.slice(0, firstDeletion).filter((request) => request.endsWith(' DescribeDBSnapshots'));
  assert.ok(asked.length >= 6, String(asked.length));
});

test('most of them go only when somebody says yes to exactly these, also where the bucket has nothing to go', async () => {
  const asked: string[] = [];
  const { run, left } = await scene([100, 97, 96, 95, 94, 93, 1], {
    answer: (question) => {
      asked.push(String(question.plan));
      return { decision: 'approve', by: 'grace', reason: 'the first run' };
    },
  });
  const end = await run.run('retention', { source: 'ledger', most: true });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.match(asked[0]!, /^MOST OF WHAT THERE IS OF ledger WOULD BE REMOVED: \d+ of \d+ snapshots go, /);
  assert.deepEqual(left(home), ['n93', 'n1']);
});
