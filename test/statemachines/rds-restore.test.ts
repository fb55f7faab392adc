import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MachineRun, type MachineRunOptions, type PersonsAnswer } from '#harness/machine-run';
import { home, type ManagedScene, managedScene } from '#harness/managed-scene';
import { StatesError } from '#local/integration';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

type Options = Partial<Omit<MachineRunOptions, 'answer'>> & {
  answer?: (scene: ManagedScene, question: Record<string, unknown>) => PersonsAnswer | Promise<PersonsAnswer>;
};

async function scene({ answer, ...options }: Options = {}) {
  const managed = await managedScene();
  const yes = (): PersonsAnswer => ({ decision: 'approve', by: 'grace' });
  const run = new MachineRun({
    answer: (question) => answer?.(managed, question) ?? yes(),
    ...options,
    source: managed.source,
  });
  cleanups.push(
    () => run.remove(),
    () => managed.remove(),
  );
  return { ...managed, run };
}

const seconds = (at: Date): string => at.toISOString().replace(/\.\d+/, '');
const changes = ({ rds }: ManagedScene) => rds.requests.filter((request) => !/ Describe/.test(request));

test('an approved instant becomes a new instance, private and in the same subnets, recorded with its approval', async () => {
  let asked = '';
  const made = await scene({
    answer: (_, question) => {
      asked = String(question.plan);
      return { decision: 'approve', by: 'grace', reason: 'orders are lost' };
    },
  });
  const { run, regions } = made;
  const latest = regions.database(home, 'instance', 'ledger-db')!.latest!;
  const input = { source: 'ledger', to: 'ledger-back', latest: true, requestedBy: 'ada', reason: 'a bad deploy' };
  const end = await run.run('rds-restore', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const twin = regions.database(home, 'instance', 'ledger-back')!;
  assert.deepEqual([twin.status, twin.publiclyAccessible, twin.subnetGroup], ['available', false, 'private']);
  assert.deepEqual(end.output, {
    ...{ source: 'ledger', to: 'ledger-back', point: seconds(latest), engineVersion: '16.4' },
    arn: `arn:aws:rds:${home}:111122223333:db:ledger-back`,
  });
  assert.match(asked, new RegExp(`to {11}${seconds(latest)}\n.*ledger-back, a new instance; ledger-db is not touched`));
  assert.match(asked, /because {6}a bad deploy$/);
  const [evidence] = run.evidence;
  assert.equal(evidence?.what, `restored ledger to ${seconds(latest)} as ledger-back`);
  assert.partialDeepStrictEqual(evidence?.approval, { decision: 'approve', by: 'grace', reason: 'orders are lost' });
  assert.deepEqual(run.notices.map(({ machine, occasion }) => [machine, occasion]).at(-1), ['rds-restore', 'success']);
  assert.equal(changes(made).length, 1);
});

test('a cluster is restored with an instance of its own, of the class and in the groups that were asked for', async () => {
  const made = await scene();
  const network = { securityGroups: ['sg-0a', 'sg-0b'], subnetGroup: 'others' };
  const input = { source: 'books', to: 'books-back', instanceClass: 'db.r6g.xlarge', ...network };
  const end = await made.run.run('rds-restore', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const cluster = made.regions.database(home, 'cluster', 'books-back')!;
  assert.deepEqual([cluster.subnetGroup, cluster.securityGroups], ['others', ['sg-0a', 'sg-0b']]);
  const instance = made.regions.database(home, 'instance', 'books-back-1')!;
  assert.deepEqual(
    [instance.cluster, instance.instanceClass, instance.publiclyAccessible, instance.status],
    ['books-back', 'db.r6g.xlarge', false, 'available'],
  );
});

for (const [source, kind, more] of [
  ['ledger', 'instance', {}],
  ['books', 'cluster', { instanceClass: 'db.r6g.large' }],
] as const) {
  test(`a snapshot becomes a new ${kind}, also of a database that is gone`, async () => {
    const made = await scene();
    const of = kind === 'instance' ? 'ledger-db' : 'books-cluster';
    made.regions.addSnapshot(home, kind, { id: 'kept', of });
    made.regions.remove(home, kind, of);
    const end = await made.run.run('rds-restore', { source, to: 'back', snapshot: 'kept', ...more });
    assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
    assert.equal(made.regions.database(home, kind, 'back')?.status, 'available');
  });
}

const unreachable: [what: string, input: object, plant: (scene: ManagedScene) => void, name: string, cause: RegExp][] =
  [
    [
      'an instant that is too early',
      { time: '2020-01-01T00:00:00Z' },
      () => undefined,
      'TargetUnreachable',
      /reachable is from \S+Z to \S+Z\nHINT: name an instant from/,
    ],
    [
      'an instant in the future',
      { time: '2099-01-01 00:00Z' },
      () => undefined,
      'TargetUnreachable',
      /reachable is from/,
    ],
    [
      'an instant of a database without backups',
      { latest: true },
      ({ regions }) => Object.assign(regions.database(home, 'instance', 'ledger-db')!, { latest: undefined }),
      'TargetUnreachable',
      /no automated backups/,
    ],
    [
      'a snapshot that is not there',
      { snapshot: 'nothing' },
      () => undefined,
      'TargetUnreachable',
      /that snapshot is not there/,
    ],
    [
      'a snapshot of another database',
      { snapshot: 'foreign' },
      ({ regions }) => void regions.addSnapshot(home, 'instance', { id: 'foreign', of: 'wages' }),
      'InputInvalid',
      /^snapshot: "foreign" is not allowed: expected one of ledger-db\nHINT: it is of wages$/,
    ],
    [
      'an identifier that is taken',
      { to: 'ledger-db' },
      () => undefined,
      'InputInvalid',
      /^to: "ledger-db" is not allowed/,
    ],
    ['an identifier that is none', { to: 'a--b' }, () => undefined, 'InputInvalid', /^to: "a--b" is not allowed/],
    ['two targets', { snapshot: 'a', latest: true }, () => undefined, 'InputInvalid', /snapshot and latest/],
    ['a month of 31 days that has none', { time: '2026-13-01T00:00:00Z' }, () => undefined, 'InputInvalid', /^time: /],
  ];
for (const [what, input, plant, name, cause] of unreachable) {
  test(`${what} is refused before anybody is asked`, async () => {
    const made = await scene();
    plant(made);
    const end = await made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back', ...input });
    assert.deepEqual([end.status, end.error], ['FAILED', name]);
    assert.match(end.cause!, cause);
    assert.deepEqual([changes(made), made.run.calls.includes('ask-approval')], [[], false]);
  });
}

test('a cluster without a class for its instance is refused', async () => {
  const { run } = await scene();
  const end = await run.run('rds-restore', { source: 'books', to: 'books-back' });
  assert.match(end.cause!, /^instanceClass: nothing is not allowed: expected the class/);
});

test('a no touches nothing', async () => {
  const made = await scene({ answer: () => ({ decision: 'reject', by: 'grace', reason: 'not now' }) });
  const end = await made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back' });
  assert.deepEqual([end.error, changes(made)], ['RestoreRejected', []]);
});

test('what is taken while somebody thinks about it is not written over', async () => {
  const made = await scene({
    answer: ({ regions }) => {
      regions.add(home, 'instance', { id: 'ledger-back' });
      return { decision: 'approve', by: 'grace' };
    },
  });
  const end = await made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back' });
  assert.deepEqual([end.error, changes(made)], ['InputInvalid', []]);
});

test('another subnet group than the approved one is another plan', async () => {
  const made = await scene({
    refuse: ({ state, arguments: given }) => {
      if (state !== 'Look again') return undefined;
      const { Payload } = given as { Payload: { input: Record<string, unknown> } };
      Payload.input.subnetGroup = 'elsewhere';
      return undefined;
    },
  });
  const end = await made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back' });
  assert.deepEqual([end.error, changes(made)], ['PlanChanged', []]);
});

test('what somebody else makes under its name in the last moment is not taken for ours', async () => {
  const made = await scene({
    refuse: ({ state }) => {
      if (state === 'Restore the instance to an instant') made.regions.add(home, 'instance', { id: 'ledger-back' });
      return undefined;
    },
  });
  const end = await made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back' });
  assert.equal(end.error, 'RestoreFailed');
  assert.match(end.cause!, /ledger-back exists, and was not made by this execution/);
});

test('a restore whose answer got lost goes on with what it made', async () => {
  let lost = 0;
  const made = await scene({
    refuse: ({ state }) => {
      if (state !== 'Restore the instance to an instant' || lost++ > 0) return undefined;
      const execution = 'arn:aws:states:local:000000000000:execution:rds-restore:run-1';
      const tags = { 'lifeboat:source': 'ledger', 'lifeboat:execution': execution };
      made.regions.add(home, 'instance', { id: 'ledger-back', tags });
      return new StatesError('Rds.SdkClientException', 'Read timed out');
    },
  });
  assert.equal((await made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back' })).status, 'SUCCEEDED');
});

test('an instance that does not come is told of, and left', async () => {
  const made = await scene();
  made.regions.looks = Number.POSITIVE_INFINITY;
  const ends = made.run.run('rds-restore', { source: 'ledger', to: 'ledger-back' });
  const twin = () => made.regions.database(home, 'instance', 'ledger-back');
  while (!twin()) await new Promise((done) => setTimeout(done, 5));
  twin()!.status = 'incompatible-restore';
  const end = await ends;
  assert.equal(end.error, 'RestoreFailed');
  assert.match(end.cause!, /ledger-back is incompatible-restore after .*\nHINT: .*describe-events/s);
  assert.ok(twin());
});
