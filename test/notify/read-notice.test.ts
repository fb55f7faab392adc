import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { noticeSchema, printNotice } from '#model/notice';
import { readNotice } from '#notify/read-notice';
import { notice } from './notice-sample.ts';

test('a notice is read as it was printed', () => {
  assert.deepEqual(readNotice(printNotice(notice())), notice());
});

test('an alarm of CloudWatch is told, and its end as a recovery of the same', () => {
  const alarm = {
    AlarmName: 'lifeboat-backup-absent',
    AlarmDescription: 'no backup succeeded for 26 hours',
    NewStateValue: 'ALARM',
    NewStateReason: 'Threshold Crossed',
    StateChangeTime: '2026-11-20T05:13:45.123+0000',
    Trigger: {},
  };
  const told = readNotice(JSON.stringify(alarm));
  assert.equal(told.occasion, 'failure');
  assert.equal(told.subject, 'lifeboat-backup-absent');
  assert.equal(told.what, 'no backup succeeded for 26 hours\n\nThreshold Crossed');
  assert.equal(told.since, '2026-11-20T05:13:45.123Z');
  const over = readNotice(JSON.stringify({ ...alarm, NewStateValue: 'OK', StateChangeTime: undefined }));
  assert.deepEqual([over.occasion, over.recovered, over.dedupe], ['success', true, told.dedupe]);
});

test('an execution that died without a word is told', () => {
  const executionArn = 'arn:aws:states:eu-central-1:123456789012:execution:backup:full-main-1';
  const event = {
    'detail-type': 'Step Functions Execution Status Change',
    detail: {
      executionArn,
      stateMachineArn: 'arn:aws:states:eu-central-1:123456789012:stateMachine:backup',
      status: 'TIMED_OUT',
      stopDate: 1_795_000_000_000,
      error: null,
      cause: null,
    },
  };
  const told = readNotice(JSON.stringify(event));
  assert.deepEqual([told.occasion, told.title, told.machine], ['failure', 'an execution is TIMED_OUT', 'backup']);
  assert.equal(told.todo, 'lifeboat executions full-main-1');
  assert.equal(told.execution, executionArn);
});

test('what nobody can read is told as it is', () => {
  const told = readNotice('You have chosen to subscribe <a href="x">');
  assert.deepEqual([told.occasion, told.title], ['failure', 'a message came that is no notice']);
  assert.match(told.what, /You have chosen to subscribe/);
  const wrong = readNotice(JSON.stringify({ ...notice(), occasion: 'recovery' }));
  assert.match(wrong.what, /^occasion: .*\n\n\{"format":"lifeboat-notice\/1"/s);
});

test('an alarm whose name is blank is told as a message that is no notice', () => {
  const message = JSON.stringify({ AlarmName: ' ', NewStateValue: 'ALARM' });
  assert.equal(readNotice(message).title, 'a message came that is no notice');
  assert.ok(readNotice(message).what.endsWith(message));
});

test('whatever comes, a notice is made of it', () => {
  const messages = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50_000 }),
    fc.json(),
    fc
      .record({ AlarmName: fc.string(), NewStateValue: fc.constantFrom('ALARM', 'OK'), StateChangeTime: fc.anything() })
      .map((one) => JSON.stringify(one)),
  );
  fc.assert(fc.property(messages, (message) => noticeSchema.safeParse(readNotice(message)).success));
});
