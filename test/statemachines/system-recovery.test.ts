import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions, type PersonsAnswer } from '#harness/machine-run';
import { StoredSystem, type StoredSystemOptions } from '#harness/stored-system';
import { StatesError } from '#local/integration';
import { restores, type Script } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

interface SceneOptions extends Partial<MachineRunOptions>, StoredSystemOptions {
  script?: Script;
  /** what happens before the answer, and the answer */
  whileAsked?: (stored: StoredSystem) => Promise<PersonsAnswer>;
}

const yes = (): PersonsAnswer => ({ decision: 'approve', by: 'grace', reason: 'the region is gone' });
/** book has to be there before main */
const two = [{ source: 'main', after: ['book'] }, { source: 'book' }];

async function scene({
  script = restores,
  whileAsked,
  sources = two,
  system = {},
  more = '',
  ...options
}: SceneOptions = {}) {
  const stored = await StoredSystem.create({ sources, system, more });
  const { source } = stored;
  const run = new MachineRun({
    tasks: {
      restore: async (task) => {
        seen.push([String(task.input.source), ...stored.values]);
        source.pass(10);
        await script(task, source);
      },
    },
    answer: () => whileAsked?.(stored) ?? yes(),
    ...options,
    source,
  });
  const seen: string[][] = [];
  cleanups.push(
    () => run.remove(),
    () => stored.remove(),
  );
  return { stored, source, run, seen };
}

const input = { system: 'shop', requestedBy: 'ada' };
const before = ['1', '2', 'old:5432'];

