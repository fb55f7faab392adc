import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { executionHistory } from '#local/execution-history';
import type { Json } from '#local/integration';
import { readRecords } from '#local/journal';
import type { ExecutionEnd } from '#local/run-execution';
import { failing, identity, lasting, leaving, machine, scope, type Task, VirtualClock, World } from './engine-world.ts';

const worlds: World[] = [];
const worldOf = (tasks: Record<string, Task> = {}): World => {
  const world = new World(tasks);
  worlds.push(world);
  return world;
};
after(() => {
  for (const world of worlds) world.remove();
});

const lambda = 'arn:aws:states:::lambda:invoke';
/** Arguments that no other call has, so that a call is known by them. */
const who = (name: string): Json => ({
  who: name,
  retry: '{% $states.context.State.RetryCount %}',
  item: "{% $exists($states.context.Map.Item) ? $states.context.Map.Item.Index : 'none' %}",
});
const call = (name: string, more: { [name: string]: Json } = {}): Json => ({
  Type: 'Task',
  Resource: lambda,
  Arguments: who(name),
  ...more,
});
const end = { End: true };

interface Scenario {
  definition: Json;
  tasks: Record<string, Task>;
  input?: Json;
}

const echo: Task = ({ arguments: given }) => given;
const argument = (given: Json, name: string): Json => (given as { [name: string]: Json })[name]!;

