import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ecsFailure } from '#harness/ecs-failure';
import { MachineRun, type MachineRunOptions, type PersonsAnswer } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { formatLsn } from '#model/lsn';
import { restores, type Script } from './scripted-tasks.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

const yes = (): PersonsAnswer => ({ decision: 'approve', by: 'grace' });

interface SceneOptions extends Partial<MachineRunOptions> {
  script?: Script;
  plan?: string;
  /** what happens before the answer, and the answer */
  whileAsked?: (source: StoredSource) => Promise<PersonsAnswer>;
}

async function scene({ script = restores, plan = '', whileAsked, ...options }: SceneOptions = {}) {
  const source = await StoredSource.create({ more: plan });
  const manifest = await source.backup();
  const last = await source.commit();
  const run = new MachineRun({
    tasks: { restore: (task) => script(task, source) },
    answer: () => whileAsked?.(source) ?? yes(),
    ...options,
    source,
  });
  cleanups.push(
    () => run.remove(),
    () => source.remove(),
  );
  return { source, run, manifest, last };
}

const input = { to: '/srv/restored', requestedBy: 'ada' };

test('an approved plan is restored, recorded with its approval, and told of', async () => {
  let asked: Record<string, unknown> = {};
  const { run, manifest, last } = await scene({
    answer(question) {
      asked = question;
      return { decision: 'approve', by: 'grace', reason: 'orders are lost' };
    },
  });
  const end = await run.run('restore', {
    ...input,
    latest: true,
    reason: 'a bad deploy',
    setAside: true,
    settings: { work_mem: 5 },
  });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.equal((end.output as { dataDir: string }).dataDir, '/srv/restored');
  assert.equal(asked.requestedBy, 'ada');
  const shown = String(asked.plan);
  assert.match(shown, /^recovery plan [0-9a-f]{12} for main\n/);
  assert.match(shown, /asked for {4}the latest point\n/);
  assert.match(shown, /to {11}\/srv\/restored\n/);
  assert.match(shown, /what lies there is set aside\n/);
  assert.match(shown, /replays with work_mem=5\n/);
  assert.match(shown, /because {6}a bad deploy$/);
  const target = { lsn: formatLsn(last.lsn), action: 'promote', timeline: '1', backup: manifest.backup };
  assert.deepEqual(run.tasks[0]!.input, {
    source: 'main',
    request: {
      source: 'main',
      target,
      to: '/srv/restored',
      setAside: true,
      tablespaces: {},
      settings: { work_mem: '5' },
    },
    planHash: asked.planHash,
    requestedBy: 'ada',
    approvedBy: 'grace',
  });
  const [record] = run.evidence;
  assert.deepEqual([record!.who, record!.outcome, record!.planHash], ['ada', 'succeeded', asked.planHash]);
  assert.deepEqual(
    { ...(record!.approval as object), at: 0 },
    { decision: 'approve', by: 'grace', at: 0, reason: 'orders are lost' },
  );
  assert.deepEqual(
    run.notices.map(({ occasion }) => occasion),
    ['question', 'success'],
  );
});

test('what was approved stays approved while WAL and backups keep arriving', async () => {
  const answer = async (source: StoredSource) => {
    for (let more = 0; more < 3; more++) {
      await source.commit();
      await source.backup();
    }
    return yes();
  };
  const { run } = await scene({ whileAsked: answer });
  assert.equal((await run.run('restore', input)).status, 'SUCCEEDED');
});

test('a plan that is another one by the time of the yes is not carried out', async () => {
  const answer = async (source: StoredSource) => {
    await source.loseWal();
    return yes();
  };
  const { run } = await scene({ whileAsked: answer });
  const end = await run.run('restore', input);
  assert.equal(end.error, 'PlanChanged');
  assert.match(
    end.cause!,
    /^the plan to restore main is not the one that was approved: main cannot be restored to lsn/,
  );
  assert.match(end.cause!, /\nHINT: nothing was touched: start the restore again/);
  assert.equal(run.tasks.length, 0);
  assert.equal((run.evidence[0]!.approval as { by: string }).by, 'grace', 'the yes is part of the record');
});

test('a no is recorded, told, and final', async () => {
  const { run } = await scene({ answer: () => ({ decision: 'reject', by: 'grace', reason: 'not during the sale' }) });
  const end = await run.run('restore', input);
  assert.equal(end.error, 'RestoreRejected');
  assert.equal(end.cause, 'the restore of main was rejected by grace: not during the sale; nothing was touched');
  assert.deepEqual([run.tasks.length, run.calls.includes('recheck-restore')], [0, false]);
  assert.deepEqual(
    [run.evidence[0]!.outcome, (run.evidence[0]!.approval as { decision: string }).decision],
    ['rejected', 'reject'],
  );
  assert.deepEqual(
    run.notices.map(({ occasion }) => occasion),
    ['question', 'failure'],
  );
});

test('nobody’s answer is a no after a day', async () => {
  const { run, source } = await scene();
  const begun = source.now.getTime();
  const silent = new MachineRun({ source, tasks: {} });
  cleanups.push(() => silent.remove());
  const end = await silent.run('restore', input);
  assert.equal(end.error, 'ApprovalExpired');
  assert.ok(source.now.getTime() - begun >= 86_400_000);
  assert.deepEqual([silent.evidence[0]!.outcome, silent.tasks.length, run.tasks.length], ['expired', 0, 0]);
  assert.deepEqual(
    silent.notices.map(({ occasion }) => occasion),
    ['question', 'failure'],
  );
});