test('one yes brings back all sources in their order, between the stop and the start of the applications', async () => {
  let asked: Record<string, unknown> = {};
  const { run, stored, seen } = await scene({
    answer(question) {
      asked = question;
      return yes();
    },
  });
  const end = await run.run('system-recovery', { ...input, reason: 'drill of the whole' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(seen, [
    ['book', '0', '0', 'old:5432'],
    ['main', '0', '0', 'old:5432'],
  ]);
  assert.deepEqual(stored.values, ['1', '3', 'restored:5433']);
  const shown = String(asked.plan);
  assert.match(shown, /^system recovery plan [0-9a-f]{12} for shop\n {2}target {7}the latest point of each source\n/);
  assert.match(shown, /\n {2}restores {5}book from \S+-full, then main from \S+-full\n/);
  assert.match(shown, /\n {2}stops {8}file \S+\/web \(to 0\), file \S+\/jobs \(to 0\)\n/);
  assert.match(
    shown,
    /\n {2}1 {2}book\n {5}to \S+\/book, then not started\n {5}stops at lsn .*; left out: 40 B of WAL/,
  );
  assert.match(shown, /\n {2}2 {2}main, after book\n/);
  assert.match(shown, /no drill has measured it/);
  assert.match(shown, /\n {2}sets {9}file \S+\/address = restored:5433\n/);
  assert.match(shown, /\n {2}because {6}drill of the whole$/);
  assert.deepEqual(asked.sources, ['book', 'main']);

  const [book, main, whole] = run.evidence as unknown as [Deed, Deed, Deed];
  assert.equal(run.evidence.length, 3);
  assert.deepEqual([book.source, main.source, whole.source], ['book', 'main', null]);
  for (const { who, outcome, approval } of [book, main, whole])
    assert.deepEqual([who, outcome, approval.by], ['ada', 'succeeded', 'grace']);
  assert.equal(whole.planHash, asked.planHash);
  assert.equal(book.startedAt, main.startedAt, 'both were away since the first stop');
  const minutes = ({ startedAt, when }: Deed) => Math.floor((Date.parse(when) - Date.parse(startedAt)) / 60_000);
  assert.ok(minutes(book) >= 10 && minutes(book) < minutes(main), 'each has its own time');
  assert.ok(minutes(whole) >= 20);
  assert.match(
    whole.details.verification,
    /^health checks: 0 of 0; away for [\d.]+ s, of that until it was there: book /,
  );

  const notice = run.notices.at(-1)!;
  assert.deepEqual([notice.machine, notice.occasion], ['system-recovery', 'success']);
  const lines = String(notice.what).split('\n');
  assert.equal(lines[0], 'SOURCE | AWAY FOR | RESTORE ALONE | ESTIMATED | REACHED');
  assert.match(
    lines[1]!,
    /^book \| [\d.]+ s \| [\d.]+ s \| [\d.]+ s \| 0\/300100, last transaction .*, in \S+, not started$/,
  );
  const { sources, rtoMs } = end.output as { sources: { source: string; rtoMs: number }[]; rtoMs: number };
  assert.deepEqual(
    sources.map(({ source }) => source),
    ['book', 'main'],
  );
  assert.ok(sources.every((one) => one.rtoMs > 0 && one.rtoMs <= rtoMs));
});

interface Deed {
  who: string;
  source: string | null;
  outcome: string;
  what: string;
  planHash: string;
  startedAt: string;
  when: string;
  approval: { by: string };
  details: { to: string; verification: string };
}

test('the same instant is asked of every source, and is what each restores to', async () => {
  const { run, source } = await scene();
  const time = new Date(source.now.getTime() - 30_000).toISOString();
  const end = await run.run('system-recovery', { ...input, time });
  assert.equal(end.status, 'SUCCEEDED', end.cause);
  const targets = run.tasks.map(
    ({ input: given }) => (given.request as { target: { time?: string; lsn?: string } }).target,
  );
  assert.equal(targets.length, 2);
  assert.deepEqual(targets[0]!.time, targets[1]!.time);
  assert.ok(targets[0]!.time, JSON.stringify(targets));
});

test('an instant that one source cannot reach is refused for all, before anything is touched, with what it can reach', async () => {
  const { run, stored } = await scene();
  const end = await run.run('system-recovery', { ...input, time: '2020-01-01 00:00:00Z' });
  assert.equal(end.error, 'TargetUnreachable');
  assert.match(
    end.cause!,
    /^the system shop cannot be recovered so: book cannot be restored to .*; main cannot be restored/,
  );
  assert.match(end.cause!, /\nHINT: book: what can be restored: .*\nmain: what can be restored: /s);
  assert.deepEqual([run.calls.includes('ask-approval'), run.tasks.length, stored.values], [false, 0, before]);
});

test('an application that could not be changed is said before anybody is asked', async () => {
  const { run } = await scene({ system: { applications: [{ kind: 'file', path: '/nowhere/at/all', active: 1 }] } });
  const end = await run.run('system-recovery', input);
  assert.equal(end.error, 'ServerUnsuitable');
  assert.match(end.cause!, /^shop could not be recovered: file \/nowhere\/at\/all: /);
  assert.equal(run.calls.includes('ask-approval'), false);
});

test('where one restore fails everything is as before, and what was restored is named', async () => {
  const { run, stored } = await scene({
    // what was remembered first stands
    twice: true,
    script: (task, source) =>
      task.input.source === 'main'
        ? task.fail({ name: 'StoreUnavailable', message: 'no answer', hint: 'look at the bucket', verdict: 'retry' })
        : restores(task, source),
  });
  const end = await run.run('system-recovery', input);
  assert.equal(end.error, 'SystemRecoveryFailed', end.cause);
  assert.match(
    end.cause!,
    /^StoreUnavailable: main: no answer; applications and settings are as they were before; restored, and left for a look: book in \S+\nHINT: look at the bucket$/,
  );
  assert.deepEqual(stored.values, before);
  assert.deepEqual(
    run.evidence.map(({ source, outcome }) => [source, outcome]),
    [
      ['book', 'succeeded'],
      [null, 'failed'],
    ],
  );
  assert.equal(run.notices.at(-1)!.occasion, 'failure');
});

test('a task that was killed undoes everything, too, and holds nothing afterwards', async () => {
  const { run, stored, source } = await scene({
    script() {
      throw ecsFailure({ ExitCode: 137 });
    },
  });
  const end = await run.run('system-recovery', input);
  assert.deepEqual([end.error, stored.values], ['SystemRecoveryFailed', before]);
  assert.match(end.cause!, /TaskKilled: book: .*nothing was restored to its end/);
  const again = new MachineRun({ source, tasks: { restore: (task) => restores(task, source) }, answer: yes });
  cleanups.push(() => again.remove());
  assert.equal((await again.run('system-recovery', input, 'run-2')).status, 'SUCCEEDED');
});

test('health that never comes stops it with what was found, and nothing is undone', async () => {
  const health = [{ kind: 'http', url: 'http://127.0.0.1:9/', name: 'the shop answers' }];
  const { run, stored } = await scene({ system: { health, healthyWithin: '1m' } });
  const end = await run.run('system-recovery', input);
  assert.equal(end.error, 'SystemRecoveryStopped');
  assert.match(
    end.cause!,
    /^NotHealthy: not healthy within 60 s: the shop answers: .*; nothing is undone by itself any more; restored/,
  );
  assert.deepEqual(stored.values, ['1', '3', 'restored:5433']);
  assert.deepEqual(run.evidence.at(-1)!.outcome, 'failed');
});

test('a plan or a system that is another one by the time of the yes is not carried out', async () => {
  const lost = await scene({
    whileAsked: async ({ source }) => {
      await source.loseWal();
      return yes();
    },
  });
  const end = await lost.run.run('system-recovery', input);
  assert.equal(end.error, 'PlanChanged', end.cause);
  assert.deepEqual([lost.run.tasks.length, lost.stored.values], [0, before]);
  const edited = await scene({
    whileAsked: async ({ source }) => {
      source.plan.systems[0]!.settings[0]!.value = 'elsewhere';
      return yes();
    },
  });
  const other = await edited.run.run('system-recovery', input);
  assert.equal(other.error, 'PlanChanged');
  assert.match(other.cause!, /^the system shop in the plan is not the one that was approved/);
});

test('what was approved stays approved while WAL and backups keep arriving', async () => {
  const { run } = await scene({
    whileAsked: async (stored) => {
      await stored.source.commit();
      await stored.source.backup();
      await stored.share(['book']);
      return yes();
    },
  });
  const end = await run.run('system-recovery', input);
  assert.equal(end.status, 'SUCCEEDED', end.cause);
});

test('a second recovery of the same sources waits for nobody and touches nothing', async () => {
  const other = Promise.withResolvers<void>();
  let inner: MachineRun | undefined;
  const { run, stored } = await scene({
    script: async (task, source) => {
      if (!inner) {
        inner = new MachineRun({ source, tasks: {}, answer: yes });
        cleanups.push(() => inner!.remove());
        const end = await inner.run('system-recovery', input, 'run-2');
        assert.equal(end.error, 'LeaseHeld', end.cause);
        other.resolve();
        assert.deepEqual(stored.values, ['0', '0', 'old:5432']);
      }
      await restores(task, source);
    },
  });
  const end = await run.run('system-recovery', input);
  assert.equal(end.status, 'SUCCEEDED', end.cause);
  await other.promise;
});

test('a no, and nobody’s answer, touch nothing and are recorded', async () => {
  const no = await scene({ answer: () => ({ decision: 'reject', by: 'grace', reason: 'not now' }) });
  const end = await no.run.run('system-recovery', input);
  assert.equal(end.error, 'SystemRecoveryRejected');
  assert.equal(end.cause, 'the recovery of shop was rejected by grace: not now; nothing was touched');
  assert.deepEqual([no.run.evidence[0]!.outcome, no.stored.values], ['rejected', before]);
  const { source } = await scene();
  const silent = new MachineRun({ source, tasks: {} });
  cleanups.push(() => silent.remove());
  assert.equal((await silent.run('system-recovery', input)).error, 'ApprovalExpired');
  assert.equal(silent.evidence[0]!.outcome, 'expired');
});

test('as many people as the plan asks for this machine say yes', async () => {
  const more =
    'approvers: [{ name: ada }, { name: grace }, { name: edsger }]\napprovals: { system-recovery: { required: 2 } }\n';
  const { run } = await scene({ more });
  const ended = run.run('system-recovery', input);
  while (run.notices.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(run.tasks.length, 0);
  await run.answer({ decision: 'approve', by: 'edsger', reason: 'seen' });
  assert.equal((await ended).status, 'SUCCEEDED');
  assert.equal(run.tasks[0]!.input.approvedBy, 'grace, edsger');
});

const waits = (state: string, times: number): Pick<MachineRunOptions, 'refuse'> => {
  let calls = 0;
  return {
    refuse: (call) => {
      if (call.state !== state || calls++ >= times) return undefined;
      return { answer: { Payload: { settled: false, moved: [], waitsFor: 'ecs shop/web' } } };
    },
  };
};

test('what takes its time is waited for, and what never comes is not', async () => {
  const patient = await scene(waits('Stop the applications', 3));
  assert.equal((await patient.run.run('system-recovery', input)).status, 'SUCCEEDED');
  const never = await scene(waits('Stop the applications', 1_000));
  const end = await never.run.run('system-recovery', input);
  assert.equal(end.error, 'SystemRecoveryFailed');
  assert.match(
    end.cause!,
    /^TrafficNotMoved: after half an hour it still runs: ecs shop\/web; applications and settings are as/,
  );
  assert.deepEqual([never.run.tasks.length, never.stored.values], [0, before]);
});

test('an application that does not start stops it: from there on nothing is undone', async () => {
  const { run, stored } = await scene(waits('Start the applications', 1_000));
  const end = await run.run('system-recovery', input);
  assert.equal(end.error, 'SystemRecoveryStopped');
  assert.match(end.cause!, /it does not run: ecs shop\/web; nothing is undone by itself any more; restored, and left/);
  assert.deepEqual(stored.values, ['0', '0', 'restored:5433']);
  assert.equal(run.calls.includes('undo-system-recovery'), false);
});

test('where not all of it could be put back, the end says so', async () => {
  const { run } = await scene({
    script(task) {
      return task.fail({ name: 'RestoreFailed', message: 'no room' });
    },
    refuse: ({ state }) => (state === 'Undo' ? new StatesError('StoreRefused', 'no right') : undefined),
  });
  const end = await run.run('system-recovery', input);
  assert.equal(end.error, 'SystemRecoveryStopped');
  assert.match(
    end.cause!,
    /^RestoreFailed: book: no room; and it could not all be undone: StoreRefused: no right; nothing was/,
  );
});

test('every function may be invoked twice', async () => {
  const { run, stored } = await scene({ twice: true });
  const end = await run.run('system-recovery', input);
  assert.equal(end.status, 'SUCCEEDED', end.cause);
  assert.deepEqual(stored.values, ['1', '3', 'restored:5433']);
});

for (const given of [{ system: 'shoop' }, { ...input, tim: 'x' }, { ...input, time: '2026-11-20' }, 'shop']) {
  test(`input ${JSON.stringify(given)} is refused before anybody is asked, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('system-recovery', given as never);
    assert.equal(end.error, 'InputInvalid', end.cause);
    assert.deepEqual([run.calls.includes('ask-approval'), run.tasks.length, run.notices.length], [false, 0, 1]);
  });
}
