import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { executionHistory } from '#local/execution-history';
import type { HistoryEvent } from '#local/history-writer';
import type { Json } from '#local/integration';
import { runExecution } from '#local/run-execution';
import { failing, identity, lasting, machine, scope, type Task, World } from './engine-world.ts';

const worlds: World[] = [];
after(() => {
  for (const world of worlds) world.remove();
});

async function historyOf(
  definition: Json,
  tasks: Record<string, Task> = {},
  input: Json = {},
): Promise<HistoryEvent[]> {
  const world = new World(tasks);
  worlds.push(world);
  await world.run(definition, input);
  return executionHistory(world.journalFile);
}

/** `id type ←previous`, as far as the order matters. */
const outline = (events: HistoryEvent[]) => events.map((one) => `${one.id} ${one.type} ←${one.previousEventId}`);
const lambda = 'arn:aws:states:::lambda:invoke';
const end = { End: true };

test('states follow each other, and the first one follows nothing, as recorded on AWS', async () => {
  const events = await historyOf(
    machine({ A: { Type: 'Pass', Assign: { x: 'é' }, Next: 'B' }, B: { Type: 'Succeed' } }),
    {},
    { i: 1 },
  );
  const data = { input: '{"i":1}', inputDetails: { truncated: false } };
  const output = { output: '{"i":1}', outputDetails: { truncated: false } };
  const timestamp = Date.parse('2026-03-01T12:00:00Z') / 1000;
  assert.deepEqual(events, [
    {
      id: 1,
      previousEventId: 0,
      timestamp,
      type: 'ExecutionStarted',
      executionStartedEventDetails: { ...data, roleArn: identity(0).roleArn },
    },
    {
      id: 2,
      previousEventId: 0,
      timestamp,
      type: 'PassStateEntered',
      stateEnteredEventDetails: { name: 'A', ...data },
    },
    {
      ...{ id: 3, previousEventId: 2, timestamp, type: 'PassStateExited' },
      stateExitedEventDetails: {
        name: 'A',
        ...output,
        assignedVariables: { x: '"é"' },
        assignedVariablesDetails: { truncated: false },
      },
    },
    {
      id: 4,
      previousEventId: 3,
      timestamp,
      type: 'SucceedStateEntered',
      stateEnteredEventDetails: { name: 'B', ...data },
    },
    {
      id: 5,
      previousEventId: 4,
      timestamp,
      type: 'SucceedStateExited',
      stateExitedEventDetails: { name: 'B', ...output },
    },
    { id: 6, previousEventId: 5, timestamp, type: 'ExecutionSucceeded', executionSucceededEventDetails: output },
  ]);
});

test('a task that fails, is tried again and succeeds', async () => {
  let tries = 0;
  const once: Task = (call) => (tries++ === 0 ? failing('Flaky', 'once')(call) : 'ok');
  const state = {
    Type: 'Task',
    Resource: lambda,
    Arguments: { q: 1 },
    TimeoutSeconds: 60,
    Retry: [{ ErrorEquals: ['Flaky'] }],
    ...end,
  };
  const events = await historyOf(machine({ A: state }), { 'lambda:invoke': once });
  assert.deepEqual(outline(events), [
    '1 ExecutionStarted ←0',
    '2 TaskStateEntered ←0',
    '3 TaskScheduled ←2',
    '4 TaskStarted ←3',
    '5 TaskFailed ←4',
    '6 TaskScheduled ←5',
    '7 TaskStarted ←6',
    '8 TaskSucceeded ←7',
    '9 TaskStateExited ←8',
    '10 ExecutionSucceeded ←9',
  ]);
  const resource = { resourceType: 'lambda', resource: 'invoke' };
  assert.deepEqual(events[2]!.taskScheduledEventDetails, {
    ...resource,
    region: 'local',
    parameters: '{"q":1}',
    timeoutInSeconds: 60,
  });
  assert.deepEqual(events[4]!.taskFailedEventDetails, { ...resource, error: 'Flaky', cause: 'once' });
  assert.deepEqual(events[7]!.taskSucceededEventDetails, {
    ...resource,
    output: '"ok"',
    outputDetails: { truncated: false },
  });
});

