import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { readFailoverStanding } from '#catalog/failover-standing';
import { readLease } from '#catalog/lease';
import { FenceFailed, PromotionFailed, TrafficNotMoved } from '#failover/failures';
import { MachineRun, type PersonsAnswer } from '#harness/machine-run';
import type { ScriptedSites } from '#harness/scripted-sites';
import { ConnectionFailed } from '#model/failure';
import { leaseKey } from '#store/bucket-layout';
import { eastIsGone, type MoveScene, type MoveSceneOptions, moveScene, nothingIsLeft } from './failover-scene.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(options?: MoveSceneOptions): Promise<MoveScene> {
  const made = await moveScene(options);
  cleanups.push(() => {
    made.remove();
    assert.deepEqual(made.sites.violations, [], 'two primaries');
  });
  return made;
}

const statesOf = (run: MachineRun) => run.entered.map(({ state }) => state);
const occasions = (run: MachineRun) => run.notices.map(({ occasion }) => occasion);
const detail = { operation: 'test', subject: 'east' };
const input = { group: 'shop', requestedBy: 'ada', reason: 'the region is down' };

const isBack = (sites: ScriptedSites) => {
  assert.deepEqual([sites.writing, sites.name.value, sites.westApp.value], [['east'], 'east:1', '1']);
  assert.deepEqual(sites.name.puts, []);
};
const isMoved = (sites: ScriptedSites) => {
  assert.deepEqual(sites.writing, ['west']);
  assert.deepEqual(
    sites.movables.map(({ value }) => value),
    ['west:1', '0', '4', 'west'],
  );
};

test('a primary that is gone is fenced, its standby promoted, and everything follows', async () => {
  const { run, sites, source } = await scene({ given: eastIsGone });
  const end = await run.run('failover', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  isMoved(sites);
  assert.ok(!statesOf(run).includes('See whether it is the primary'));
  const output = end.output as Record<string, unknown>;
  assert.partialDeepStrictEqual(output, { group: 'shop', from: 'east', to: 'west', mode: 'failover', rtoMs: 0 });
  assert.ok(sites.east.fenced, 'whoever starts it again gets a standby');
  const [record] = run.evidence;
  assert.partialDeepStrictEqual(record, {
    who: 'ada',
    outcome: 'succeeded',
    source: 'main',
    planHash: output.planHash,
  });
  assert.partialDeepStrictEqual(record!.approval, { decision: 'approve', by: 'grace' });
  assert.partialDeepStrictEqual(record!.details, { kind: 'failover', from: 'east', to: 'west', mode: 'failover' });
  assert.match(String((record!.details as { fence: string }).fence), /^hard: stopped/);
  assert.deepEqual(occasions(run), ['question', 'success']);
  const [backup] = run.started as { StateMachineArn: string; Name: string; Input: unknown }[];
  assert.match(backup!.StateMachineArn, /Backup/);
  assert.deepEqual(backup!.Input, { source: 'main', type: 'full', requestedBy: 'failover' });
  const lease = await readLease(source.store, leaseKey('main', 'failover'));
  assert.equal(lease?.state.released, true);
  const standing = await readFailoverStanding(source.store, 'shop');
  assert.deepEqual([standing?.primary, standing?.gone], ['west', null], 'what the watch counted is over');
});

test('the primary is fenced before anything is promoted, and the name follows the promotion', async () => {
  const order: string[] = [];
  const { run, sites } = await scene({ given: eastIsGone });
  const noting =
    (what: string) =>
    <Result>(act: () => Promise<Result>) => {
      order.push(what);
      return act();
    };
  sites.east.scripts.fence = noting('fence');
  sites.west.scripts.promote = noting('promote');
  const put = sites.name.put.bind(sites.name);
  sites.name.put = (value) => noting('name')(() => put(value));
  await run.run('failover', input);
  assert.deepEqual(order, ['fence', 'promote', 'name']);
});

test('a switchover loses nothing, and leaves a standby behind', async () => {
  const { run, sites } = await scene();
  sites.write();
  sites.east.scripts.fence = (act) => {
    sites.write();
    return act();
  };
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  isMoved(sites);
  assert.ok(sites.written.every(({ at }) => at <= sites.west.end));
  assert.deepEqual(
    run.tasks.map(({ name, input: { site, as } }) => [name, site, as]),
    [['rebuild-standby', 'east', 'standby']],
  );
  assert.deepEqual([sites.east.role, sites.east.runs], ['standby', true]);
});

test('a switchover whose standby has not got everything is undone', async () => {
  const { run, sites } = await scene();
  sites.east.scripts.fence = (act) => {
    sites.west.receives = false;
    sites.write();
    return act();
  };
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.error, 'SwitchoverIncomplete');
  assert.match(end.cause!, /nothing was promoted, and east takes writes again\nHINT: /);
  isBack(sites);
  assert.ok(!sites.west.calls.includes('promote'));
});