const scenarios: Record<string, Scenario> = {
  'states one after the other': {
    definition: machine({
      First: { Type: 'Pass', Assign: { n: 3 }, Output: { a: 1 }, Next: 'Second' },
      Second: call('second', { Assign: { m: '{% $n + 1 %}' }, Next: 'Loop' }),
      Loop: { Type: 'Pass', Assign: { n: '{% $n - 1 %}' }, Next: 'Again' },
      Again: { Type: 'Choice', Choices: [{ Condition: '{% $n > 0 %}', Next: 'Loop' }], Default: 'Last' },
      Last: { Type: 'Succeed', Output: { n: '{% $n %}', m: '{% $m %}', in: '{% $states.input %}' } },
    }),
    tasks: { 'lambda:invoke': echo },
  },
  'a map with retries and variables': {
    definition: machine({
      Set: { Type: 'Pass', Assign: { base: 10 }, Next: 'Each' },
      Each: {
        Type: 'Map',
        Items: '{% [1..4] %}',
        MaxConcurrency: 2,
        ItemSelector: { v: '{% $states.context.Map.Item.Value * $base %}' },
        ItemProcessor: scope({
          Try: call('try', { Retry: [{ ErrorEquals: ['Flaky'], IntervalSeconds: 30 }], Next: 'Rest' }),
          Rest: { Type: 'Wait', Seconds: '{% $states.input.item + 1 %}', Next: 'Done' },
          Done: { Type: 'Pass', Output: ['{% $states.input.item %}', '{% $states.input.retry %}'], ...end },
        }),
        ...end,
      },
    }),
    tasks: {
      'lambda:invoke': ({ arguments: given }) =>
        argument(given, 'item') === 2 && (argument(given, 'retry') as number) < 2
          ? failing('Flaky', 'again')(undefined as never)
          : given,
    },
  },
  'branches of which one fails and is caught': {
    definition: machine({
      Both: {
        Type: 'Parallel',
        Branches: [
          scope({ Slow: call('slow', end) }),
          scope({ Pause: { Type: 'Wait', Seconds: 5, Next: 'Break' }, Break: call('break', end) }),
          scope({ Quick: call('quick', { Next: 'Then' }), Then: { Type: 'Wait', Seconds: 500, ...end } }),
        ],
        Retry: [{ ErrorEquals: ['Broken'], MaxAttempts: 1, IntervalSeconds: 60 }],
        Catch: [{ ErrorEquals: ['States.ALL'], Assign: { why: '{% $states.errorOutput.Error %}' }, Next: 'Undo' }],
        ...end,
      },
      Undo: call('undo', { Output: { undone: '{% $why %}' }, ...end }),
    }),
    tasks: {
      'lambda:invoke': (given) => {
        const name = argument(given.arguments, 'who');
        if (name === 'slow') return lasting(given);
        return name === 'break' ? failing('Broken', 'it broke')(given) : given.arguments;
      },
    },
  },
  'a task whose time is over': {
    definition: machine({
      Hang: call('hang', {
        TimeoutSeconds: 20,
        Retry: [{ ErrorEquals: ['States.Timeout'], MaxAttempts: 2, IntervalSeconds: 7 }],
        Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'Clean' }],
        ...end,
      }),
      Clean: call('clean', end),
    }),
    tasks: {
      'lambda:invoke': (given) => (argument(given.arguments, 'who') === 'hang' ? lasting(given) : given.arguments),
    },
  },
  'a machine whose time is over': {
    definition: machine({ One: call('one', { Next: 'Two' }), Two: call('two', end) }, { TimeoutSeconds: 90 }),
    tasks: {
      'lambda:invoke': (given) => (argument(given.arguments, 'who') === 'two' ? lasting(given) : given.arguments),
    },
  },
  'a machine that fails': {
    definition: machine({
      One: call('one', { Next: 'No' }),
      No: { Type: 'Fail', Error: 'NotToday', Cause: '{% $states.input.who %}' },
    }),
    tasks: { 'lambda:invoke': echo },
  },
  'a map within a parallel within a map': {
    definition: machine({
      Outer: {
        Type: 'Map',
        Items: [['a', 'b'], ['c']],
        ItemProcessor: scope({
          Split: {
            Type: 'Parallel',
            Branches: [
              scope({
                Inner: {
                  Type: 'Map',
                  ItemProcessor: scope({
                    Leaf: { ...(call('leaf') as object), Arguments: '{% {"who": $states.input} %}', ...end },
                  }),
                  ...end,
                },
              }),
              scope({ Count: { Type: 'Pass', Output: '{% $count($states.input) %}', ...end } }),
            ],
            ...end,
          },
        }),
        ...end,
      },
    }),
    tasks: { 'lambda:invoke': echo },
  },
  'a distributed map that tolerates a failure': {
    definition: machine({
      Each: {
        Type: 'Map',
        Items: { a: 1, b: 2, c: 3 },
        ToleratedFailureCount: 1,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          ...scope({ Do: { ...(call('do') as object), Arguments: '{% {"who": $states.input.Key} %}', ...end } }),
        },
        ...end,
      },
    }),
    tasks: {
      'lambda:invoke': (given) => (argument(given.arguments, 'who') === 'b' ? failing('No')(given) : given.arguments),
    },
  },
  'a task token': {
    definition: machine({
      Ask: {
        Type: 'Task',
        Resource: `${lambda}.waitForTaskToken`,
        Arguments: { who: 'ask', token: '{% $states.context.Task.Token %}' },
        TimeoutSeconds: 3600,
        HeartbeatSeconds: 600,
        Next: 'Done',
      },
      Done: call('done', { Output: { answer: '{% $states.input %}' }, ...end }),
    }),
    tasks: { 'lambda:invoke': echo },
  },
};

const runThrough = (world: World, { definition, input = {} }: Scenario): Promise<ExecutionEnd> => {
  world.tokenAnswer = { yes: true };
  return world.run(definition, input);
};

/** What is outside when the engine dies: what was called by then, as far as it came to an end by itself. */
async function worldAfter(first: World, scenario: Scenario, bytes: Buffer): Promise<World> {
  const { records } = readRecords(bytes, 'prefix');
  const world = worldOf(scenario.tasks);
  await writeFile(world.journalFile, bytes);
  const { scheduled } = callsIn(bytes);
  for (const one of first.calls) {
    if (!scheduled.has(one.id)) continue;
    world.calls.push(one);
    if (!one.signal.aborted) world.answers.set(one.id, first.answers.get(one.id)!);
    if (one.token) world.tokens.succeed(one.token, { yes: true });
  }
  world.clock = new VirtualClock(records.at(-1)?.at);
  return world;
}

const typesIn = async ({ journalFile }: World) => (await executionHistory(journalFile)).map(({ type }) => type).sort();

