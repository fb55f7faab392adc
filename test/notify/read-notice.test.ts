import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { noticeSchema, printNotice } from '#model/notice';
import { readNotice } from '#notify/read-notice';
import {
  alarmOf,
  executionArn,
  executionEvent,
  executionsTrigger,
  metricTrigger,
  serviceEvent,
  taskEvent,
} from './aws-messages.ts';
import { notice } from './notice-sample.ts';

const read = (message: object) => readNotice(JSON.stringify(message));

test('a notice is read as it was printed, and told in any case', () => {
  assert.deepEqual(readNotice(printNotice(notice())), { notice: notice(), echo: null });
});

test('an alarm of ours says of which source, what is wrong and what to do', () => {
  const { notice: told, echo } = read(alarmOf(metricTrigger('RpoSeconds', 'main')));
  assert.deepEqual(
    [told.occasion, told.subject, told.title, told.since],
    ['failure', 'main', 'more could be lost than is promised', '2026-11-20T05:13:45.123Z'],
  );
  assert.match(told.what, /^If the server died now, .*\n\nThreshold Crossed.*\n\nAlarm: lifeboat-prod-rpo-main$/);
  assert.equal(told.todo, 'lifeboat status --source main');
  assert.deepEqual(echo, { key: 'told of rpo of main', waitMs: 0 });
});

test('its end is a recovery of the same, and asks for nothing', () => {
  const alarm = alarmOf(metricTrigger('RpoSeconds', 'main'));
  const over = read({ ...alarm, NewStateValue: 'OK', OldStateValue: 'ALARM' }).notice;
  assert.deepEqual(
    [over.occasion, over.recovered, over.dedupe, over.todo],
    ['success', true, read(alarm).notice.dedupe, null],
  );
  assert.equal(over.title, 'over: more could be lost than is promised');
});

test('an alarm over executions repeats what their machine tells', () => {
  const { notice: told, echo } = read(alarmOf(executionsTrigger('lifeboat-prod_backup')));
  assert.equal(echo!.key, 'told of machine backup');
  assert.equal(told.subject, 'lifeboat-prod-rpo-main');
});

test('an alarm that somebody else made is told with all that it says', () => {
  const alarm = {
    AlarmName: 'too-hot',
    AlarmDescription: 'it is\ntoo hot',
    NewStateValue: 'ALARM',
    NewStateReason: 'Threshold Crossed',
  };
  const { notice: told, echo } = read(alarm);
  assert.deepEqual([told.subject, told.title, told.todo, echo], ['too-hot', 'the alarm says ALARM', null, null]);
  assert.equal(told.what, 'it is\ntoo hot\n\nThreshold Crossed\n\nAlarm: too-hot');
});

const died: [status: string, more: object, title: string, isEcho: boolean][] = [
  ['FAILED', { error: 'BackupFailed', cause: 'main: no route' }, 'the backup machine died: BackupFailed', true],
  ['FAILED', { error: 'States.DataLimitExceeded' }, 'the backup machine died: States.DataLimitExceeded', false],
  ['FAILED', { error: 'States.Runtime' }, 'the backup machine died: States.Runtime', false],
  ['TIMED_OUT', {}, 'the backup machine died: it took too long', false],
  ['ABORTED', {}, 'the backup machine was stopped by somebody', false],
];
for (const [status, more, title, isEcho] of died) {
  test(`an execution that is ${status} ${JSON.stringify(more)} is told with the command that shows it`, () => {
    const { notice: told, echo } = read(executionEvent(status, more));
    assert.deepEqual(
      [told.occasion, told.title, told.machine, told.execution, told.since],
      ['failure', title, 'backup', executionArn, '2026-11-20T02:00:00.000Z'],
    );
    assert.equal(told.todo, 'lifeboat executions full-main-20261120T020000Z');
    // what its machine could not have caught, it has not told
    assert.equal(echo?.key, isEcho ? `told of execution ${executionArn}` : undefined);
  });
}

