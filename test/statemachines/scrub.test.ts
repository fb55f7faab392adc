import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { recordProof } from '#catalog/proofs';
import { readBackTimes, readStanding } from '#catalog/standing';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { StatesError } from '#local/integration';
import { finds, type Script } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(backups: number, script: Script = finds(), more: Partial<MachineRunOptions> = {}) {
  const source = await StoredSource.create();
  const [main] = source.plan.sources;
  // with each time all of them, unless a test says otherwise
  Object.assign(main!.schedules, { scrub: 'rate(30 days)' });
  const manifests = [];
  for (let taken = 0; taken < backups; taken++) {
    manifests.push(await source.backup());
    source.pass(24 * 60);
  }
  const run = new MachineRun({ tasks: { 'verify-part': (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const states = async () => (await readStanding(source.store, 'main')).backups.map(({ state }) => state);
  const read = () => [...new Set(run.tasks.map(({ input }) => input.backup))];
  return { source, run, backups: manifests.map(({ backup }) => backup), states, read };
}

test('every backup of the share is verified, one after the other, and no drill is started', async () => {
  const { run, backups, states, read } = await scene(3);
  const end = await run.run('scrub', { source: 'main', scheduledTime: '2026-11-20T06:00:00Z' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(read(), backups);
  assert.deepEqual(await states(), ['verified', 'verified', 'verified']);
  assert.deepEqual(
    end.output,
    backups.map((backup) => ({ backup, ok: true })),
  );
  const started = run.started as { StateMachineArn: string; Input: object }[];
  assert.deepEqual(
    started.map(({ StateMachineArn, Input }) => [StateMachineArn, Input]),
    backups.map((backup) => ['VerifyStateMachineArn', { source: 'main', backup, drill: false, requestedBy: 'scrub' }]),
  );
  const told = '3 of 3 stored backups of main were read back once more';
  assert.deepEqual(
    run.notices.map(({ machine, occasion, what }) => [machine, occasion, what]),
    [['scrub', 'success', told]],
  );
  const own = run.evidence.filter(({ id }) => /scrubbed$/.test(id as string));
  assert.deepEqual(
    own.map(({ who, what, outcome }) => [who, what, outcome]),
    [['schedule', told, 'succeeded']],
  );
});

test('each time has another share, the longest unread first, until all were read', async () => {
  const { run, source, backups, read } = await scene(4);
  Object.assign(source.plan.sources[0]!.schedules, { scrub: 'rate(15 days)' });
  await run.run('scrub', {}, 'first');
  assert.deepEqual(read(), backups.slice(0, 2));
  await run.run('scrub', {}, 'second');
  assert.deepEqual(read(), backups);
  run.tasks.length = 0;
  await run.run('scrub', {}, 'third');
  assert.deepEqual(read(), backups.slice(0, 2));
  assert.equal((await readBackTimes(source.store, 'main')).size, 4);
});

test('what a drill has read lately has time', async () => {
  const { run, source, backups, read } = await scene(2);
  Object.assign(source.plan.sources[0]!.schedules, { scrub: 'rate(15 days)' });
  await recordProof(source.store, {
    ...{ format: 'lifeboat-proof/1', source: 'main', backup: backups[0]!, chain: [backups[0]!], target: 'its end' },
    ...{ verdict: 'proven', ok: true, reached: null, checks: [], rawBytes: 1, walBytes: 1, failure: null },
    durationsMs: { files: 1, replay: 1, checks: 1 },
    execution: 'x',
    startedAt: source.now.toISOString(),
    finishedAt: source.now.toISOString(),
  });
  source.pass(24 * 60);
  await run.run('scrub', {});
  assert.deepEqual(read(), [backups[1]]);
});

test('it does the same when each function is invoked twice', async () => {
  const { run, backups } = await scene(2, finds(), { twice: true });
  assert.deepEqual(
    (await run.run('scrub', {})).output,
    backups.map((backup) => ({ backup, ok: true })),
  );
  assert.deepEqual([run.started.length, run.notices.length], [2, 1]);
});

test('a broken backup stops no other, and is named', async () => {
  const { run, backups, states } = await scene(3, (task, source) =>
    finds(task.input.backup === second ? ['its SHA-256 is another one'] : [])(task, source),
  );
  const second = backups[1];
  const end = await run.run('scrub', { source: 'main', requestedBy: 'ada' });
  assert.equal(end.error, 'BackupDamaged');
  assert.equal(
    end.cause,
    `backup ${second} is broken: backup ${second} of main is damaged:\nits SHA-256 is another one\nHINT: take a new full backup now: \`lifeboat backup --source main\``,
  );
  assert.deepEqual(await states(), ['verified', 'broken', 'verified']);
  const failures = run.notices.filter(({ occasion }) => occasion === 'failure');
  assert.deepEqual(
    failures.map(({ machine, dedupe }) => [machine, dedupe]),
    [
      ['verify', null],
      ['scrub', 'scrub main'],
    ],
  );
  const own = run.evidence.find(({ id }) => /not scrubbed$/.test(id as string));
  assert.deepEqual([own?.who, own?.outcome], ['ada', 'failed']);
});

test('one that could not be read is told apart from one that is broken', async () => {
  const { run, backups, states } = await scene(2, (task, source) =>
    task.input.backup === first
      ? task.fail({ name: 'KeyUnusable', message: 'no key', verdict: 'operator' })
      : finds()(task, source),
  );
  const first = backups[0];
  const end = await run.run('scrub', {});
  assert.equal(end.error, 'ScrubIncomplete');
  assert.match(end.cause!, new RegExp(`^backup ${first} could not be read back: VerifyIncomplete: .*no key`, 's'));
  assert.match(end.cause!, /HINT: this says nothing about these backups/);
  assert.deepEqual(await states(), ['committed', 'verified']);
});

test('a verification that cannot be started is a failure, too, after tries', async () => {
  let refused = 0;
  const { run } = await scene(1, finds(), {
    refuse: ({ resource }) => {
      if (resource !== 'states:startExecution' || refused++ > 0) return undefined;
      return new StatesError('StepFunctions.ThrottlingException', 'Rate exceeded');
    },
  });
  assert.equal((await run.run('scrub', {})).status, 'SUCCEEDED');
  assert.equal(refused, 2);
  const other = await scene(1, finds(), {
    refuse: ({ resource }) =>
      resource === 'states:startExecution'
        ? new StatesError('StepFunctions.AccessDeniedException', 'no right')
        : undefined,
  });
  const end = await other.run.run('scrub', {});
  assert.equal(end.error, 'ScrubIncomplete');
  assert.match(end.cause!, /could not be read back: StepFunctions\.AccessDeniedException: no right/);
});

test('a verification that ran out of time says so', async () => {
  const cause = JSON.stringify({ ExecutionArn: 'arn', Status: 'TIMED_OUT' });
  const { run } = await scene(1, finds(), {
    refuse: ({ resource }) =>
      resource === 'states:startExecution' ? new StatesError('States.TaskFailed', cause) : undefined,
  });
  const end = await run.run('scrub', {});
  assert.match(end.cause!, /could not be read back: States\.TaskFailed: its verification ended as TIMED_OUT/);
});

test('a source without backups has nothing to read, which is no failure', async () => {
  const { run } = await scene(0);
  const end = await run.run('scrub', { source: 'main' });
  assert.deepEqual([end.status, end.output], ['SUCCEEDED', []]);
});

const wrongInputs: [input: unknown, message: RegExp][] = [
  [{ source: 'mian' }, /HINT: did you mean "main"\?$/],
  [{ backup: 'x' }, /^backup: "x" is not allowed: expected only the fields source, requestedBy, scheduledTime/],
  [{ scheduledTime: 'x' }, /^scheduledTime: "x" is not allowed/],
];
for (const [input, message] of wrongInputs) {
  test(`input ${JSON.stringify(input)} is refused by name, and told`, async () => {
    const { run } = await scene(0);
    const end = await run.run('scrub', input as never);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
  });
}
