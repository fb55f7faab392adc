import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ExecutionHistory } from '#local/execution-history';
import type { HistoryEvent } from '#local/history-writer';
import type { Json } from '#local/integration';
import type { ToldChild, ToldExecution } from '#local/told-execution';
import { failing, lasting, machine, scope, type Task, World } from './engine-world.ts';

type States = Record<string, Json>;

const worlds: World[] = [];
after(() => {
  for (const world of worlds) world.remove();
});

async function run(definition: Json, tasks: Record<string, Task> = {}, signal?: AbortSignal): Promise<World> {
  const world = new World(tasks);
  worlds.push(world);
  await world.run(definition, {}, signal ? { signal } : {});
  return world;
}
const told = async (...words: Parameters<typeof run>): Promise<ToldExecution> =>
  new ExecutionHistory((await run(...words)).journalFile).read();
const distributed = (states: States, more: { [name: string]: Json } = {}): Json => ({
  Type: 'Map',
  Label: 'Crowd',
  Items: [{ a: 1 }],
  ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...scope(states) },
  ToleratedFailurePercentage: 100,
  End: true,
  ...more,
});
const childrenOf = (execution: ToldExecution): ToldChild[] => [...execution.children.values()];
const timeless = (events: readonly HistoryEvent[]) => events.map(({ timestamp, ...event }) => event);
const end = { End: true };
const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke' };
const pass = { Type: 'Pass', ...end };
const catchAll = { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }] };