test('where no standby lives, one comes from the bucket', async () => {
  const { run, sites } = await scene({
    given: nothingIsLeft,
  });
  const end = await run.run('failover', { ...input, to: 'west' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  isMoved(sites);
  assert.partialDeepStrictEqual(run.tasks[0]!.input, {
    group: 'shop',
    site: 'west',
    as: 'primary',
    requestedBy: 'ada',
  });
});

test('a restore that was killed after its server took over goes on, once the fence was seen', async () => {
  const { run, sites } = await scene({
    given: nothingIsLeft,
    tasks: {
      'rebuild-standby'(task) {
        Object.assign(sites.west, { exists: true, role: 'primary', runs: true });
        sites.east.fenced = false;
        return task.fail({ message: 'killed' });
      },
    },
  });
  const end = await run.run('failover', { ...input, to: 'west' });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.equal(sites.east.fenced, true, 'the fence is put up again');
});

test('a restored server beside a primary that cannot be fenced any more is told loudly, and no name follows it', async () => {
  const { run, sites } = await moveScene({
    given: nothingIsLeft,
    tasks: {
      'rebuild-standby'(task) {
        Object.assign(sites.west, { exists: true, role: 'primary', runs: true });
        Object.assign(sites.east, { fenced: false, runs: true });
        sites.east.scripts.fence = async () => {
          throw new FenceFailed('east does not stop', detail);
        };
        return task.fail({ message: 'killed' });
      },
    },
  });
  cleanups.push(() => run.remove());
  const end = await run.run('failover', { ...input, to: 'west' });
  assert.equal(end.error, 'FailoverStopped');
  assert.match(end.cause!, /^west is the primary of shop, and east may take writes, too: /);
  assert.deepEqual(sites.name.puts, []);
});

test('a restore that fails is told, and what it may have begun is not undone', async () => {
  const { run, sites } = await scene({
    given: nothingIsLeft,
    tasks: {
      'rebuild-standby'(task) {
        Object.assign(sites.west, { exists: true, role: 'standby', runs: true });
        return task.fail({ name: 'RestoreFailed', message: 'the disk is full' });
      },
    },
  });
  const end = await run.run('failover', { ...input, to: 'west' });
  assert.equal(end.error, 'PromotionUnknown', end.cause);
  assert.match(end.cause!, /west is a standby, and was asked to become the primary; RestoreFailed: .*the disk is full/);
  assert.ok(sites.east.fenced);
});

test('a restore that left nothing is undone', async () => {
  const { run, sites } = await scene({
    given: nothingIsLeft,
    tasks: { 'rebuild-standby': (task) => task.fail({ name: 'RestoreFailed', message: 'no backup' }) },
  });
  const end = await run.run('failover', { ...input, to: 'west' });
  assert.equal(end.error, 'RestoreFailed');
  assert.equal(sites.east.fenced, false);
});

test('a no is recorded, told, and final', async () => {
  const { run, sites } = await scene({
    given: eastIsGone,
    whileAsked: () => ({ decision: 'reject', by: 'grace', reason: 'it is only the network' }),
  });
  const end = await run.run('failover', input);
  assert.equal(end.error, 'FailoverRejected');
  assert.match(end.cause!, /rejected by grace: it is only the network; nothing was touched$/);
  assert.equal(run.evidence[0]!.outcome, 'rejected');
  assert.deepEqual(occasions(run), ['question', 'failure']);
  assert.deepEqual([sites.east.fenced, sites.east.calls.includes('beforeFence')], [false, false]);
});

test('nobody’s answer is a no after a day', async () => {
  const { run, sites } = await scene({ given: eastIsGone, answer: undefined as never });
  const end = await run.run('failover', input);
  assert.equal(end.error, 'ApprovalExpired');
  assert.deepEqual([run.evidence[0]!.outcome, sites.east.fenced], ['expired', false]);
});

test('who asked may not answer where the plan wants four eyes', async () => {
  const { run, sites } = await scene({
    plan: 'fourEyes: true\n',
    given: eastIsGone,
    whileAsked: () => ({ decision: 'approve', by: 'Ada' }),
  });
  const ended = run.run('failover', input);
  while (run.failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(run.failures[0]!.message, /four eyes/);
  assert.equal(sites.east.fenced, false);
  await run.answer({ decision: 'approve', by: 'grace' });
  assert.equal((await ended).status, 'SUCCEEDED');
});

test('a yes to another plan is none, and neither is one that comes twice another', async () => {
  const asked = Promise.withResolvers<void>();
  const { run, sites } = await scene({
    given: eastIsGone,
    answer() {
      asked.resolve();
      return new Promise<PersonsAnswer>(() => undefined);
    },
  });
  const ended = run.run('failover', input);
  await asked.promise;
  run.sendTaskSuccess({ ...{ decision: 'approve', by: 'x', reason: null, at: 'now' }, planHash: 'a'.repeat(64) });
  assert.equal((await ended).error, 'FailoverRejected');
  assert.equal(sites.east.fenced, false);
});

test('a second answer changes nothing', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  await run.run('failover', input);
  await assert.rejects(run.answer({ decision: 'reject', by: 'edsger' }));
  isMoved(sites);
});

test('a primary that comes back while somebody is asked is not moved', async () => {
  const { run, sites } = await scene({
    given: eastIsGone,
    whileAsked(these) {
      these.start('east');
      return { decision: 'approve', by: 'grace' };
    },
  });
  const end = await run.run('failover', input);
  assert.equal(end.error, 'PlanChanged', end.cause);
  assert.equal((run.evidence[0]!.approval as { by: string }).by, 'grace', 'the yes is part of the record');
  isBack(sites);
});

test('what cannot be fenced is not replaced', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.east.scripts.fence = async () => {
    throw new FenceFailed('east does not stop', detail);
  };
  const end = await run.run('failover', input);
  assert.equal(end.error, 'FenceFailed');
  assert.match(end.cause!, /^east does not stop; nothing was promoted/);
  assert.deepEqual([sites.west.role, sites.west.calls.includes('promote')], ['standby', false]);
  assert.deepEqual(occasions(run), ['question', 'failure']);
});

test('what cannot be fenced is replaced when a person has approved that, with the fact shown', async () => {
  let shown = '';
  const unreachable = (sites: ScriptedSites) => {
    sites.kill('east');
    sites.east.reachable = false;
  };
  const { run, sites } = await scene({
    given: unreachable,
    answer(question) {
      shown = String(question.plan);
      return { decision: 'approve', by: 'grace' };
    },
  });
  sites.east.scripts.fence = async () => {
    throw new FenceFailed('the region does not answer', detail);
  };
  const end = await run.run('failover', { ...input, force: true });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.match(shown, /COULD NOT BE FENCED/);
  assert.match(JSON.stringify(run.evidence[0]!.details), /none: it could not be fenced: the region does not answer/);
});

test('a fence that is gone right before the promotion stops it', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.east.scripts.fence = async (act) => {
    const fenced = await act();
    sites.east.fenced = false;
    return fenced;
  };
  const end = await run.run('failover', input);
  assert.equal(end.error, 'FenceFailed', end.cause);
  assert.match(end.cause!, /^east may take writes: it is not fenced/);
  assert.equal(sites.west.role, 'standby');
});

