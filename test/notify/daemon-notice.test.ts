import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticeSchema } from '#model/notice';
import { type DeadEvent, eventDead, executionDied, startedAfterCrash } from '#notify/daemon-notice';

const at = new Date('2026-11-20T05:00:00Z');
const event: DeadEvent = {
  key: 'main/backups/20261120T051345123Z-full/manifest.json',
  place: '/srv/my state/events/dead/000001795151225000-00.put',
  tries: 185,
  reason: 'first: no memory',
  begunAt: at,
};

test('an event that was given up: which, why, since when, and the command that has it tried again', () => {
  const notice = noticeSchema.parse(eventDead(event));
  assert.deepEqual([notice.occasion, notice.subject, notice.since], ['failure', 'main', at.toISOString()]);
  assert.match(
    notice.what,
    /^The event of main\/backups\/.*json was tried 185 times and is laid aside: first: no memory/,
  );
  assert.equal(notice.todo, "mv '/srv/my state/events/dead/000001795151225000-00.put' '/srv/my state/events'/");
});

test('many events of one source that are given up for one reason are told under one key', () => {
  assert.equal(eventDead({ ...event, key: 'main/wal/1' }).dedupe, eventDead(event).dedupe);
  assert.notEqual(eventDead({ ...event, key: 'other/wal/1' }).dedupe, eventDead(event).dedupe);
});

test('an event that nobody understands is told by its file, and was not tried', () => {
  const notice = noticeSchema.parse(
    eventDead({ ...event, key: undefined, tries: 0, reason: 'it cannot be understood' }),
  );
  assert.match(notice.what, /^The event of \/srv\/.*put is laid aside: it cannot be understood/);
  assert.doesNotMatch(JSON.stringify(notice), /undefined/);
});

test('a start after a crash: where, when, and what goes on', () => {
  const notice = noticeSchema.parse(startedAfterCrash({ host: 'db1', startedAt: at, resumed: ['backup full-main-1'] }));
  assert.deepEqual(
    [notice.occasion, notice.subject, notice.since, notice.todo],
    ['failure', 'db1', at.toISOString(), 'lifeboat executions'],
  );
  assert.equal(notice.what, 'When it ended is not known.\nGoing on:\n- backup full-main-1');
});

test('a start after a crash that interrupted nothing says so', () => {
  const { what } = startedAfterCrash({ host: 'db1', startedAt: at, resumed: [] });
  assert.equal(what, 'When it ended is not known.\nNothing was interrupted.');
});

const ended = (ending: { status: string; error?: string; cause?: string }) =>
  executionDied({
    arn: 'arn:aws:states:local:000000000000:execution:drill:nightly',
    machine: 'drill',
    name: 'nightly',
    startDate: at.toISOString(),
    ending,
  });

test('a machine that died without a word is told of: which, of what, and where to look', () => {
  const cause = "The state/task 'Conclude' returned a result with a size exceeding the maximum";
  const notice = noticeSchema.parse(ended({ status: 'FAILED', error: 'States.DataLimitExceeded', cause }));
  assert.deepEqual([notice.occasion, notice.subject, notice.todo], ['failure', 'drill', 'lifeboat executions nightly']);
  assert.equal(notice.title, 'the drill machine died: States.DataLimitExceeded');
  assert.match(notice.what, /^States.DataLimitExceeded: The state\/task 'Conclude'/);
  const late = noticeSchema.parse(ended({ status: 'TIMED_OUT', error: 'States.Timeout' }));
  assert.equal(late.title, 'the drill machine died: it took too long');
});

test('what a machine tells itself, or somebody wanted, is not told once more', () => {
  assert.equal(ended({ status: 'FAILED', error: 'BackupBroken', cause: 'x' }), undefined);
  assert.equal(ended({ status: 'ABORTED' }), undefined);
  assert.equal(ended({ status: 'SUCCEEDED' }), undefined);
});
