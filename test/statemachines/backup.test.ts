import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { readLease } from '#catalog/lease';
import { printLease } from '#catalog/lease-state';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { StatesError } from '#local/integration';
import { backupId } from '#model/backup-id';
import { leaseKey } from '#store/bucket-layout';
import { backupResult, type Script, takes } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(script: Script = takes, more: Partial<MachineRunOptions> = {}, sources = ['main']) {
  const source = await StoredSource.create({ sources });
  const run = new MachineRun({ tasks: { 'base-backup': (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { source, run };
}

const execution = 'arn:aws:states:local:000000000000:execution:backup:run-1';

test('a backup is taken, confirmed, recorded and told of', async () => {
  const { run } = await scene();
  const end = await run.run('backup', { requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const [one] = end.output as { source: string; ok: boolean; backup: string }[];
  assert.deepEqual([one!.source, one!.ok], ['main', true]);
  assert.deepEqual(run.tasks[0]!.input, { source: 'main', kind: 'full', requestedBy: 'ada' });
  assert.equal(run.tasks[0]!.resultKey, 'executions/backup/run-1/base-backup-main.json');
  assert.equal(run.notices.length, 1);
  assert.equal(run.notices[0]!.occasion, 'success');
  assert.equal(run.notices[0]!.title, `backup ${one!.backup} of main is committed`);
  assert.deepEqual(
    run.evidence.map(({ who, outcome, what, source }) => ({ who, outcome, what, source })),
    [{ who: 'ada', outcome: 'succeeded', what: `backup ${one!.backup} of main is committed`, source: 'main' }],
  );
});

test('without a source all of the plan are backed up, and one that fails stops no other', async () => {
  const script: Script = (task, source) =>
    task.input.source === 'orders'
      ? task.fail({
          name: 'AuthenticationFailed',
          message: 'who are you',
          hint: 'give a password',
          verdict: 'operator',
        })
      : takes(task, source);
  const { run } = await scene(script, {}, ['main', 'orders', 'users']);
  const end = await run.run('backup', {});
  assert.equal(end.status, 'FAILED');
  assert.equal(end.error, 'BackupFailed');
  assert.equal(end.cause, 'orders: AuthenticationFailed: who are you');
  assert.deepEqual(run.tasks.map(({ input }) => input.source).sort(), ['main', 'orders', 'users']);
  const told = run.notices.map(({ subject, occasion, todo }) => `${subject} ${occasion} ${todo}`).sort();
  assert.deepEqual(told, ['main success null', 'orders failure give a password', 'users success null']);
  assert.deepEqual(run.evidence.map(({ outcome }) => outcome).sort(), ['failed', 'succeeded', 'succeeded']);
});

test('what may succeed later is tried again, twice and not more', async () => {
  const server: Script = (task) => task.fail({ name: 'ConnectionFailed', message: 'no route', verdict: 'retry' });
  const { run } = await scene(async (task, source) => (task.attempt < 3 ? server(task, source) : takes(task, source)));
  assert.equal((await run.run('backup', {})).status, 'SUCCEEDED');
  assert.equal(run.tasks.length, 3);
  assert.deepEqual(
    run.notices.map(({ occasion }) => occasion),
    ['success'],
  );
  const other = await scene(server);
  const end = await other.run.run('backup', {});
  assert.equal(end.cause, 'main: ConnectionFailed: no route');
  assert.equal(other.run.tasks.length, 3);
  assert.equal(other.run.notices.length, 1);
});

test('a failure that an earlier attempt told of is not taken for that of a later one that was killed', async () => {
  const { run } = await scene((task) => {
    if (task.attempt === 1) return task.fail({ name: 'ConnectionFailed', message: 'no route', verdict: 'retry' });
    throw ecsFailure({ ExitCode: 137, Reason: 'OutOfMemoryError: Container killed due to memory usage' });
  });
  const end = await run.run('backup', {});
  assert.match(end.cause!, /^main: OutOfMemory: the task needed more memory than it has/);
  assert.equal(run.tasks.length, 2);
});

test('a task whose time is over is not begun again, though it says that somebody told it to end', async () => {
  const { run } = await scene(async (task) => {
    await task.fail({ name: 'Aborted', message: 'interrupted by SIGTERM', verdict: 'retry' }).catch(() => undefined);
    throw new StatesError('States.Timeout', '');
  });
  const end = await run.run('backup', {});
  assert.equal(end.cause, 'main: TimedOut: it did not end in the time that it has');
  assert.equal(run.tasks.length, 1);
});

test('a task that ends well and leaves no result has failed', async () => {
  const { run } = await scene(async () => undefined);
  const end = await run.run('backup', {});
  assert.equal(end.error, 'BackupFailed');
  assert.match(end.cause!, /^main: ResultMissing: the base-backup task ended and left no executions\/backup\/run-1\//);
});

test('a result that its manifest contradicts has failed', async () => {
  const { run } = await scene(async (task, source) => {
    const result = backupResult(await source.backup({ execution: task.execution }));
    await task.leave({ ...result, rawBytes: result.rawBytes + 1 });
  });
  assert.match((await run.run('backup', {})).cause!, /^main: BackupIncomplete: .*rawBytes is 3000, expected 3001/);
});

test('a result without a manifest has failed', async () => {
  const { run } = await scene(async (task, source) => {
    const manifest = await source.backup({ execution: task.execution });
    await source.store.delete(`main/backups/${manifest.backup}/manifest.json`);
    await task.leave(backupResult(manifest));
  });
  assert.match((await run.run('backup', {})).cause!, /^main: ObjectMissing: .*manifest.json is gone/);
});

async function hold(source: StoredSource, minutes: number, execution?: string): Promise<void> {
  const state = {
    ...{ holder: 'x', host: 'elsewhere', pid: 7, renewals: 0, released: false, durationMs: 1000 },
    acquiredAt: source.now.toISOString(),
    expiresAt: new Date(source.now.getTime() + minutes * 60_000).toISOString(),
    ...(execution === undefined ? {} : { execution }),
  };
  await source.store.put(leaseKey('main', 'backup'), printLease(state));
}

test('somebody else’s lease is waited for, without a task; and told of when it does not end', async () => {
  const { run, source } = await scene();
  await hold(source, 5);
  assert.equal((await run.run('backup', {})).status, 'SUCCEEDED', 'a lease that is not renewed ends');
  assert.ok(run.calls.filter((name) => name === 'check-lease').length > 5);
  assert.equal(run.tasks.length, 1);
  await hold(source, 60);
  const end = await run.run('backup', {}, 'run-2');
  assert.match(end.cause!, /^main: LeaseHeld: the backup lease of main is held by process 7 on elsewhere/);
  assert.equal(run.tasks.length, 1);
  assert.match(String(run.notices.at(-1)!.what), /somebody else has the backup lease of main, until/);
});

test('after a failure the lease of its own task is given back, and what was begun is named', async () => {
  let left = '';
  const { run, source } = await scene(async (task, source) => {
    await hold(source, 60, task.execution);
    source.pass(1);
    left = backupId(source.now, 'full');
    await source.store.put(`main/backups/${left}/base.tar.000000`, Buffer.from('x'));
    throw ecsFailure({ ExitCode: 1 });
  });
  const end = await run.run('backup', {});
  assert.match(end.cause!, /^main: TaskFailed: the task ended with exit code 1 \(unexpected failure/);
  assert.equal((await readLease(source.store, leaseKey('main', 'backup')))!.state.released, true);
  assert.ok(String(run.notices[0]!.what).includes(`${left} was begun and never counts`));
});

test('a backup that is committed though its task failed is named', async () => {
  const { run } = await scene(async (task, source) => {
    await source.backup({ execution: task.execution });
    throw ecsFailure({ ExitCode: 1 });
  });
  await run.run('backup', {});
  assert.match(String(run.notices[0]!.what), /backup 2026\S+-full is committed all the same/);
});

const wrongInputs: [input: unknown, message: string][] = [
  [
    { sorce: 'main' },
    'sorce: "main" is not allowed: expected only the fields source, sources, type, requestedBy, scheduledTime\nHINT: did you mean "source"?',
  ],
  [
    { source: 'mian' },
    'source: "mian" is not allowed: expected one of the plan\'s sources: main\nHINT: did you mean "main"?',
  ],
  [
    { sources: ['main', 'mian'] },
    'sources: "mian" is not allowed: expected one of the plan\'s sources: main\nHINT: did you mean "main"?',
  ],
  [{ sources: [] }, 'sources: [] is not allowed: expected names of sources in the plan, each once'],
  [
    { sources: ['main', 'main'] },
    'sources: ["main","main"] is not allowed: expected names of sources in the plan, each once',
  ],
  [
    { source: 'main', sources: ['main'] },
    'sources: ["main"] is not allowed: expected nothing beside a source\nHINT: leave out source or sources',
  ],
  [{ source: 7 }, 'source: 7 is not allowed: expected the name of a source in the plan'],
  [
    { type: 'incrementl' },
    'type: "incrementl" is not allowed: expected one of full, incremental\nHINT: did you mean "incremental"?',
  ],
  [{ requestedBy: '' }, 'requestedBy: "" is not allowed: expected the name of who asks for it, at most 200 letters'],
  [{ scheduledTime: 'today' }, 'scheduledTime: "today" is not allowed: expected an instant like 2026-11-20T05:13:45Z'],
  [
    'main',
    'input: "main" is not allowed: expected a map with the fields source, sources, type, requestedBy, scheduledTime',
  ],
  [
    null,
    'input: null is not allowed: expected a map with the fields source, sources, type, requestedBy, scheduledTime',
  ],
  [[], 'input: [] is not allowed: expected a map with the fields source, sources, type, requestedBy, scheduledTime'],
];
for (const [input, message] of wrongInputs) {
  test(`input ${JSON.stringify(input)} is refused by name, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('backup', input as never);
    assert.equal(end.status, 'FAILED');
    assert.equal(end.error, 'InputInvalid');
    assert.equal(end.cause, message);
    assert.equal(run.tasks.length, 0);
    assert.deepEqual(
      run.notices.map(({ occasion, what }) => [occasion, what]),
      [['failure', message.split('\nHINT: ')[0]]],
    );
  });
}

test('people who cannot be told make no backup fail, and none look good that failed', async () => {
  const refuse = ({ resource }: { resource: string }) =>
    resource === 'sns:publish' ? new StatesError('SNS.KmsException', 'no key') : undefined;
  assert.equal((await (await scene(takes, { refuse })).run.run('backup', {})).status, 'SUCCEEDED');
  const failing = await scene(async () => undefined, { refuse });
  assert.equal((await failing.run.run('backup', {})).error, 'BackupFailed');
});

test('a backup that cannot be recorded does not look good', async () => {
  const { run } = await scene(takes, {
    refuse: (_, name) =>
      name === 'record-evidence' ? new StatesError('StoreRefused', '{"errorMessage":"no right"}') : undefined,
  });
  const end = await run.run('backup', {});
  assert.equal(end.cause, 'main: StoreRefused: the backup is committed, but that could not be recorded: no right');
  assert.deepEqual(
    run.notices.map(({ occasion }) => occasion),
    ['failure'],
  );
});

test('what Lambda and ECS fail with now and then is asked again', async () => {
  let refused = 0;
  const { run } = await scene(takes, {
    refuse({ resource }) {
      if (refused++ % 2 === 1) return undefined;
      if (resource === 'lambda:invoke') return new StatesError('Lambda.TooManyRequestsException', 'slow down');
      return resource === 'ecs:runTask' ? new StatesError('ECS.ServerException', 'oh') : undefined;
    },
  });
  assert.equal((await run.run('backup', {})).status, 'SUCCEEDED');
});

test('the whole once more, by another execution’s hands, changes nothing that was done', async () => {
  const { run, source } = await scene();
  const first = await run.run('backup', {});
  const keys: string[] = [];
  for await (const { key } of source.store.list('evidence/')) keys.push(key);
  // another journal: every state runs again, as after a redrive from the beginning
  const again = new MachineRun({ tasks: { 'base-backup': () => assert.fail('twice') }, source });
  cleanups.push(() => again.remove());
  assert.deepEqual((await again.run('backup', {})).output, first.output);
  const after: string[] = [];
  for await (const { key } of source.store.list('evidence/')) after.push(key);
  assert.deepEqual(after, keys);
  assert.equal(again.evidence[0]!.execution, execution);
});

test('a failure after a good backup is news again: both are about the same', async () => {
  const { run } = await scene((task, source) => (run.tasks.length === 1 ? takes(task, source) : task.fail({})));
  await run.run('backup', {}, 'run-1');
  await run.run('backup', {}, 'run-2');
  assert.deepEqual(
    run.notices.map(({ occasion, dedupe }) => [occasion, dedupe]),
    [
      ['success', 'backup main'],
      ['failure', 'backup main'],
    ],
  );
});
