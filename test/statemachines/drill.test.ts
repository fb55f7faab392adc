import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { readStanding } from '#catalog/standing';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { formatLsn } from '#model/lsn';
import { type Script, shows } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(script: Script = shows(), more: Partial<MachineRunOptions> = {}) {
  const source = await StoredSource.create();
  const manifest = await source.backup();
  const last = await source.commit();
  const run = new MachineRun({ tasks: { drill: (task) => script(task, source) }, ...more, source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { source, run, manifest, last, standing: async () => (await readStanding(source.store, 'main')).backups[0]! };
}

test('the newest point is restored, and its backup is proven', async () => {
  const { run, manifest, last, standing } = await scene();
  const end = await run.run('drill', { requestedBy: 'ada' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  const { backup } = manifest;
  assert.deepEqual(
    run.tasks.map(({ input }) => input),
    [
      {
        source: 'main',
        target: { lsn: formatLsn(last.lsn), action: 'promote', timeline: '1', backup },
        backup,
        requestedBy: 'ada',
      },
    ],
  );
  assert.equal((await standing()).state, 'proven');
  assert.deepEqual(
    run.notices.map(({ occasion, title }) => `${occasion}: ${title}`),
    [`success: backup ${backup} of main is proven`],
  );
  assert.deepEqual(
    run.evidence.map(({ who, outcome }) => [who, outcome]),
    [['ada', 'succeeded']],
  );
});

test('a given backup is restored to its own end', async () => {
  const { run, source, manifest } = await scene();
  await source.backup();
  await run.run('drill', { source: 'main', backup: manifest.backup });
  assert.deepEqual(run.tasks[0]!.input.target, { immediate: true, backup: manifest.backup });
});

test('a random instant is the same for the same execution, and mostly another for another', async () => {
  const { run, source } = await scene();
  for (let more = 0; more < 5; more++) await source.commit();
  const targets: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    await run.run('drill', { target: 'random' }, name);
    targets.push(JSON.stringify(run.tasks.at(-1)!.input.target));
  }
  assert.ok(new Set(targets).size > 1);
  const again = new MachineRun({ source, tasks: { drill: (task) => shows()(task, source) } });
  cleanups.push(() => again.remove());
  await again.run('drill', { target: 'random' }, 'a');
  assert.equal(JSON.stringify(again.tasks[0]!.input.target), targets[0]);
});

test('a backup that cannot be restored is broken, told and a failure', async () => {
  const failure = { name: 'WalBroken', message: 'segment 3 is missing' };
  const { run, manifest, standing } = await scene(
    shows({ ok: false, verdict: 'broken', failure, reached: null, checks: [] }),
  );
  const end = await run.run('drill', {});
  assert.equal(end.error, 'BackupBroken');
  assert.match(end.cause!, /is BROKEN\nWalBroken: segment 3 is missing\n/);
  assert.equal((await standing()).state, 'broken');
  assert.equal(run.notices[0]!.title, 'the drill of main failed: BackupBroken');
  assert.equal(run.notices[0]!.todo, 'take a new full backup now: `lifeboat backup --source main`');
  assert.match(String(run.evidence[0]!.what), new RegExp(manifest.backup));
});

test('a check that is answered wrongly is a broken backup', async () => {
  const checks = [{ check: 'rows', ok: false, detail: '5, expected 6', durationMs: 1 }];
  const { run } = await scene(shows({ ok: false, verdict: 'broken', checks }));
  const end = await run.run('drill', {});
  assert.match(end.cause!, /rows: 5, expected 6/);
});

test('a drill that cannot be carried out is cleaned up after, recorded as tried, and says nothing about the backup', async () => {
  const { run, standing } = await scene((task) =>
    task.input.clean
      ? task.leave({ removed: ['x'] })
      : task.fail({ name: 'RestoreFailed', message: 'disk is full', hint: 'free some', verdict: 'operator' }),
  );
  const end = await run.run('drill', {});
  assert.equal(end.error, 'DrillFailed');
  assert.equal(end.cause, 'RestoreFailed: disk is full\nHINT: free some');
  assert.deepEqual(
    run.tasks.map(({ input }) => input.clean ?? false),
    [false, true],
  );
  assert.deepEqual(run.tasks[1]!.input, { source: 'main', clean: true });
  assert.equal((await standing()).state, 'committed');
  assert.equal((await standing()).tried?.why, 'disk is full');
  assert.equal(run.notices.length, 1);
});

test('what may go well later is tried again; cleaning up that fails hides nothing', async () => {
  const { run } = await scene(() => {
    throw ecsFailure({ ExitCode: 137 });
  });
  const end = await run.run('drill', {});
  assert.equal(end.error, 'DrillFailed');
  assert.match(end.cause!, /^TaskKilled: the task was killed/);
  assert.deepEqual(
    run.tasks.map(({ input }) => input.clean ?? false),
    [false, false, false, true],
  );
});

test('a task that ends well and leaves no result has proven nothing', async () => {
  const { run, standing } = await scene(async () => undefined);
  const end = await run.run('drill', {});
  assert.equal(end.error, 'DrillFailed');
  assert.match(end.cause!, /^ResultMissing: /);
  assert.equal((await standing()).state, 'committed');
});

test('without a backup there is nothing to drill', async () => {
  const source = await StoredSource.create();
  const run = new MachineRun({ source });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  const end = await run.run('drill', {});
  assert.match(end.cause!, /^source: "main" is not allowed: expected one with a committed backup/);
});

test('a backup whose WAL is gone is drilled all the same: that is what a drill is for', async () => {
  const { run, source, manifest } = await scene();
  await source.loseWal();
  await run.run('drill', {});
  assert.deepEqual(run.tasks[0]!.input.target, { immediate: true, backup: manifest.backup });
});

const wrongInputs: [input: unknown, message: RegExp][] = [
  [
    { target: 'newst' },
    /^target: "newst" is not allowed: expected one of newest, random\nHINT: did you mean "newest"\?$/,
  ],
  [
    { target: 'random', backup: '20261120T051345123Z-full' },
    /^target: "random" is not allowed: expected nothing beside a backup/,
  ],
  [{ backup: 'x' }, /^backup: "x" is not allowed/],
  [{ backup: '20261120T051345123Z-full' }, /^backup: .* expected a committed backup of main/],
  [{ source: 'mian' }, /did you mean "main"/],
  [{ requestedBy: true }, /^requestedBy: true/],
  [{ scheduledTime: 'x' }, /^scheduledTime: "x"/],
  [
    { what: 1 },
    /^what: 1 is not allowed: expected only the fields source, backup, target, requestedBy, scheduledTime$/,
  ],
  ['x', /^input: "x"/],
];
for (const [input, message] of wrongInputs) {
  test(`input ${JSON.stringify(input)} is refused by name, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('drill', input as never);
    assert.equal(end.error, 'InputInvalid');
    assert.match(end.cause!, message);
    assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
  });
}