test('a promotion that takes its time is waited for', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.west.scripts.promote = async (act, count) => (count < 5 ? { done: false, timeline: null, lsn: null } : act());
  const end = await run.run('failover', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.equal((end.output as { rtoMs: number }).rtoMs, 20_000);
});

test('a promotion whose answer is lost, and that happened, goes on', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.west.scripts.promote = async (act) => {
    await act();
    throw new Error('the answer is lost');
  };
  const end = await run.run('failover', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  isMoved(sites);
  assert.ok(statesOf(run).includes('See whether it is the primary'));
});

test('a promotion that is refused is undone: the old primary takes writes again', async () => {
  const { run, sites } = await scene();
  sites.west.scripts.promote = async () => {
    throw new PromotionFailed('no right', detail);
  };
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.error, 'PromotionFailed');
  assert.equal(end.cause, 'no right; nothing was promoted, and east takes writes again');
  isBack(sites);
});

for (const [what, reachable] of [
  ['does not answer', false],
  ['is still a standby', true],
] as const) {
  test(`when nobody knows whether a promotion happens, since the standby ${what}, nothing is undone`, async () => {
    const { run, sites } = await scene();
    sites.west.scripts.promote = async () => {
      sites.west.reachable = reachable;
      throw new ConnectionFailed('connection reset', detail);
    };
    const end = await run.run('failover', { ...input, planned: true });
    assert.equal(end.error, 'PromotionUnknown', end.cause);
    assert.match(end.cause!, /east stays fenced\nHINT: look at west/);
    assert.deepEqual([sites.east.fenced, sites.east.calls.includes('unfence')], [true, false]);
    assert.deepEqual(occasions(run).at(-1), 'failure');
  });
}

