import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyLine } from '#runtime/history-line';

const failed = (error: string, cause: string): string | undefined =>
  historyLine({
    ...{ id: 1, timestamp: new Date(), type: 'TaskFailed' },
    taskFailedEventDetails: { resourceType: 'states', resource: 'startExecution.sync:2', error, cause },
  });

test('an execution that was waited for fails with its own error and the first line of its cause', () => {
  const child = {
    ExecutionArn: 'arn:aws:states:eu-west-1:000000000000:execution:failover:run-switchover',
    ...{
      Status: 'FAILED',
      Error: 'FailoverRejected',
      Cause: 'rejected by grace: not today\nHINT: ask again',
      Input: '{}',
    },
  };
  assert.equal(failed('States.TaskFailed', JSON.stringify(child)), '✗ FailoverRejected: rejected by grace: not today');
  const { ExecutionArn } = child;
  assert.equal(
    failed('States.TaskFailed', JSON.stringify({ ExecutionArn, Status: 'ABORTED' })),
    '✗ ABORTED: run-switchover ended so',
  );
});

test('what is no execution is told as before', () => {
  assert.equal(failed('NotReady', JSON.stringify({ errorMessage: 'no' })), '✗ NotReady: no');
  assert.equal(failed('States.Timeout', 'too long'), '✗ States.Timeout: too long');
});