test('who asked may not answer where the plan wants four eyes', async () => {
  const { run } = await scene({ plan: 'fourEyes: true\n', answer: () => ({ decision: 'approve', by: 'Ada' }) });
  const ended = run.run('restore', input);
  while (run.failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(run.failures[0]!.message, /four eyes/);
  assert.equal(run.tasks.length, 0);
  await run.answer({ decision: 'approve', by: 'grace' });
  assert.equal((await ended).status, 'SUCCEEDED');
});

test('as many people as the plan asks for say yes, and all of them are recorded', async () => {
  const plan =
    'approvers: [{ name: Ada }, { name: grace }, { name: edsger }]\napprovals: { restore: { required: 2 } }\n';
  const { run } = await scene({ plan, answer: () => ({ decision: 'approve', by: 'grace', reason: 'seen' }) });
  const ended = run.run('restore', input);
  while (run.notices.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(run.tasks.length, 0);
  assert.match(String(run.notices[1]!.title), /: 1 of 2 said yes$/);
  await run.answer({ decision: 'approve', by: 'edsger', reason: 'seen, too' });
  const end = await ended;
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.equal((end.output as { approvedBy: string }).approvedBy, 'grace, edsger');
  const { approval, approvals } = run.evidence[0] as { approval: { by: string }; approvals: object[] };
  assert.equal(approval.by, 'edsger');
  assert.partialDeepStrictEqual(approvals, [
    { decision: 'approve', by: 'grace', reason: 'seen' },
    { decision: 'approve', by: 'edsger', reason: 'seen, too' },
  ]);
  assert.deepEqual(run.failures, []);
});

test('a no after a yes is one, and both are recorded', async () => {
  const plan = 'approvers: [{ name: Ada }, { name: grace }, { name: edsger }]\napprovals: { required: 2 }\n';
  const { run } = await scene({ plan });
  const ended = run.run('restore', input);
  while (run.notices.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await run.answer({ decision: 'reject', by: 'edsger', reason: 'wrong hour' });
  assert.deepEqual([(await ended).error, run.tasks.length], ['RestoreRejected', 0]);
  const { approvals } = run.evidence[0] as { approvals: { decision: string }[] };
  assert.deepEqual(
    approvals.map(({ decision }) => decision),
    ['approve', 'reject'],
  );
});

test('a yes to another plan is none', async () => {
  const asked = Promise.withResolvers<void>();
  const { run } = await scene({
    answer() {
      asked.resolve();
      return new Promise(() => undefined);
    },
  });
  const ended = run.run('restore', input);
  await asked.promise;
  const at = '2026-11-20T05:13:45Z';
  run.sendTaskSuccess({ decision: 'approve', by: 'x', reason: null, at, planHash: 'a'.repeat(64) });
  assert.equal((await ended).error, 'RestoreRejected');
  assert.equal(run.tasks.length, 0);
});

test('a restore that fails is not repeated, and says why', async () => {
  const { run } = await scene({
    script: (task) =>
      task.fail({ name: 'StoreUnavailable', message: 'no answer', hint: 'look at the bucket', verdict: 'retry' }),
  });
  const end = await run.run('restore', input);
  assert.equal(end.error, 'RestoreFailed');
  assert.equal(end.cause, 'StoreUnavailable: no answer\nHINT: look at the bucket');
  assert.equal(run.tasks.length, 1);
  assert.deepEqual(run.notices.map(({ occasion, todo }) => [occasion, todo]).at(-1), ['failure', 'look at the bucket']);
  assert.equal(run.evidence.at(-1)!.outcome, 'failed');
});

test('a task that was killed, and one that left no result, are failures', async () => {
  const killed = await scene({
    script() {
      throw ecsFailure({ ExitCode: 137 });
    },
  });
  assert.match((await killed.run.run('restore', input)).cause!, /^TaskKilled: the task was killed/);
  const silent = await scene({ script: async () => undefined });
  assert.equal((await silent.run.run('restore', input)).error, 'ResultMissing');
});

test('a target that cannot be reached is refused before anybody is asked', async () => {
  const { run } = await scene();
  const end = await run.run('restore', { ...input, time: '2020-01-01 00:00:00Z' });
  assert.equal(end.error, 'TargetUnreachable');
  assert.match(end.cause!, /\nHINT: what can be restored: /);
  assert.deepEqual([run.calls.includes('ask-approval'), run.tasks.length, run.notices.length], [false, 0, 1]);
});

test('the same once more restores nothing twice and records nothing twice', async () => {
  const { run, source } = await scene();
  const first = await run.run('restore', input);
  const again = new MachineRun({ source, tasks: { restore: () => assert.fail('twice') } });
  cleanups.push(() => again.remove());
  const second = await again.run('restore', input);
  assert.deepEqual(second.output, first.output);
  assert.deepEqual(
    again.notices.map(({ occasion }) => occasion),
    ['success'],
    'nobody is asked twice for the same plan',
  );
});

for (const given of [{ to: 'restored' }, { ...input, tim: 'x' }, '/srv/restored']) {
  test(`input ${JSON.stringify(given)} is refused before anybody is asked, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('restore', given as never);
    assert.equal(end.error, 'InputInvalid', end.cause);
    assert.deepEqual([run.calls.includes('ask-approval'), run.tasks.length, run.notices.length], [false, 0, 1]);
  });
}
