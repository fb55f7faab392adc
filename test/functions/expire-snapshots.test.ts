import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { putQuestion } from '#catalog/approvals';
import { addOwnSnapshot, away, home, type ManagedScene, managedScene } from '#harness/managed-scene';
import { executionArn } from '#model/arn';
import { ownTags, snapshotName } from '#model/snapshot-name';
import { provideWorld } from '#runtime/function-world';
import { readObject } from '#store/read-object';

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';

let scene: ManagedScene;
beforeEach(async () => {
  scene = await managedScene({ retention: '{ window: 7d, monthly: 2 }' });
});
afterEach(() => scene.remove());

const dayMs = 86_400_000;
const execution = executionArn('retention', 'night');

const taken = (ageDays: number) => addOwnSnapshot(scene.regions, scene.source.now, ageDays);

interface Answer {
  deleted: number;
  left: number;
  told: string;
  planKey: string;
  problem: { name: string; message: string; hint: string | null } | null;
}

async function expire(source = 'ledger', most = false): Promise<Answer> {
  provideWorld(scene.source.world);
  const { handler } = await import('#functions/expire-snapshots');
  return (await handler({ source, execution, most }, { functionName: 'x' } as never)) as Answer;
}

const idsIn = (region: string, kind: 'instance' | 'cluster' = 'instance') =>
  scene.regions.snapshots(region, kind).map(({ id }) => id.replace(/^lifeboat-(?:ledger|books)-/, ''));
const deletions = () => scene.rds.requests.filter((request) => request.includes('Delete'));

test('what the rules do not keep is deleted in both regions, and nothing else is', async () => {
  for (const day of [1, 5, 8, 9, 10]) taken(day);
  scene.regions.addSnapshot(home, 'instance', { id: 'rds:ledger-db-old', of: 'ledger-db', type: 'automated' });
  scene.regions.addSnapshot(home, 'instance', { id: 'before-the-migration', of: 'ledger-db', createdAt: new Date(0) });
  const answer = await expire();
  const staying = ['n1', 'n5', 'n8'];
  assert.deepEqual(idsIn(home), [...staying, 'rds:ledger-db-old', 'before-the-migration']);
  assert.deepEqual(idsIn(away), staying);
  assert.deepEqual([answer.deleted, answer.left, answer.problem], [4, 0, null]);
  assert.match(answer.told, /^4 snapshots of ledger deleted: 2 in eu-central-1, 2 in eu-west-1\n/);
  assert.match(
    answer.told,
    /\nlifeboat-ledger-n10 in eu-west-1, of \S+Z: older than the window of 7d, and of no generation/,
  );
  const stored = JSON.parse(String(await readObject(scene.source.store, answer.planKey, { maxBytes: 100_000 })));
  assert.deepEqual([stored.format, stored.goes.length], ['lifeboat-snapshot-expiry/1', 4]);
  assert.equal(answer.planKey, 'executions/retention/night/snapshots.json');
});

test('of a cluster, cluster snapshots are deleted', async () => {
  for (const day of [1, 8, 20, 50]) {
    const tags = ownTags('books', executionArn('rds-snapshot', `n${day}`));
    const createdAt = new Date(scene.source.now.getTime() - day * dayMs);
    const id = snapshotName('books', `n${day}`);
    scene.regions.addSnapshot(home, 'cluster', { id, of: 'books-cluster', tags, createdAt });
  }
  assert.equal((await expire('books')).deleted, 1);
  assert.deepEqual(idsIn(home, 'cluster'), ['n1', 'n8', 'n20']);
  assert.deepEqual(deletions(), [`${home} DeleteDBClusterSnapshot`]);
});

test('asked again, it tells the same and deletes nothing more', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  const first = await expire();
  const requests = deletions().length;
  assert.deepEqual(await expire(), first);
  assert.equal(deletions().length, requests);
});

test('an attempt that dies between two tells of all in the next one, those that RDS still lists as deleting included', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  const fault = { action: 'DeleteDBSnapshot', status: 400, code: 'Throttling', times: 99 };
  scene.rds.faults.push(fault);
  await assert.rejects(expire(), { name: 'ConnectionFailed' });
  scene.rds.faults.length = 0;
  scene.regions.snapshot(home, 'instance', 'lifeboat-ledger-n10')!.status = 'deleting';
  const answer = await expire();
  assert.deepEqual([answer.deleted, answer.left], [4, 0]);
});

test('one that came to be kept between two attempts is left, and that is told', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  scene.rds.faults.push({ action: 'DeleteDBSnapshot', status: 400, code: 'Throttling', times: 99 });
  await assert.rejects(expire(), { name: 'ConnectionFailed' });
  scene.rds.faults.length = 0;
  scene.regions.snapshot(home, 'instance', 'lifeboat-ledger-n10')!.tags['lifeboat:hold'] = 'audit';
  const answer = await expire();
  assert.deepEqual([answer.deleted, answer.left, answer.problem], [3, 1, null]);
  assert.match(answer.told, /lifeboat-ledger-n10 in eu-central-1 is left: it has to stay by now/);
});

