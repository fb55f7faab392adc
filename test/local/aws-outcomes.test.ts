import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '#local/integration';
import { failing, lasting, machine, outcome, scope, type Task } from './engine-world.ts';

const end = { End: true };
const lambda = 'arn:aws:states:::lambda:invoke';
const call = (more: { [name: string]: Json } = {}): Json => ({
  ...{ Type: 'Task', Resource: lambda },
  ...('Next' in more ? {} : end),
  ...more,
});
const pass = (Output: Json): Json => ({ Type: 'Pass', Output, ...end });
const tooMuch = 'x'.repeat(300_000);

const waits: [string, Json, boolean][] = [
  ['Timestamp', '2016-12-05T21:29:29Z', true],
  ['Timestamp', '2016-12-05T21:29:29.123456789Z', true],
  ['Timestamp', '2016-12-05T21:29:29+09:00', true],
  ['Timestamp', '2016-12-05T21:29Z', true],
  ['Timestamp', '2016-12-05t21:29:29z', true],
  ['Timestamp', '2016-02-29T21:29:29Z', true],
  ['Timestamp', '2016-12-05 21:29:29Z', false],
  ['Timestamp', '2016-12-05T21:29:29', false],
  ['Timestamp', '2016-02-30T21:29:29Z', false],
  ['Timestamp', '2016-12-05T25:29:29Z', false],
  ['Timestamp', 1480973369, false],
  ['Seconds', 0, true],
  ['Seconds', 100_000_000, true],
  ['Seconds', -1, false],
  ['Seconds', 1.5, false],
  ['Seconds', '3', false],
  ['Seconds', null, false],
  ['Seconds', true, false],
];
for (const [field, given, waited] of waits) {
  test(`a Wait takes ${JSON.stringify(given)} for ${field}: ${waited}`, async () => {
    const W = { Type: 'Wait', [field]: '{% $states.input.v %}', ...end };
    const { error } = await outcome(machine({ W }), { input: { v: given } });
    assert.equal(error, waited ? undefined : 'States.QueryEvaluationError');
  });
}

/** Children that fail where `bad` is set; whether a Map of so many tolerates it. */
const tolerances: [bad: number, items: number, count: Json, percentage: Json, tolerated: boolean][] = [
  [1, 3, 0, 0, false],
  [1, 3, 1, 100, true],
  [3, 3, 1, 100, false],
  [1, 3, 0, 100, true],
  [1, 3, 5, 0, true],
  [1, 3, 9, 34, true],
  [1, 3, 9, 33, false],
  [1, 4, '{% 4 %}', '{% 25 %}', true],
  [1, 4, 9, 24, false],
  [2, 3, 1, 90, false],
  [2, 3, 5, 50, false],
];
const child = scope({
  C: { Type: 'Choice', Choices: [{ Condition: '{% $states.input.bad %}', Next: 'F' }], Default: 'S' },
  F: { Type: 'Fail', Error: 'Boom', Cause: 'c' },
  S: { Type: 'Succeed', Output: '{% $states.input.n %}' },
});
const distributed = (more: { [name: string]: Json }, processor: { [name: string]: Json } = child): Json => ({
  Type: 'Map',
  Items: '{% $states.input %}',
  ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...processor },
  ...end,
  ...more,
});
for (const [bad, items, count, percentage, tolerated] of tolerances) {
  test(`${bad} of ${items} failed, ${count} or ${percentage} % may: ${tolerated}`, async () => {
    const M = distributed({ ToleratedFailureCount: count, ToleratedFailurePercentage: percentage });
    const input = Array.from({ length: items }, (_, n) => ({ n, bad: n < bad }));
    const { output, error } = await outcome(machine({ M }), { input });
    if (!tolerated) return assert.equal(error, 'States.ExceedToleratedFailureThreshold');
    const lost = { Status: 'FAILED', Error: 'Boom', Cause: 'c' };
    assert.deepEqual(output, [...Array(bad).fill(lost), ...input.slice(bad).map(({ n }) => n)]);
  });
}

