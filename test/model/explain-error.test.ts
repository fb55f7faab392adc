import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainError } from '#model/explain-error';

const ecs = (task: object) => ({ Error: 'States.TaskFailed', Cause: JSON.stringify(task) });
const container = (one: object, StoppedReason = 'Essential container in task exited') =>
  ecs({ Containers: [{ Name: 'task', ...one }], StoppedReason, TaskArn: 'arn' });

const cases: [
  about: string,
  error: { Error: string; Cause?: string },
  name: string,
  message: RegExp,
  verdict: string | null,
][] = [
  [
    'a task that took too long',
    { Error: 'States.Timeout', Cause: '' },
    'TimedOut',
    /^it did not end in the time/,
    'operator',
  ],
  ['a task without a heartbeat', { Error: 'States.HeartbeatTimeout' }, 'TimedOut', /^it did not end/, 'operator'],
  [
    'capacity that RunTask did not find, without an error',
    {
      Error: 'AmazonECS.Unknown',
      Cause: JSON.stringify({ Tasks: [], Failures: [{ Arn: 'a', Reason: 'RESOURCE:MEMORY' }] }),
    },
    'TaskNotStarted',
    /^ECS did not begin the task: RESOURCE:MEMORY$/,
    'retry',
  ],
  [
    'the same in words',
    { Error: 'AmazonECS.Unknown', Cause: 'Capacity is unavailable at this time' },
    'TaskNotStarted',
    /^ECS did not begin the task: Capacity is unavailable/,
    'retry',
  ],
  ['ECS itself out of order', { Error: 'ECS.ServerException', Cause: 'oh' }, 'TaskNotStarted', /: oh$/, 'retry'],
  [
    'a role that may not begin it',
    { Error: 'ECS.AccessDeniedException', Cause: 'not authorized to perform: ecs:RunTask' },
    'ECS.AccessDeniedException',
    /^ECS refused to begin the task: not authorized to perform: ecs:RunTask$/,
    'operator',
  ],
  [
    'a task without memory',
    container({ ExitCode: 137, Reason: 'OutOfMemoryError: Container killed due to memory usage' }),
    'OutOfMemory',
    /more memory than it has: OutOfMemoryError: Container killed/,
    'operator',
  ],
  ['a task that was killed', container({ ExitCode: 137 }), 'TaskKilled', /^the task was killed: Essential/, 'retry'],
  ['a task that was told to end', container({ ExitCode: 143 }), 'TaskKilled', /^the task was killed/, 'retry'],
  [
    'a task that could not reach the bucket',
    container({ ExitCode: 5 }),
    'TaskFailed',
    /^the task ended with exit code 5 \(the bucket cannot be reached or refuses us\) and left no reason/,
    'retry',
  ],
  [
    'a task with a bug',
    container({ ExitCode: 1 }),
    'TaskFailed',
    /^the task ended with exit code 1 \(unexpected/,
    null,
  ],
  [
    'a task with another program’s exit code',
    container({ ExitCode: 99 }),
    'TaskFailed',
    /code 99 and left no reason/,
    null,
  ],
  [
    'a task that did not start',
    container({}, 'CannotPullContainerError: not found'),
    'TaskNotStarted',
    /^the task did not start: CannotPullContainerError: not found$/,
    'retry',
  ],
  [
    'a task of which nothing is known',
    ecs({ StoppedReason: '' }),
    'TaskNotStarted',
    /^the task did not start$/,
    'retry',
  ],
  [
    'a function',
    { Error: 'InputInvalid', Cause: '{"errorType":"InputInvalid","errorMessage":"x is wrong\\nHINT: y","trace":[]}' },
    'InputInvalid',
    /^x is wrong$/,
    null,
  ],
  ['an error without a cause', { Error: 'States.Runtime' }, 'States.Runtime', /^it did not say why$/, null],
  ['a cause that is JSON of another kind', { Error: 'X', Cause: '[1]' }, 'X', /^\[1\]$/, null],
  ['a cause that is cut JSON', { Error: 'X', Cause: '{"Contai' }, 'X', /^\{"Contai$/, null],
];
for (const [about, error, name, message, verdict] of cases) {
  test(`${about} is ${name}`, () => {
    const explained = explainError(error);
    assert.equal(explained.name, name);
    assert.match(explained.message, message);
    assert.equal(explained.verdict, verdict);
  });
}

test('a function’s hint stands by itself', () => {
  const Cause = JSON.stringify({ errorMessage: 'x\nHINT: y\nz' });
  assert.equal(explainError({ Error: 'E', Cause }).hint, 'y\nz');
});

test('a long cause is cut', () => {
  assert.equal(explainError({ Error: 'E', Cause: 'x'.repeat(40_000) }).message.length, 1000);
});
