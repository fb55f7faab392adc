import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { overdueBackups, type TakenBackup } from '#model/overdue';
import { parseSchedule } from '#model/schedule';

const at = (text: string): Date => new Date(`2026-11-${text}:00Z`);
const taken = (kind: 'full' | 'incr', from: string, to = from): TakenBackup => ({
  kind,
  startedAt: at(from),
  finishedAt: at(to),
});
/** 2026-11-15 and 22 are Sundays */
const zone = { timezone: 'UTC', windowMinutes: 0 };
const weekly = { ...zone, full: parseSchedule('cron(0 2 ? * SUN *)') };
const daily = { ...weekly, incremental: parseSchedule('cron(0 2 ? * MON-SAT *)') };

function overdue(schedules: typeof weekly, backups: TakenBackup[], now: string, watchedSince = '01T00:00'): string[] {
  const found = overdueBackups({ schedules, backups, watchedSince: at(watchedSince), now: at(now) });
  return found.map(({ type, dueAt }) => `${type} ${dueAt.toISOString().slice(8, 16)}`);
}

describe('a backup is overdue', () => {
  test('when none began at its time, an hour after it', () => {
    const backups = [taken('full', '15T02:00')];
    assert.deepEqual(overdue(weekly, backups, '22T02:59'), []);
    assert.deepEqual(overdue(weekly, backups, '22T03:01'), ['full 22T02:00']);
    assert.deepEqual(overdue(weekly, [...backups, taken('full', '22T02:00')], '22T03:01'), []);
  });

  test('later, when the last one took long', () => {
    const backups = [taken('full', '15T02:00', '15T06:00')];
    assert.deepEqual(overdue(weekly, backups, '22T09:00'), []);
    assert.deepEqual(overdue(weekly, backups, '22T10:01'), ['full 22T02:00']);
  });

  test('since the first time that was missed', () => {
    assert.deepEqual(overdue(weekly, [taken('full', '01T02:00')], '23T00:00'), ['full 08T02:00']);
  });

  test('not when it began a little early by another clock', () => {
    assert.deepEqual(overdue(weekly, [{ ...taken('full', '22T01:59') }], '22T12:00'), []);
  });

  test('of the incremental kind when neither it nor a full one is there', () => {
    const sunday = taken('full', '15T02:00');
    assert.deepEqual(overdue(daily, [sunday], '16T04:00'), ['incremental 16T02:00']);
    assert.deepEqual(overdue(daily, [sunday, taken('full', '16T02:00')], '16T04:00'), []);
    const all = [sunday, ...[16, 17, 18, 19, 20, 21, 22].map((day) => taken('incr', `${day}T02:00`))];
    assert.deepEqual(overdue(daily, all, '22T04:00'), ['full 22T02:00']);
  });

  test('not before the first time that somebody watched', () => {
    assert.deepEqual(overdue(weekly, [], '20T12:00', '20T11:00'), []);
    assert.deepEqual(overdue(weekly, [], '22T04:00', '20T11:00'), ['full 22T02:00']);
  });

  test('by a rate, when it is older than that', () => {
    const schedules = { ...zone, full: parseSchedule('rate(6 hours)') };
    assert.deepEqual(overdue(schedules, [taken('full', '20T00:00')], '20T06:30'), []);
    assert.deepEqual(overdue(schedules, [taken('full', '20T00:00')], '20T07:02'), ['full 20T06:01']);
  });

  test('by the clocks of its zone', () => {
    const berlin = { ...weekly, timezone: 'Europe/Berlin' };
    assert.deepEqual(overdue(berlin, [taken('full', '15T01:00')], '22T02:00'), ['full 22T01:00']);
    assert.deepEqual(overdue(berlin, [taken('full', '15T01:00')], '22T01:59'), []);
  });

  test('once the window is over in which it may begin', () => {
    const wide = { ...weekly, windowMinutes: 90 };
    assert.deepEqual(overdue(wide, [taken('full', '15T02:00')], '22T04:29'), []);
    assert.deepEqual(overdue(wide, [taken('full', '15T02:00')], '22T04:30'), ['full 22T02:00']);
  });

  test('never without a schedule', () => {
    assert.deepEqual(
      overdueBackups({ schedules: zone, backups: [], watchedSince: at('01T00:00'), now: at('20T00:00') }),
      [],
    );
  });
});
