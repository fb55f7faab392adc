import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ScriptedSites } from '#harness/scripted-sites';
import { afterFailover, type MoveScene, type MoveSceneOptions, moveScene } from './failover-scene.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function scene(options: MoveSceneOptions = {}): Promise<MoveScene> {
  const made = await moveScene({ given: afterFailover, ...options });
  cleanups.push(() => {
    made.remove();
    assert.deepEqual(made.sites.violations, [], 'two primaries');
  });
  return made;
}

const input = { group: 'shop', requestedBy: 'ada', reason: 'the region is back' };

test('home is rebuilt, catches up, and takes over again without a loss', async () => {
  const { run, sites } = await scene();
  const end = await run.run('failback', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.partialDeepStrictEqual(end.output, { group: 'shop', from: 'west', to: 'east', mode: 'failback' });
  assert.deepEqual(sites.writing, ['east']);
  assert.deepEqual(
    sites.movables.map(({ value, values }) => value === values.east),
    [true, true, true, true],
  );
  assert.deepEqual(
    run.tasks.map(({ input: { site, as } }) => [site, as]),
    [
      ['east', 'standby'],
      ['west', 'standby'],
    ],
    'first home, and at the end the other side',
  );
  const [started] = run.started as { Input: unknown }[];
  assert.deepEqual(started!.Input, {
    ...{ group: 'shop', to: 'east', planned: true, requestedBy: 'ada', reason: 'the region is back' },
  });
  assert.partialDeepStrictEqual(run.evidence.at(-1), {
    outcome: 'succeeded',
    source: 'main',
    details: { kind: 'failover', from: 'west', to: 'east', mode: 'failback' },
  });
  assert.equal(run.notices.at(-1)!.occasion, 'success');
});

test('a home that is a standby already is not rebuilt', async () => {
  const { run, sites } = await scene({
    given(these) {
      afterFailover(these);
      Object.assign(these.east, { fenced: false, runs: true, role: 'standby' });
    },
  });
  assert.equal((await run.run('failback', input)).status, 'SUCCEEDED');
  assert.deepEqual(sites.writing, ['east']);
  assert.ok(!run.entered.some(({ state }) => state === 'Rebuild the standby'));
});

test('a primary that is at home gets its standby back, and nothing else moves', async () => {
  const { run, sites } = await scene({
    given(these) {
      Object.assign(these.west, { fenced: true, runs: false });
    },
  });
  const end = await run.run('failback', input);
  assert.equal(end.status, 'SUCCEEDED', JSON.stringify(end));
  assert.deepEqual(sites.writing, ['east']);
  assert.deepEqual(
    run.tasks.map(({ input: { site, as } }) => [site, as]),
    [['west', 'standby']],
  );
  assert.partialDeepStrictEqual(end.output, {
    from: 'west',
    to: 'east',
    mode: 'standby',
    rtoMs: null,
    lostBytes: null,
  });
  assert.deepEqual(run.started, [], 'no switchover');
  assert.match(String(run.evidence.at(-1)!.what), /^made west a standby of the primary of shop at east again$/);
  assert.match(String(run.notices.at(-1)!.title), /^shop has a standby again: at west$/);
});

test('a home that is behind is waited for', async () => {
  let looks = 0;
  const { run } = await scene({
    given(these) {
      afterFailover(these);
      Object.assign(these.east, { fenced: false, runs: true, role: 'standby' });
      these.east.scripts.look = async (act) => {
        const facts = await act();
        const { server } = facts;
        return looks++ < 6 && server.state === 'answers'
          ? { ...facts, server: { ...server, streams: looks < 2 } }
          : facts;
      };
    },
  });
  assert.equal((await run.run('failback', input)).status, 'SUCCEEDED');
  assert.ok(run.entered.filter(({ state }) => state === 'Wait for it').length >= 3);
});

test('a home that never catches up ends it after a day, and nothing was moved', async () => {
  const { run, sites, source } = await scene({
    given(these) {
      afterFailover(these);
      Object.assign(these.east, { fenced: false, runs: true, role: 'standby' });
    },
    functions: {
      'check-standby': async () => ({
        handler: async () => ({ state: 'streams', lagBytes: 1_000_000_000, caughtUp: false }),
      }),
    },
  });
  const begun = source.now.getTime();
  const end = await run.run('failback', input);
  assert.equal(end.error, 'StandbyBehind');
  assert.match(end.cause!, /^east has not caught up with west within a day: streams, 1000000000 bytes behind/);
  assert.ok(source.now.getTime() - begun >= 86_400_000);
  assert.deepEqual([sites.writing, run.started], [['west'], []]);
});

for (const [what, given, says] of [
  ['is at home already', () => undefined, /the primary is at east already/],
  [
    'is nowhere',
    (sites: ScriptedSites) => {
      afterFailover(sites);
      sites.kill('west');
    },
    /west has no primary: it does not answer/,
  ],
  [
    'may come up at home and cannot be reached',
    (sites: ScriptedSites) => {
      afterFailover(sites);
      Object.assign(sites.east, { fenced: false, reachable: false });
    },
    /east does not answer, and is neither fenced nor can be/,
  ],
] as [string, (sites: ScriptedSites) => void, RegExp][]) {
  test(`a primary that ${what} is not brought home`, async () => {
    const { run, sites } = await scene({ given });
    const before = sites.writing;
    const end = await run.run('failback', input);
    assert.equal(end.error, 'NotReady');
    assert.match(end.cause!, says);
    assert.deepEqual([sites.writing, run.tasks, run.started], [before, [], []]);
    assert.deepEqual([run.evidence[0]!.outcome, run.notices[0]!.occasion], ['failed', 'failure']);
  });
}

test('a rebuild that fails says why, and nothing was moved', async () => {
  const { run, sites } = await scene({
    tasks: {
      'rebuild-standby': (task) => task.fail({ name: 'RebuildFailed', message: 'no space', hint: 'make some' }),
    },
  });
  const end = await run.run('failback', input);
  assert.deepEqual([end.error, end.cause], ['RebuildFailed', 'no space\nHINT: make some']);
  assert.deepEqual(sites.writing, ['west']);
});

test('a no to the switchover is carried on in its words', async () => {
  const { run, sites } = await scene({ whileAsked: () => ({ decision: 'reject', by: 'grace', reason: 'not today' }) });
  const end = await run.run('failback', input);
  assert.equal(end.error, 'FailoverRejected');
  assert.match(end.cause!, /^the switchover ended without success: moving shop .* rejected by grace: not today/);
  assert.equal(run.evidence.at(-1)!.outcome, 'rejected');
  assert.deepEqual(sites.writing, ['west']);
});

test('there and back again', async () => {
  const { run, sites } = await scene({ given: () => undefined });
  sites.kill('east');
  assert.equal((await run.run('failover', { requestedBy: 'ada' })).status, 'SUCCEEDED');
  sites.write();
  const back = await run.run('failback', input, 'run-2');
  assert.equal(back.status, 'SUCCEEDED', JSON.stringify(back));
  assert.deepEqual(sites.writing, ['east']);
  assert.equal(sites.east.end, sites.west.end);
});

for (const given of [{ to: 'east' }, { group: 'shpo' }, 'shop']) {
  test(`input ${JSON.stringify(given)} is refused, and told`, async () => {
    const { run } = await scene();
    const end = await run.run('failback', given as never);
    assert.equal(end.error, 'InputInvalid', end.cause);
    assert.deepEqual([run.tasks.length, run.notices.length], [0, 1]);
  });
}