test('a promotion that does not come within a quarter of an hour is not undone, since it may still come', async () => {
  const { run, sites } = await scene();
  sites.west.scripts.promote = async () => ({ done: false, timeline: null, lsn: null });
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.error, 'PromotionUnknown');
  assert.match(end.cause!, /did not become the primary within a quarter of an hour/);
  assert.equal(sites.east.fenced, true);
});

test('a fence that cannot be undone is told loudly', async () => {
  const { run, sites } = await scene();
  sites.west.scripts.promote = async () => {
    throw new PromotionFailed('no right', detail);
  };
  sites.east.scripts.unfence = async () => {
    throw new FenceFailed('east does not start', detail);
  };
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.error, 'FenceNotUndone');
  assert.match(end.cause!, /^shop has no primary: .*no right; and the fence could not be undone: east does not start/);
  assert.equal(run.notices.at(-1)!.title, 'shop has no primary: FenceNotUndone');
});

test('a name that takes long is waited for, and its change asked for once', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.name.settlesAfter = 20;
  const end = await run.run('failover', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(sites.name.puts, ['west:1']);
});

test('a name that never settles stops the move after the promotion, and starting it again goes on', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.name.fails = new TrafficNotMoved('Route 53 is busy', detail);
  const end = await run.run('failover', input);
  assert.equal(end.error, 'FailoverStopped');
  assert.match(
    end.cause!,
    /^west is the primary of shop, but moving the names failed: TrafficNotMoved: not done within/,
  );
  assert.match(end.cause!, /Route 53 is busy/);
  assert.equal(run.notices.at(-1)!.todo, 'when that is put right, go on: lifeboat failover shop');
  assert.deepEqual([sites.writing, sites.east.fenced], [['west'], true]);
  sites.name.fails = undefined;
  const finished = await run.run('failover', input, 'run-2');
  assert.equal(finished.status, 'SUCCEEDED', JSON.stringify(finished));
  assert.equal((finished.output as { mode: string }).mode, 'finish');
  isMoved(sites);
  assert.equal(run.evidence.at(-1)!.outcome, 'succeeded');
  assert.equal(sites.west.calls.filter((call) => call === 'promote').length, 1);
});