test('why an execution failed is told', () => {
  const { what } = read(executionEvent('FAILED', { error: 'BackupFailed', cause: 'main: no route' })).notice;
  assert.match(what, /^BackupFailed: main: no route\n/);
});

test('an execution that goes well is no failure', () => {
  assert.equal(read(executionEvent('SUCCEEDED')).notice.occasion, 'success');
});

test('a receiver that stopped is told with how its containers ended', () => {
  const { notice: told } = read(taskEvent());
  assert.deepEqual(
    [told.occasion, told.subject, told.title, told.since, told.todo],
    ['failure', 'main', 'a receiver was stopped', '2026-11-20T05:13:45.000Z', 'lifeboat status --source main'],
  );
  assert.match(
    told.what,
    /^EssentialContainerExited: Essential container in task exited\ncontainer task: ended with 1\n.*\nTask: arn:aws:ecs:/,
  );
  const never = taskEvent({ containers: [{ name: 'task', reason: 'CannotPullContainerError: no such image' }] });
  assert.match(read(never).notice.what, /\ncontainer task: never ran: CannotPullContainerError: no such image\n/);
});

test('a service that cannot run is told by what it means', () => {
  const { notice: impaired } = read(serviceEvent('WARN', 'SERVICE_TASK_START_IMPAIRED'));
  assert.deepEqual(
    [impaired.occasion, impaired.subject, impaired.title],
    ['failure', 'main', 'the receiver cannot be started again and again'],
  );
  const { notice: full } = read(
    serviceEvent('ERROR', 'SERVICE_TASK_PLACEMENT_FAILURE', { reason: 'RESOURCE:FARGATE' }),
  );
  assert.match(full.what, /^RESOURCE:FARGATE\n/);
  const { notice: other } = read(serviceEvent('WARN', 'SERVICE_SOMETHING_ELSE'));
  assert.equal(other.title, 'ECS says SERVICE_SOMETHING_ELSE of the receiver');
  assert.equal(read(serviceEvent('INFO', 'SERVICE_STEADY_STATE')).notice.occasion, 'success');
});

test('what nobody can read is told as it is', () => {
  const { notice: told } = readNotice('You have chosen to subscribe <a href="x">');
  assert.deepEqual([told.occasion, told.title], ['failure', 'a message came that is no notice']);
  assert.match(told.what, /You have chosen to subscribe/);
  const wrong = read({ ...notice(), occasion: 'recovery' }).notice;
  assert.match(wrong.what, /^occasion: .*\n\n\{"format":"lifeboat-notice\/1"/s);
});

test('an alarm whose name is blank is told as a message that is no notice', () => {
  const message = JSON.stringify({ AlarmName: ' ', NewStateValue: 'ALARM' });
  assert.equal(readNotice(message).notice.title, 'a message came that is no notice');
  assert.ok(readNotice(message).notice.what.endsWith(message));
});

test('whatever comes, a notice is made of it', () => {
  const json = fc.json().map((text) => JSON.parse(text));
  const bent = (event: { detail: object }) => fc.dictionary(fc.constantFrom(...Object.keys(event.detail)), json);
  const messages = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50_000 }),
    fc.json(),
    fc
      .record({ AlarmName: fc.string(), NewStateValue: fc.constantFrom('ALARM', 'OK'), StateChangeTime: fc.anything() })
      .map((one) => JSON.stringify(one)),
    bent(executionEvent('FAILED')).map((detail) => JSON.stringify(executionEvent('FAILED', detail))),
    bent(taskEvent()).map((detail) => JSON.stringify(taskEvent(detail))),
    bent(serviceEvent('WARN', 'X')).map((detail) => JSON.stringify(serviceEvent('WARN', 'X', detail))),
    fc
      .dictionary(fc.constantFrom('MetricName', 'Dimensions', 'Metrics'), json)
      .map((one) => JSON.stringify(alarmOf(one))),
  );
  fc.assert(fc.property(messages, (message) => noticeSchema.safeParse(readNotice(message).notice).success));
});
