import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { away, home, managedScene } from '#harness/managed-scene';
import { StatesError } from '#local/integration';
import { readObject } from '#store/read-object';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

async function scene(options: Partial<MachineRunOptions> = {}) {
  const managed = await managedScene();
  const run = new MachineRun({ ...options, source: managed.source });
  cleanups.push(
    () => run.remove(),
    () => managed.remove(),
  );
  const record = async (source: string, id: string) =>
    JSON.parse(String(await readObject(managed.source.store, `${source}/snapshots/${id}.json`, { maxBytes: 10_000 })));
  return { ...managed, run, record };
}

test('a snapshot is there in both regions before it is recorded and told of', async () => {
  const { run, regions, record, source } = await scene();
  const end = await run.run('rds-snapshot', { source: 'ledger', scheduledTime: '2026-11-20T06:00:00Z' }, 'night-1');
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const id = 'lifeboat-ledger-night-1';
  const made = regions.snapshot(home, 'instance', id)!;
  const copied = regions.snapshot(away, 'instance', id)!;
  assert.deepEqual([made.status, copied.status, copied.kmsKey?.split(':')[3]], ['available', 'available', away]);
  const execution = 'arn:aws:states:local:000000000000:execution:rds-snapshot:night-1';
  assert.deepEqual(made.tags, { 'lifeboat:source': 'ledger', 'lifeboat:execution': execution });
  assert.deepEqual(copied.tags, made.tags);
  const stored = await record('ledger', id);
  assert.deepEqual(end.output, stored);
  assert.deepEqual(stored, {
    ...{ format: 'lifeboat-snapshot/1', source: 'ledger', snapshot: id, engine: 'postgres', engineVersion: '16.4' },
    arn: `arn:aws:rds:${home}:111122223333:snapshot:${id}`,
    database: { type: 'instance', id: 'ledger-db' },
    ...{ sizeGiB: 100, encrypted: true, requestedBy: 'schedule', execution },
    createdAt: made.createdAt.toISOString(),
    copies: [{ region: away, arn: `arn:aws:rds:${away}:111122223333:snapshot:${id}` }],
  });
  const told = `snapshot ${id} of ledger-db, 100 GiB, copied to ${away}`;
  assert.deepEqual(
    run.notices.map(({ machine, occasion, subject, what }) => [machine, occasion, subject, what]),
    [['rds-snapshot', 'success', 'ledger', told]],
  );
  assert.deepEqual(
    run.evidence.map(({ who, what, outcome }) => [who, what, outcome]),
    [['schedule', told, 'succeeded']],
  );
  assert.ok(source.now >= made.createdAt);
});