test('throttling that passes is not seen', async () => {
  for (const day of [1, 8, 9]) taken(day);
  scene.rds.faults.push({ action: 'DeleteDBSnapshot', status: 400, code: 'Throttling', times: 2 });
  assert.equal((await expire()).deleted, 2);
});

test('one that somebody deletes at the same moment is done; one that RDS is at work on is left and told', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  scene.rds.faults.push(
    { action: 'DeleteDBSnapshot', status: 404, code: 'DBSnapshotNotFound', times: 1 },
    { action: 'DeleteDBSnapshot', status: 400, code: 'InvalidDBSnapshotState', times: 1 },
  );
  const answer = await expire();
  assert.deepEqual([answer.deleted, answer.left, answer.problem], [3, 1, null]);
  assert.match(answer.told, / is left: RDS is at work on it/);
});

test('a right that is missing is a problem for somebody, and the rest goes all the same', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  scene.rds.faults.push({ action: 'DeleteDBSnapshot', status: 403, code: 'AccessDenied', times: 1 });
  const answer = await expire();
  assert.deepEqual([answer.deleted, answer.left], [3, 1]);
  assert.equal(answer.problem?.name, 'AuthenticationFailed');
  assert.match(
    answer.problem!.message,
    /^the snapshot lifeboat-ledger-n10 in eu-central-1 is left: RDS in eu-central-1 refuses rds:DeleteDBSnapshot/,
  );
  assert.match(answer.problem!.hint!, /rds:DeleteDBSnapshot/);
});

test('a list that cannot be had deletes nothing anywhere', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  scene.rds.faults.push({ action: 'DescribeDBSnapshots', status: 403, code: 'AccessDenied', times: 1 });
  await assert.rejects(expire(), { name: 'AuthenticationFailed' });
  assert.deepEqual(deletions(), []);
});

test('a copy in the making is not ended', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  Object.assign(scene.regions.snapshot(away, 'instance', 'lifeboat-ledger-n10')!, { status: 'creating', pending: 9 });
  await expire();
  assert.deepEqual(idsIn(home), ['n1', 'n8', 'n10']);
  assert.equal(scene.regions.snapshot(away, 'instance', 'lifeboat-ledger-n10')?.status, 'creating');
});

test('while a restore of ours is being made, or somebody is asked about one, its snapshot stays', async () => {
  for (const day of [1, 8, 9, 10]) taken(day);
  const tags = ownTags('ledger', executionArn('rds-restore', 'r1'));
  const made = scene.regions.add(home, 'instance', { id: 'ledger-back', status: 'creating', tags });
  const { now } = scene.source;
  await putQuestion(
    scene.source.store,
    { machine: 'rds-restore', name: 'r2' },
    {
      ...{ format: 'lifeboat-question/1', execution: executionArn('rds-restore', 'r2'), machine: 'rds-restore' },
      ...{ source: 'ledger', planHash: 'ab'.repeat(32), plan: 'from the snapshot lifeboat-ledger-n9 of 2026' },
      ...{ requestedBy: 'ada', askedAt: now.toISOString(), taskToken: 'token' },
      expiresAt: new Date(now.getTime() + dayMs).toISOString(),
    },
  );
  const first = await expire();
  assert.deepEqual(idsIn(home), ['n1', 'n8', 'n9', 'n10']);
  assert.deepEqual(idsIn(away), ['n1', 'n8', 'n9']);
  assert.match(first.told, /nothing goes in eu-central-1, since ledger-back is being made/);
  made.status = 'available';
  await scene.source.store.delete(first.planKey);
  await expire();
  assert.deepEqual(idsIn(home), ['n1', 'n8', 'n9']);
});

test('most of them go only if somebody says so', async () => {
  for (const day of [1, 20, 21, 22, 23, 24, 60]) taken(day);
  await assert.rejects(expire(), { name: 'MostWouldGo', message: /^of ledger 8 of 14 snapshots go/ });
  assert.deepEqual(deletions(), []);
  assert.ok((await expire('ledger', true)).deleted > 0);
});

test('what would go can be looked at first, and only that goes then', async () => {
  for (const day of [1, 20, 21, 22, 23, 24, 60]) taken(day);
  const event = { source: 'ledger', execution, most: true, look: true };
  provideWorld(scene.source.world);
  const { handler } = await import('#functions/expire-snapshots');
  const looked = (await handler(event, { functionName: 'x' } as never)) as unknown as Record<string, string>;
  assert.match(looked.planHash!, /^[0-9a-f]{64}$/);
  assert.match(looked.overrides!, /^8 of 14 snapshots go/);
  assert.match(looked.told!, /^of the snapshots of ledger 10 would be deleted, 4 stay\n/);
  assert.deepEqual(deletions(), []);
  taken(300);
  await expire('ledger', true);
  assert.equal(deletions().length, 10, 'what was not shown stays');
});

test('without rules for it, nothing is asked and nothing deleted', async () => {
  await scene.remove();
  scene = await managedScene();
  taken(300);
  await assert.rejects(expire(), { name: 'InputInvalid', message: /a source with retention/ });
  assert.deepEqual(scene.rds.requests, []);
});