test('a token is submitted, and its heartbeat is told as a timeout, as recorded on AWS', async () => {
  const state = {
    Type: 'Task',
    Resource: `${lambda}.waitForTaskToken`,
    Arguments: 1,
    HeartbeatSeconds: 5,
    TimeoutSeconds: 600,
    ...end,
  };
  const events = await historyOf(machine({ A: state }), { 'lambda:invoke': () => 'sent' });
  assert.deepEqual(outline(events).slice(2), [
    '3 TaskScheduled ←2',
    '4 TaskStarted ←3',
    '5 TaskSubmitted ←4',
    '6 TaskTimedOut ←5',
    '7 ExecutionFailed ←6',
  ]);
  const resource = { resourceType: 'lambda', resource: 'invoke.waitForTaskToken' };
  assert.deepEqual(events[2]!.taskScheduledEventDetails, {
    ...resource,
    region: 'local',
    parameters: '1',
    timeoutInSeconds: 600,
    heartbeatInSeconds: 5,
  });
  assert.deepEqual(events[5]!.taskTimedOutEventDetails, { ...resource, error: 'States.Timeout' });
  assert.deepEqual(events[6]!.executionFailedEventDetails, { error: 'States.Timeout' });
});

test('iterations of a map one by one, as recorded on AWS', async () => {
  const definition = machine({
    M: { Type: 'Map', Items: [7, 8], MaxConcurrency: 1, ItemProcessor: scope({ I: { Type: 'Pass', ...end } }), ...end },
  });
  const events = await historyOf(definition);
  assert.deepEqual(outline(events), [
    '1 ExecutionStarted ←0',
    '2 MapStateEntered ←0',
    '3 MapStateStarted ←2',
    '4 MapIterationStarted ←3',
    '5 PassStateEntered ←4',
    '6 PassStateExited ←5',
    '7 MapIterationSucceeded ←6',
    '8 MapIterationStarted ←6',
    '9 PassStateEntered ←8',
    '10 PassStateExited ←9',
    '11 MapIterationSucceeded ←10',
    '12 MapStateSucceeded ←11',
    '13 MapStateExited ←11',
    '14 ExecutionSucceeded ←13',
  ]);
  assert.deepEqual(events[2]!.mapStateStartedEventDetails, { length: 2 });
  assert.deepEqual(events[7]!.mapIterationStartedEventDetails, { name: 'M', index: 1 });
});

test('iterations of a map at the same time begin after its start, and those that are stopped are aborted', async () => {
  const I = { Type: 'Task', Resource: lambda, TimeoutSeconds: '{% $states.input %}', ...end };
  const definition = machine({ M: { Type: 'Map', Items: [5, 50], ItemProcessor: scope({ I }), ...end } });
  assert.deepEqual(outline(await historyOf(definition, { 'lambda:invoke': lasting })), [
    '1 ExecutionStarted ←0',
    '2 MapStateEntered ←0',
    '3 MapStateStarted ←2',
    '4 MapIterationStarted ←3',
    '5 MapIterationStarted ←3',
    '6 TaskStateEntered ←4',
    '7 TaskStateEntered ←5',
    '8 TaskScheduled ←6',
    '9 TaskStarted ←8',
    '10 TaskScheduled ←7',
    '11 TaskStarted ←10',
    '12 TaskTimedOut ←9',
    '13 TaskStateAborted ←12',
    '14 MapIterationFailed ←12',
    '15 TaskStateAborted ←12',
    '16 MapIterationAborted ←12',
    '17 MapStateFailed ←12',
    '18 ExecutionFailed ←17',
  ]);
});