test('of a cluster it is a cluster snapshot, without a copy where the plan wants none', async () => {
  const { run, regions, record } = await scene();
  const end = await run.run('rds-snapshot', { source: 'books', requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const [made] = regions.snapshots(home, 'cluster');
  assert.equal(made?.of, 'books-cluster');
  assert.deepEqual(regions.snapshots(away, 'cluster'), []);
  assert.deepEqual((await record('books', made!.id)).copies, []);
});

test('it does the same when each function is invoked twice', async () => {
  const { run, rds } = await scene({ twice: true });
  assert.equal((await run.run('rds-snapshot', { source: 'ledger' })).status, 'SUCCEEDED');
  assert.deepEqual(
    rds.requests.filter((request) => / C/.test(request)),
    [`${home} CreateDBSnapshot`, `${away} CopyDBSnapshot`],
  );
});

test('an answer that got lost makes no second snapshot: the first one is ours by its tags', async () => {
  let lost = false;
  const { run, regions, source } = await scene({
    refuse: ({ state }) => {
      if (state !== 'Snapshot the instance' || lost) return undefined;
      lost = true;
      const execution = 'arn:aws:states:local:000000000000:execution:rds-snapshot:run-1';
      const tags = { 'lifeboat:source': 'ledger', 'lifeboat:execution': execution };
      regions.addSnapshot(home, 'instance', { id: 'lifeboat-ledger-run-1', of: 'ledger-db', tags });
      return new StatesError('Rds.SdkClientException', 'Read timed out');
    },
  });
  assert.equal((await run.run('rds-snapshot', { source: 'ledger' })).status, 'SUCCEEDED');
  assert.equal(regions.snapshots(home, 'instance').length, 1);
  assert.ok(source);
});

test("somebody else's snapshot of the same name is not taken for ours", async () => {
  const { run, regions } = await scene();
  regions.addSnapshot(home, 'instance', { id: 'lifeboat-ledger-run-1', of: 'ledger-db' });
  const end = await run.run('rds-snapshot', { source: 'ledger' });
  assert.deepEqual([end.status, end.error], ['FAILED', 'SnapshotFailed']);
  assert.match(end.cause!, /is not of this execution/);
  assert.deepEqual(regions.snapshots(away, 'instance'), []);
});

test('a database that is backed up just now is waited for', async () => {
  const { run, rds } = await scene();
  rds.faults.push({ action: 'CreateDBSnapshot', status: 400, code: 'InvalidDBInstanceState', times: 3 });
  assert.equal((await run.run('rds-snapshot', { source: 'ledger' })).status, 'SUCCEEDED');
  assert.equal(rds.requests.filter((request) => request.endsWith(' CreateDBSnapshot')).length, 4);
});

const refused: [
  what: string,
  plant: (scene: Awaited<ReturnType<typeof managedScene>>) => void,
  error: string,
  cause: RegExp,
][] = [
  [
    'the database is gone',
    ({ regions }) => regions.remove(home, 'instance', 'ledger-db'),
    'Rds.DbInstanceNotFoundException',
    /./,
  ],
  [
    'there are too many snapshots',
    ({ regions }) => Object.assign(regions, { snapshotQuota: 0 }),
    'Rds.SnapshotQuotaExceededException',
    /./,
  ],
  [
    'the role may not',
    ({ rds }) => rds.faults.push({ action: 'CreateDBSnapshot', status: 403, code: 'AccessDenied', times: 99 }),
    'Rds.RdsException',
    /AccessDenied/,
  ],
  [
    'the copy may not use its key',
    ({ rds }) => rds.faults.push({ action: 'CopyDBSnapshot', status: 400, code: 'KMSKeyNotAccessibleFault' }),
    'ServerUnsuitable',
    /^the snapshot lifeboat-ledger-run-1 is there, its copy in eu-west-1 is not: .*KMSKeyNotAccessibleFault.*\nHINT: .*copyTo\.kmsKey/s,
  ],
];
for (const [what, plant, error, cause] of refused) {
  test(`where ${what}, it fails truthfully, with evidence and a notice`, async () => {
    const made = await scene();
    plant(made);
    const end = await made.run.run('rds-snapshot', { source: 'ledger' });
    assert.deepEqual([end.status, end.error], ['FAILED', error]);
    assert.match(end.cause!, cause);
    assert.deepEqual(
      made.run.notices.map(({ occasion, dedupe }) => [occasion, dedupe]),
      [['failure', 'snapshot ledger']],
    );
    assert.deepEqual(
      made.run.evidence.map(({ outcome }) => outcome),
      ['failed'],
    );
  });
}

test('a snapshot that RDS gives up is none', async () => {
  const { run, regions } = await scene();
  regions.looks = Number.POSITIVE_INFINITY;
  const ends = run.run('rds-snapshot', { source: 'books' });
  while (regions.snapshots(home, 'cluster').length === 0) await new Promise((done) => setTimeout(done, 5));
  regions.snapshots(home, 'cluster')[0]!.status = 'failed';
  const end = await ends;
  assert.equal(end.error, 'SnapshotFailed');
  assert.match(end.cause!, /is failed after .* looks\nHINT: .*--source-identifier books-cluster$/s);
});

const wrong: [input: unknown, message: RegExp][] = [
  [{}, /^source: nothing is not allowed: expected one of the plan's databases in RDS: ledger, books/],
  [{ source: 'main' }, /HINT: main is a PostgreSQL cluster/],
  [{ source: 'ledgr' }, /HINT: did you mean "ledger"\?/],
  [{ source: 'ledger', time: 'x' }, /^time: .* only the fields source, requestedBy, scheduledTime/],
];
for (const [input, message] of wrong) {
  test(`input ${JSON.stringify(input)} is refused by name, before RDS is asked`, async () => {
    const { run, rds } = await scene();
    const end = await run.run('rds-snapshot', input as never);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([rds.requests, run.notices.length], [[], 1]);
  });
}
