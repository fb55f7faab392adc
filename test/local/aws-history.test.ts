import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executionHistory } from '#local/execution-history';
import type { Json } from '#local/integration';
import { failing, lasting, machine, scope, type Task, World } from './engine-world.ts';

/** What AWS tells of executions like these: the events, each with the one before it. */
interface Case {
  states: Record<string, Json>;
  more?: { [name: string]: Json };
  tasks?: Record<string, Task>;
  tells: string;
}

const end = { End: true };
const none = '{% $states.input.none %}';
const call = (more: { [name: string]: Json } = {}): Json => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  ...('Next' in more ? {} : end),
  ...more,
});
const fail = { F: { Type: 'Fail', Error: 'E', Cause: 'C' } };
const pass = { I: { Type: 'Pass', ...end } };
const undef = { I: { Type: 'Pass', Output: { v: none }, ...end } };
const parallel = (branches: Record<string, Json>[], more: { [name: string]: Json } = {}): Json => ({
  Type: 'Parallel',
  Branches: branches.map(scope),
  ...end,
  ...more,
});
const map = (states: Record<string, Json>, more: { [name: string]: Json } = {}): Json => ({
  Type: 'Map',
  Items: [1, 2],
  MaxConcurrency: 1,
  ItemProcessor: scope(states),
  ...end,
  ...more,
});
const distributed = (states: Record<string, Json>, more: { [name: string]: Json } = {}): Json =>
  map(states, {
    ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...scope(states) },
    ...more,
  });
const catchAll = { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'H' }] };
const once = { Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1 }] };
const handled = { H: { Type: 'Pass', ...end } };

const cases: Record<string, Case> = {
  'a failure in a branch that is caught': {
    states: { P: parallel([undef], catchAll), ...handled },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, PassStateEntered 3, EvaluationFailed 4,
      ParallelStateFailed 5, ParallelStateExited 6, PassStateEntered 7, PassStateExited 8, ExecutionSucceeded 9`,
  },
  'a Parallel that is tried again says that it failed only at the end': {
    states: { P: parallel([fail], once) },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, FailStateEntered 3,
      ParallelStateStarted 4, FailStateEntered 5, ParallelStateFailed 6, ExecutionFailed 7`,
  },
  'a Task that ends its branch is aborted as well': {
    states: { P: parallel([{ T: call() }], catchAll), ...handled },
    tasks: { 'lambda:invoke': failing('E') },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, TaskStateEntered 3, TaskScheduled 4,
      TaskStarted 5, TaskFailed 6, TaskStateAborted 7, ParallelStateFailed 7, ParallelStateExited 9, PassStateEntered 10,
      PassStateExited 11, ExecutionSucceeded 12`,
  },
  'a Task that is caught within its branch is not': {
    states: { P: parallel([{ T: call(catchAll), ...handled }]) },
    tasks: { 'lambda:invoke': failing('E') },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, TaskStateEntered 3, TaskScheduled 4,
      TaskStarted 5, TaskFailed 6, TaskStateExited 7, PassStateEntered 8, PassStateExited 9, ParallelStateSucceeded 10,
      ParallelStateExited 10, ExecutionSucceeded 12`,
  },
  'what a failing branch cuts follows the failure': {
    states: {
      P: parallel([
        { W: { Type: 'Wait', Seconds: 1, Next: 'F' }, ...fail },
        { L: { Type: 'Wait', Seconds: 20, ...end } },
        { T: call() },
      ]),
    },
    tasks: { 'lambda:invoke': lasting },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, WaitStateEntered 3, WaitStateEntered 3,
      TaskStateEntered 3, TaskScheduled 6, TaskStarted 7, WaitStateExited 4, FailStateEntered 9, WaitStateAborted 10,
      TaskStateAborted 10, ParallelStateFailed 10, ExecutionFailed 13`,
  },
  'an iteration that cannot be evaluated': {
    states: { M: map(undef) },
    tells: `ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, MapIterationStarted 3, PassStateEntered 4,
      EvaluationFailed 5, MapIterationFailed 6, MapStateFailed 6, ExecutionFailed 8`,
  },
  'no items': {
    states: { M: map(pass, { Items: [] }) },
    tells: `ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, MapStateSucceeded 3, MapStateExited 3,
      ExecutionSucceeded 5`,
  },
  'items that are nothing': {
    states: { M: map(pass, { Items: none }) },
    tells: 'ExecutionStarted 0, MapStateEntered 0, EvaluationFailed 2, MapStateFailed 3, ExecutionFailed 4',
  },
  'a task whose argument is nothing, tried again': {
    states: { T: call({ Arguments: { q: none }, ...once }) },
    tells: 'ExecutionStarted 0, TaskStateEntered 0, EvaluationFailed 2, EvaluationFailed 3, ExecutionFailed 4',
  },
  'a catcher that fails begins before the failure that it caught': {
    states: {
      P: parallel([fail], {
        Catch: [
          { ErrorEquals: ['Other'], Next: 'H' },
          { ErrorEquals: ['States.ALL'], Output: { v: none }, Next: 'H' },
        ],
      }),
      ...handled,
    },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, FailStateEntered 3, ParallelStateFailed 4,
      EvaluationFailed 4, ParallelStateFailed 6, ExecutionFailed 7`,
  },
  'a choice within a branch that leads nowhere ends the execution at once': {
    states: {
      M: map({ C: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'I' }] }, ...pass }),
    },
    tells: `ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, MapIterationStarted 3, ChoiceStateEntered 4,
      ExecutionFailed 5`,
  },
  'children of a distributed Map have histories of their own': {
    states: { M: distributed(pass) },
    tells: `ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, MapRunStarted 3, MapRunSucceeded 4,
      MapStateSucceeded 5, MapStateExited 4, ExecutionSucceeded 7`,
  },
  'a distributed Map that fails': {
    states: { M: distributed(fail) },
    tells: `ExecutionStarted 0, MapStateEntered 0, MapStateStarted 2, MapRunStarted 3, MapRunFailed 4, MapStateFailed 5,
      ExecutionFailed 6`,
  },
  'a machine whose time is over tells nothing of what it cuts': {
    states: { P: parallel([{ T: call() }, { W: { Type: 'Wait', Seconds: 90, ...end } }]) },
    more: { TimeoutSeconds: 60 },
    tasks: { 'lambda:invoke': lasting },
    tells: `ExecutionStarted 0, ParallelStateEntered 0, ParallelStateStarted 2, TaskStateEntered 3, WaitStateEntered 3,
      TaskScheduled 4, TaskStarted 6, ExecutionTimedOut 0`,
  },
};