test('a batch that fails counts all of its items, and has one place in the result', async () => {
  const batches = scope({
    C: { Type: 'Choice', Choices: [{ Condition: '{% true in $states.input.Items.bad %}', Next: 'F' }], Default: 'S' },
    F: { Type: 'Fail', Error: 'Boom', Cause: 'c' },
    S: { Type: 'Succeed', Output: '{% $states.input.Items.n %}' },
  });
  const M = (percentage: number): Json =>
    distributed({ ItemBatcher: { MaxItemsPerBatch: 2 }, ToleratedFailurePercentage: percentage }, batches);
  const input = [1, 2, 3, 4, 5].map((n) => ({ n, bad: n === 2 }));
  assert.equal((await outcome(machine({ M: M(39) }), { input })).error, 'States.ExceedToleratedFailureThreshold');
  const { output } = await outcome(machine({ M: M(40) }), { input });
  assert.deepEqual(output, [{ Status: 'FAILED', Error: 'Boom', Cause: 'c' }, [3, 4], 5]);
});

test('a child of a distributed Map is an execution of its own', async () => {
  const S = { Type: 'Succeed', Output: '{% $states.context.[Execution, StateMachine] %}' };
  const M = distributed({ Label: 'Each' }, scope({ S }));
  const { output } = await outcome(machine({ M }), { input: [7, 8] });
  type Told = { Id: string; Name: string; Input: Json };
  const [[one, its], [other]] = output as [Told[], Told[]];
  assert.deepEqual([one!.Input, other!.Input], [7, 8]);
  assert.equal(one!.Id, `arn:aws:states:local:000000000000:execution:machine/Each:${one!.Name}`);
  assert.notEqual(one!.Name, other!.Name);
  assert.equal(its!.Id, 'arn:aws:states:local:000000000000:stateMachine:machine/Each');
});

test('a catcher reads how often it was tried again', async () => {
  const caught = {
    Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1 }],
    Catch: [{ ErrorEquals: ['States.ALL'], Output: '{% $states.context.State.RetryCount %}', Next: 'S' }],
  };
  const tasks = { 'lambda:invoke': failing('Boom') };
  assert.equal((await outcome(machine({ A: call(caught), S: { Type: 'Succeed' } }), { tasks })).output, 1);
});

const limits: [string, string, string][] = [
  ['a wildcard', 'States.ALL', lambda],
  ['the wildcard of tasks', 'States.TaskFailed', lambda],
  ['its name', 'States.DataLimitExceeded', 'arn:aws:lambda:eu-west-1:1:function:f'],
];
for (const [by, name, Resource] of limits) {
  test(`a result that is too large is caught by ${by}, and told with what gave it`, async () => {
    const A = call({ Resource, Catch: [{ ErrorEquals: [name], Next: 'S' }] });
    const large: Task = () => tooMuch;
    const tasks = { 'lambda:invoke': large, [Resource]: large };
    const { output } = await outcome(machine({ A, S: { Type: 'Succeed' } }), { tasks });
    const what = Resource === lambda ? 'lambda' : Resource;
    assert.deepEqual(output, {
      Error: 'States.DataLimitExceeded',
      Cause: `The state/task '${what}' returned a result with a size exceeding the maximum number of bytes service limit.`,
    });
  });
}

test('what cannot be evaluated is no failure of a task', async () => {
  const Catch = [
    { ErrorEquals: ['States.TaskFailed'], Next: 'S' },
    { ErrorEquals: ['States.ALL'], Next: 'Q' },
  ];
  const A = call({ Arguments: '{% $no %}', Catch });
  const { output } = await outcome(machine({ A, S: { Type: 'Succeed' }, Q: pass('query') }));
  assert.equal(output, 'query');
});

test('only the first retrier that names an error counts, whatever the others would allow', async () => {
  const errors = ['A', 'B', 'C', 'B', 'never'];
  const Retry = [
    { ErrorEquals: ['A', 'B'], MaxAttempts: 2 },
    { ErrorEquals: ['C'] },
    { ErrorEquals: ['States.ALL'], MaxAttempts: 5 },
  ];
  const tasks: Record<string, Task> = { 'lambda:invoke': (task) => failing(errors.shift()!)(task) };
  const { error, world } = await outcome(machine({ A: call({ Retry }) }), { tasks });
  assert.deepEqual([error, world.calls.length], ['B', 4]);
});

test('a machine whose time is over has no error', async () => {
  const { status, error, cause } = await outcome(machine({ A: call() }, { TimeoutSeconds: 5 }), {
    tasks: { 'lambda:invoke': lasting },
  });
  assert.deepEqual({ status, error, cause }, { status: 'TIMED_OUT', error: undefined, cause: undefined });
});