/** The ids of the calls that a journal has scheduled, and of those of which it has the result. Ids never change. */
function callsIn(bytes: Buffer): { scheduled: Set<string>; ended: Set<string> } {
  const [scheduled, ended] = [new Set<string>(), new Set<string>()];
  const attempts = new Map<string, number>();
  const { arn, startTime } = identity({});
  for (const record of readRecords(bytes, 'prefix').records) {
    if (!('key' in record)) continue;
    const attempt = attempts.get(record.key) ?? 0;
    const hash = createHash('sha256').update(`${arn}\n${startTime}\n${record.key}\n${attempt}`);
    const id = hash.digest('hex').slice(0, 40);
    if (record.type === 'scheduled') scheduled.add(id);
    if (record.type === 'succeeded' && scheduled.has(id)) ended.add(id);
    if (record.type === 'failed') attempts.set(record.key, attempt + 1);
  }
  return { scheduled, ended };
}

const comparable = ({ output, ...others }: ExecutionEnd) => ({ ...others, output: JSON.stringify(output) });

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`${name}: whenever the engine dies, the execution ends as if it had not, and calls nothing under another id`, async () => {
    const first = worldOf(scenario.tasks);
    const expected = await runThrough(first, scenario);
    const journal = await readFile(first.journalFile);
    const types = await typesIn(first);
    const cuts = [];
    for (let at = journal.indexOf(10), from = 0; at !== -1; from = at + 1, at = journal.indexOf(10, from)) {
      cuts.push(from, from + Math.floor((at - from) / 2), at, at + 1);
    }
    assert.ok(cuts.length > 20);
    // many at a time: each waits for files and turns, and for nothing else
    await Promise.all(
      cuts.map(async (cut) => {
        const prefix = journal.subarray(0, cut);
        const world = await worldAfter(first, scenario, prefix);
        const before = world.calls.length;
        const resumed = await runThrough(world, scenario);
        const where = `cut at byte ${cut} of ${journal.length}`;
        assert.deepEqual(comparable(resumed), comparable(expected), where);
        assert.deepEqual(world.ids.sort(), first.ids.sort(), where);
        assert.deepEqual(await typesIn(world), types, `${where}: nothing is told twice, and nothing is left out`);
        const { ended } = callsIn(prefix);
        const again = world.calls.slice(before).filter(({ id }) => ended.has(id));
        assert.deepEqual(again, [], `${where}: what has ended is not called again`);
      }),
    );
  });
}

test('an execution that has ended is not run again', async () => {
  const { definition, tasks } = scenarios['states one after the other']!;
  const world = worldOf(tasks);
  const ended = await world.run(definition);
  const before = await readFile(world.journalFile);
  world.clock.advance(3_600_000);
  assert.deepEqual(await world.run(definition), ended);
  assert.deepEqual(await readFile(world.journalFile), before);
  assert.equal(world.calls.length, 1);
});

test('what an expression drew by chance is not drawn again', async () => {
  const world = worldOf({ 'lambda:invoke': lasting });
  const definition = machine({
    Draw: { Type: 'Pass', Assign: { id: '{% $uuid() %}' }, Output: '{% $random() %}', Next: 'Call' },
    Call: { Type: 'Task', Resource: lambda, Arguments: { id: '{% $id %}', n: '{% $states.input %}' }, End: true },
  });
  const stop = new AbortController();
  const running = world.run(definition, {}, { signal: stop.signal });
  while (world.calls.length === 0) await new Promise(setImmediate);
  stop.abort(leaving());
  await assert.rejects(running, { name: 'LeaveExecution' });
  world.tasks['lambda:invoke'] = echo;
  world.answers.clear();
  const { output } = await world.run(definition);
  assert.deepEqual(output, world.calls[0]!.arguments);
  assert.equal(world.ids.length, 1);
});