for (const [name, { states, more = {}, tasks = {}, tells }] of Object.entries(cases)) {
  test(name, async () => {
    const world = new World(tasks);
    try {
      await world.run(machine(states, more));
      const events = await executionHistory(world.journalFile);
      const told = events.map(({ type, previousEventId }) => `${type} ${previousEventId}`);
      assert.deepEqual(told, tells.split(/,\s+/));
    } finally {
      world.remove();
    }
  });
}

/** Runs a machine and gives the cause with which it failed. */
async function causeOf(states: Record<string, Json>): Promise<string> {
  const world = new World();
  try {
    const { cause } = await world.run(machine(states));
    return cause ?? '';
  } finally {
    world.remove();
  }
}

const last = { Type: 'Pass', Output: none, ...end };

test('a cause counts the events of a Map, and none of the children of a distributed one', async () => {
  assert.match(
    await causeOf({ M: map(pass, { End: false, Next: 'L' }), L: last }),
    /'L' \(entered at the event id #14\)/,
  );
  const apart = distributed(pass, { End: false, Next: 'L' });
  assert.match(await causeOf({ M: apart, L: last }), /'L' \(entered at the event id #8\)/);
});

test('a child of a distributed Map counts its own events', async () => {
  const M = distributed(
    { A: { Type: 'Pass', Next: 'I' }, ...undef },
    { ToleratedFailureCount: 2, End: false, Next: 'S' },
  );
  const S = { Type: 'Fail', Error: 'E', Cause: '{% $states.input[1].Cause %}' };
  assert.match(
    await causeOf({ M, S }),
    /^An error occurred while executing the state 'I' \(entered at the event id #4\)\./,
  );
});