describe('a child of a Map', () => {
  const cases: Record<string, { states: States; tasks?: Record<string, Task> }> = {
    'states that follow each other': { states: { A: { Type: 'Pass', Assign: { x: 1 }, Next: 'B' }, B: pass } },
    'a task that fails, is tried again and caught': {
      states: {
        A: { ...task, Retry: [{ ErrorEquals: ['E'], MaxAttempts: 2 }], ...catchAll, ...end },
        Caught: { Type: 'Succeed' },
      },
      tasks: { 'lambda:invoke': failing('E', 'why') },
    },
    'a task that nobody catches': { states: { A: { ...task, ...end } }, tasks: { 'lambda:invoke': failing('E', 'C') } },
    'a failure by plan': { states: { A: { Type: 'Fail', Error: 'E', Cause: 'C' } } },
    'branches, of which one fails': {
      states: {
        A: {
          Type: 'Parallel',
          Branches: [scope({ W: { Type: 'Wait', Seconds: 9, ...end } }), scope({ F: { Type: 'Fail', Error: 'E' } })],
          ...catchAll,
          ...end,
        },
        Caught: pass,
      },
    },
    'an inline Map': {
      states: { A: { Type: 'Map', Items: [1, 2], MaxConcurrency: 1, ItemProcessor: scope({ I: pass }), ...end } },
    },
  };
  for (const [what, { states, tasks }] of Object.entries(cases)) {
    test(`tells of ${what} as an execution of its own would`, async () => {
      const [child] = childrenOf(await told(machine({ M: distributed(states) }), tasks));
      const alone = new World(tasks);
      worlds.push(alone);
      await alone.run(machine(states), { a: 1 });
      const { events } = await new ExecutionHistory(alone.journalFile).read();
      assert.ok(events.length >= 3);
      assert.deepEqual(timeless(child!.events), timeless(events));
      const last = events.at(-1)!;
      assert.equal(`Execution${child!.status}`.toUpperCase(), last.type.toUpperCase());
      assert.deepEqual(child!.ending?.error, last.executionFailedEventDetails?.error);
      assert.deepEqual(
        child!.ending?.output,
        JSON.parse(String(last.executionSucceededEventDetails?.output ?? 'null')) ?? undefined,
      );
    });
  }

  test('is named as it knows itself, and is given what ItemSelector made', async () => {
    const states = { I: { Type: 'Pass', Output: '{% $states.context.Execution %}', ...end } };
    const execution = await told(
      machine({
        M: distributed(states, { Items: [1, 2], ItemSelector: { n: '{% $states.context.Map.Item.Value %}' } }),
      }),
    );
    const children = childrenOf(execution);
    assert.deepEqual(
      children.map(({ input }) => input),
      [{ n: 1 }, { n: 2 }],
    );
    for (const { arn, name, ending, startTime } of children) {
      const { Id, Name, StartTime } = ending!.output as Record<string, string>;
      assert.deepEqual([Id, Name, StartTime], [arn, name, startTime]);
      assert.match(arn, /^arn:aws:states:local:000000000000:execution:machine\/Crowd:[0-9a-f]{32}$/);
    }
    const [started] = execution.events.filter(({ type }) => type === 'MapRunStarted');
    assert.deepEqual([started!.mapRunStartedEventDetails!.mapRunArn], [...execution.mapRuns.keys()]);
    assert.match([...execution.mapRuns.keys()][0]!, /:mapRun:machine\/Crowd:[0-9a-f]{32}$/);
  });

  test('has children of its own where it runs a Map', async () => {
    const inner = distributed({ I: pass }, { Label: 'Inner', Items: '{% $states.input.of %}' });
    const execution = await told(
      machine({ M: distributed({ N: inner }, { Items: [{ of: [1] }, { of: [2, 3] }], MaxConcurrency: 1 }) }),
    );
    const inputs = [...execution.mapRuns].map(([arn, children]) => [
      /\/(\w+):/.exec(arn)![1],
      children.map(({ input }) => input),
    ]);
    assert.deepEqual(inputs, [
      ['Crowd', [{ of: [1] }, { of: [2, 3] }]],
      ['Inner', [1]],
      ['Inner', [2, 3]],
    ]);
    const [first] = childrenOf(execution);
    const { mapRunArn } = first!.events.find(({ type }) => type === 'MapRunStarted')!.mapRunStartedEventDetails!;
    assert.deepEqual(execution.mapRuns.get(String(mapRunArn))!.length, 1);
  });

  test('of a Map that is tried again belongs to a run of its own', async () => {
    const states = { F: { Type: 'Fail', Error: 'E' } };
    const again = { ToleratedFailurePercentage: 0, Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1 }] };
    const execution = await told(machine({ M: distributed(states, again) }));
    assert.deepEqual(
      [...execution.mapRuns.values()].map((children) => children.map(({ status }) => status)),
      [['FAILED'], ['FAILED']],
    );
  });

  test('is aborted with its execution', async () => {
    const stop = new AbortController();
    const last: Task = (call) => {
      setImmediate(() => stop.abort());
      return lasting(call);
    };
    const execution = await told(
      machine({ M: distributed({ T: { ...task, ...end } }) }),
      { 'lambda:invoke': last },
      stop.signal,
    );
    const [child] = childrenOf(execution);
    assert.deepEqual([child!.status, child!.ending!.output], ['ABORTED', undefined]);
    assert.equal(child!.events.at(-1)!.type, 'ExecutionAborted');
  });
});

test('what is told of a journal that grows is what is told of it in the end', async () => {
  let history: ExecutionHistory | undefined;
  const sizes: number[] = [];
  const look: Task = async () => {
    history ??= new ExecutionHistory(world.journalFile);
    sizes.push(
      (await history.read()).events.length + childrenOf(await history.read()).flatMap((one) => one.events).length,
    );
    return 1;
  };
  const world = new World({ 'lambda:invoke': look });
  worlds.push(world);
  const states = { T: { ...task, Next: 'U' }, U: { ...task, ...end } };
  await world.run(machine({ M: distributed(states, { Items: [1, 2, 3], MaxConcurrency: 1 }) }));
  const [grown, whole] = [await history!.read(), await new ExecutionHistory(world.journalFile).read()];
  assert.ok(new Set(sizes).size > 3, `${sizes}`);
  assert.deepEqual(grown.events, whole.events);
  assert.deepEqual(childrenOf(grown), childrenOf(whole));
});