test('an engine that lets go tells nobody outside, and whoever resumes finds what it began', async () => {
  const world = worldOf({ 'lambda:invoke': lasting });
  const definition = machine({
    Both: {
      Type: 'Parallel',
      Branches: [
        scope({ A: call('a', end) }),
        scope({ B: { Type: 'Wait', Seconds: 9, Next: 'C' }, C: call('c', end) }),
      ],
      ...end,
    },
  });
  const stop = new AbortController();
  const running = world.run(definition, {}, { signal: stop.signal });
  while (world.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
  stop.abort(leaving());
  await assert.rejects(running, { name: 'LeaveExecution' });
  assert.deepEqual(
    world.calls.map(({ signal }) => signal.aborted),
    [false, false],
  );
  const { ids } = world;
  world.tasks['lambda:invoke'] = echo;
  world.answers.clear();
  const { status } = await world.run(definition);
  assert.equal(status, 'SUCCEEDED');
  assert.deepEqual(world.ids, ids);
});

test('a wait goes on with the time that is left, also while nobody waits', async () => {
  const world = worldOf();
  const definition = machine({ Rest: { Type: 'Wait', Seconds: 3600, End: true } });
  const stop = new AbortController();
  world.clock.held = 1;
  const running = world.run(definition, {}, { signal: stop.signal });
  while (!(await executionHistory(world.journalFile)).some(({ type }) => type === 'WaitStateEntered'))
    await new Promise((resolve) => setTimeout(resolve, 2));
  await new Promise((resolve) => setTimeout(resolve, 30));
  stop.abort(leaving());
  await assert.rejects(running, { name: 'LeaveExecution' });
  world.clock = new VirtualClock(Date.parse('2026-03-01T12:40:00.000Z'));
  const { stoppedAt } = await world.run(definition);
  assert.equal(stoppedAt, '2026-03-01T13:00:00.000Z');
});

test('a task goes on with the time that is left, and has a moment to hand over what ended meanwhile', async () => {
  const definition = machine({ A: call('a', { TimeoutSeconds: 20, ...end }) });
  for (const [resumedAt, endsAt] of [
    ['12:00:15', '12:00:20'],
    ['12:40:00', '12:40:05'],
  ]) {
    const world = worldOf({ 'lambda:invoke': lasting });
    world.clock.held = 1;
    const stop = new AbortController();
    const running = world.run(definition, {}, { signal: stop.signal });
    while (world.calls.length === 0) await new Promise(setImmediate);
    stop.abort(leaving());
    await assert.rejects(running, { name: 'LeaveExecution' });
    world.answers.clear();
    world.clock = new VirtualClock(Date.parse(`2026-03-01T${resumedAt}.000Z`));
    const { error, stoppedAt } = await world.run(definition);
    assert.deepEqual({ error, stoppedAt }, { error: 'States.Timeout', stoppedAt: `2026-03-01T${endsAt}.000Z` });
  }
});

test('what a selector drew by chance for an item is not drawn again', async () => {
  const world = worldOf({ 'lambda:invoke': lasting });
  const M = {
    Type: 'Map',
    Items: [1],
    ItemSelector: { id: '{% $uuid() %}' },
    ItemProcessor: scope({ A: { Type: 'Wait', Seconds: 5, Next: 'B' }, B: { Type: 'Task', Resource: lambda, ...end } }),
    ...end,
  };
  const first = worldOf({ 'lambda:invoke': echo });
  const { output } = await first.run(machine({ M }));
  const journal = await readFile(first.journalFile);
  const { records } = readRecords(journal, 'whole');
  const started = records.findIndex(({ type }) => type === 'iteration');
  const lines = journal
    .toString()
    .split('\n')
    .slice(0, started + 1);
  await writeFile(world.journalFile, `${lines.join('\n')}\n`);
  world.tasks['lambda:invoke'] = echo;
  assert.deepEqual((await world.run(machine({ M }))).output, output);
});

test('another definition than the one that it began with is refused, and the execution is left as it is', async () => {
  const world = worldOf({ 'lambda:invoke': lasting });
  const stop = new AbortController();
  const running = world.run(machine({ A: call('a', end) }), {}, { signal: stop.signal });
  while (world.calls.length === 0) await new Promise(setImmediate);
  stop.abort(leaving());
  await assert.rejects(running, { name: 'LeaveExecution' });
  const before = await readFile(world.journalFile);
  await assert.rejects(world.run(machine({ A: call('b', end) })), (failure: Error & { hint?: string }) => {
    assert.equal(failure.name, 'DefinitionChanged');
    assert.match(failure.message, /^execution one began with another definition of machine$/);
    assert.ok(failure.hint);
    return true;
  });
  assert.deepEqual(await readFile(world.journalFile), before);
  assert.equal(world.calls.length, 1);
});