test('what belongs to the site that is gone is left out, and said so', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  sites.eastApp.fails = new ConnectionFailed('ecs in the region does not answer', detail);
  const end = await run.run('failover', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.match(String(run.evidence[0]!.what), /ecs east\/web was skipped: ecs in the region does not answer/);
  assert.equal(sites.westApp.value, '4');
});

test('in a switchover nothing is left out', async () => {
  const { run, sites } = await scene();
  sites.eastApp.fails = new ConnectionFailed('it does not answer', detail);
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.error, 'FailoverStopped');
  assert.match(end.cause!, /raising the capacity failed: ConnectionFailed/);
});

test('what never becomes healthy stops it in the words of the checks', async () => {
  const { run, sites } = await scene({
    given: eastIsGone,
    group: "    health: [{ kind: http, name: shop front, url: 'http://127.0.0.1:1/' }]\n    healthyWithin: 1m\n",
  });
  const end = await run.run('failover', input);
  assert.equal(end.error, 'FailoverStopped');
  assert.match(end.cause!, /checking health failed: NotHealthy: not healthy within 60 seconds: shop front: /);
  assert.ok(statesOf(run).filter((state) => state === 'Check health').length > 10);
  assert.deepEqual(sites.writing, ['west']);
});

test('a backup that cannot be started is told, and the move stays done', async () => {
  const { StatesError } = await import('#local/integration');
  const { run } = await scene({
    given: eastIsGone,
    refuse: ({ state }) =>
      state === 'Back up the new primary' ? new StatesError('StepFunctions.AccessDeniedException', 'no') : undefined,
  });
  assert.equal((await run.run('failover', input)).status, 'SUCCEEDED');
  assert.deepEqual(occasions(run), ['question', 'success', 'failure']);
  assert.match(String(run.notices.at(-1)!.what), /lifeboat backup --source main/);
});

test('a rebuild that fails is told with what to do, and the move stays done', async () => {
  const { run } = await scene({
    tasks: {
      'rebuild-standby': (task) => task.fail({ name: 'RebuildFailed', message: 'no space', hint: 'make some' }),
    },
  });
  const end = await run.run('failover', { ...input, planned: true });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.partialDeepStrictEqual(run.notices.at(-1), {
    occasion: 'failure',
    what: 'RebuildFailed: no space (make some)',
    todo: 'lifeboat failback shop',
  });
});

test('of two that are started at once only one moves anything', async () => {
  const { run, sites } = await scene({ given: eastIsGone });
  const ends = await Promise.all([run.run('failover', input, 'run-1'), run.run('failover', input, 'run-2')]);
  const won = ends.filter(({ status }) => status === 'SUCCEEDED');
  const lost = ends.filter(({ status }) => status !== 'SUCCEEDED');
  assert.deepEqual([won.length, lost.length], [1, 1], JSON.stringify(ends));
  assert.ok(['LeaseHeld', 'PlanChanged'].includes(lost[0]!.error!), lost[0]!.error);
  isMoved(sites);
});

test('what an execution of the same name has left months ago is none of its own', async () => {
  const { run, sites, source } = await scene({ given: eastIsGone });
  assert.equal((await run.run('failover', input)).status, 'SUCCEEDED');
  source.pass(100 * 24 * 60);
  Object.assign(sites.east, { fenced: false, runs: false, role: 'primary' });
  Object.assign(sites.west, { role: 'standby', calls: [] });
  for (const movable of sites.movables) movable.value = movable.values.east;
  const again = new MachineRun({ source, answer: () => ({ decision: 'approve', by: 'grace' }) });
  cleanups.push(() => again.remove());
  const end = await again.run('failover', input);
  assert.equal(end.error, 'ResultMissing', JSON.stringify(end));
  assert.match(end.cause!, /is of an execution of the same name before this one/);
  assert.match(end.cause!, /nothing was promoted, and east was not fenced/);
  assert.deepEqual([sites.west.role, sites.name.value], ['standby', 'east:1']);
});