test('after an iteration has failed no other one begins', async () => {
  const I = { Type: 'Fail', Error: 'E' };
  const definition = machine({
    M: { Type: 'Map', Items: [1, 2, 3], MaxConcurrency: 1, ItemProcessor: scope({ I }), ...end },
  });
  assert.deepEqual(outline(await historyOf(definition)).slice(3), [
    '4 MapIterationStarted ←3',
    '5 FailStateEntered ←4',
    '6 MapIterationFailed ←5',
    '7 MapStateFailed ←5',
    '8 ExecutionFailed ←7',
  ]);
});

test('branches', async () => {
  const definition = machine({
    P: {
      Type: 'Parallel',
      Branches: [scope({ A: { Type: 'Pass', ...end } }), scope({ B: { Type: 'Wait', Seconds: 1, ...end } })],
      ...end,
    },
  });
  assert.deepEqual(outline(await historyOf(definition)), [
    '1 ExecutionStarted ←0',
    '2 ParallelStateEntered ←0',
    '3 ParallelStateStarted ←2',
    '4 PassStateEntered ←3',
    '5 PassStateExited ←4',
    '6 WaitStateEntered ←3',
    '7 WaitStateExited ←6',
    '8 ParallelStateSucceeded ←7',
    '9 ParallelStateExited ←7',
    '10 ExecutionSucceeded ←9',
  ]);
});

test('what cannot be evaluated, with its state and field', async () => {
  const events = await historyOf(machine({ A: { Type: 'Pass', Output: { v: '{% $no %}' }, ...end } }));
  const cause =
    "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$no' specified for the field 'Output/v' returned nothing (undefined).";
  const error = { error: 'States.QueryEvaluationError', cause };
  assert.deepEqual(outline(events).slice(2), ['3 EvaluationFailed ←2', '4 ExecutionFailed ←3']);
  assert.deepEqual(events[2]!.evaluationFailedEventDetails, { ...error, location: 'Output/v', state: 'A' });
  assert.deepEqual(events[3]!.executionFailedEventDetails, error);
});

test('a Fail state, a choice that leads nowhere and a machine whose time is over', async () => {
  const fail = await historyOf(machine({ A: { Type: 'Fail', Error: 'E', Cause: 'C' } }));
  assert.deepEqual(outline(fail).slice(1), ['2 FailStateEntered ←0', '3 ExecutionFailed ←2']);
  assert.deepEqual(fail[2]!.executionFailedEventDetails, { error: 'E', cause: 'C' });
  const choice = await historyOf(
    machine({
      A: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'B' }] },
      B: { Type: 'Succeed' },
    }),
  );
  assert.deepEqual(outline(choice).slice(1), ['2 ChoiceStateEntered ←0', '3 ExecutionFailed ←2']);
  const late = await historyOf(machine({ A: { Type: 'Wait', Seconds: 9, ...end } }, { TimeoutSeconds: 5 }));
  assert.deepEqual(outline(late).slice(1), ['2 WaitStateEntered ←0', '3 ExecutionTimedOut ←0']);
  assert.deepEqual(late.at(-1)!.executionTimedOutEventDetails, { error: 'States.Timeout' });
});

test('events are told as they happen, and those from before a resume are not told again', async () => {
  const world = new World({ 'lambda:invoke': () => 1 });
  worlds.push(world);
  const told: HistoryEvent[] = [];
  const { journalFile, integrations, tokens, clock } = world;
  const options = {
    definition: machine({ A: { Type: 'Task', Resource: lambda, ...end } }),
    ...{ execution: identity({}), journalFile, integrations, tokens, clock, signal: new AbortController().signal },
    onEvent: (event: HistoryEvent) => told.push(event),
  };
  await runExecution(options);
  assert.deepEqual(told, await executionHistory(journalFile));
  const before = told.length;
  await runExecution(options);
  assert.equal(told.length, before);
});

test('where there is no journal there is no history', async () => {
  assert.deepEqual(await executionHistory('/nowhere/journal.jsonl'), []);
});