test('where the plan lets witnesses stand for a person, nobody is asked, and the record says who they were', async () => {
  const real = await import('#functions/recheck-failover');
  const planned = await import('#functions/plan-failover');
  const automatic = { automatic: true, planText: 'witness alarm says it is gone' };
  const { run, sites } = await scene({
    given: eastIsGone,
    functions: {
      'plan-failover': async () => ({
        handler: async (event: never, context: never) => ({ ...(await planned.handler(event, context)), ...automatic }),
      }),
      'recheck-failover': async () => ({
        handler: async (event: never, context: never) => ({ ...(await real.handler(event, context)), ...automatic }),
      }),
    },
  });
  assert.equal((await run.run('failover', input)).status, 'SUCCEEDED');
  assert.ok(!run.calls.includes('ask-approval'));
  assert.match(String(run.evidence[0]!.what), /nobody was asked, .*\nwitness alarm says it is gone/);
  isMoved(sites);
});

test('a rehearsal restores a copy, raises capacity and puts it back, and touches nothing else', async () => {
  const { run, sites } = await scene({ group: '    rehearsal: { capacity: true }\n' });
  const end = await run.run('failover', { ...input, rehearse: true });
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual([sites.westApp.puts, sites.eastApp.puts, sites.name.puts], [['4', '1'], [], []]);
  assert.ok(![...sites.east.calls, ...sites.west.calls].some((call) => call !== 'look'));
  assert.partialDeepStrictEqual(run.evidence.at(-1), { outcome: 'succeeded', details: { mode: 'rehearsal' } });
  assert.ok(!run.calls.includes('ask-approval'));
  assert.deepEqual(
    run.tasks.map(({ name }) => name),
    ['drill'],
  );
});

test('a rehearsal that cannot raise capacity puts it back and fails', async () => {
  const { run, sites } = await scene({ group: '    rehearsal: { capacity: true }\n' });
  sites.westApp.settlesAfter = 10_000;
  const put = sites.westApp.put.bind(sites.westApp);
  sites.westApp.put = async (value) => {
    if (value === '1') sites.westApp.settlesAfter = 0;
    return put(value);
  };
  const end = await run.run('failover', { ...input, rehearse: true });
  assert.equal(end.error, 'TrafficNotMoved', end.cause);
  assert.deepEqual(sites.westApp.puts, ['4', '1']);
});

test('a rehearsal finds what would be in the way', async () => {
  const { run, sites } = await scene();
  sites.setting.problems = ['no right to put it'];
  const end = await run.run('failover', { ...input, rehearse: true });
  assert.equal(end.error, 'NotReady');
  assert.match(end.cause!, /ssm \/shop\/db: no right to put it/);
  assert.equal(run.evidence.at(-1)!.outcome, 'failed');
});

test('a rehearsal whose drill fails says so in the drill’s words', async () => {
  const { run } = await scene({
    tasks: {
      drill: (task) =>
        task.input.clean
          ? task.leave({ removed: [] })
          : task.fail({ name: 'X', message: 'it rots', verdict: 'operator' }),
    },
  });
  const end = await run.run('failover', { ...input, rehearse: true });
  assert.equal(end.error, 'DrillFailed');
  assert.match(end.cause!, /^the drill of the rehearsal failed: X: it rots/);
});

for (const given of [{ grup: 'shop' }, { group: 'shpo' }, { to: 'north' }, 'shop']) {
  test(`input ${JSON.stringify(given)} is refused before anybody is asked, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('failover', given as never);
    assert.equal(end.error, 'InputInvalid', end.cause);
    assert.deepEqual([run.calls.includes('ask-approval'), run.notices.length], [false, 1]);
  });
}
