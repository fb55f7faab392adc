import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { backupId } from '#model/backup-id';
import { parseSchedule } from '#model/schedule';
import { type StoredBackup, scrubShare } from '#model/scrub-share';

const dayMs = 86_400_000;
const now = new Date('2026-11-20T05:13:45Z');
const ago = (days: number) => new Date(now.getTime() - days * dayMs);
const stored = (finished: number, read?: number): StoredBackup => ({
  backup: backupId(ago(finished), 'full'),
  finishedAt: ago(finished),
  readAt: read === undefined ? undefined : ago(read),
});
const every = (expression: string, timezone = 'UTC') => ({
  expression: parseSchedule(expression),
  timezone,
  anchor: now,
});
const share = (backups: StoredBackup[], recurrence = every('rate(1 day)'), archivedAfterMs?: number) =>
  scrubShare({ backups, recurrence, archivedAfterMs, now });

describe('the share that is read back', () => {
  test('is what was not read for longest, and first of all what never was', () => {
    const backups = [stored(50, 20), stored(40), stored(30, 5), stored(20, 21)];
    const order = share(backups, every('cron(0 0 1 * ? *)')).backups;
    assert.deepEqual(
      order,
      [1, 3, 0, 2].map((index) => backups[index]!.backup),
    );
  });

  test('begins with nothing that is just being verified for the first time', () => {
    const [fresh, old, unread] = [stored(0.5), stored(40, 3), stored(1.5)];
    const order = share([old, unread, fresh], every('cron(0 0 1 * ? *)')).backups;
    assert.deepEqual(order, [unread.backup, old.backup, fresh.backup]);
  });

  const many = Array.from({ length: 100 }, (_, index) => stored(100 - index, (index * 37) % 100));
  const cases: [expression: string, count: number][] = [
    ['rate(1 day)', 4],
    ['cron(0 6 * * ? *)', 4],
    ['cron(0 6 ? * SUN *)', 25],
    ['rate(15 days)', 50],
    ['cron(0 6 1 * ? *)', 100],
    ['cron(0 6 1 1 ? *)', 100],
    ['rate(1 hour)', 1],
  ];
  for (const [expression, count] of cases) {
    test(`of a hundred is ${count} with ${expression}`, () =>
      assert.equal(share(many, every(expression)).backups.length, count));
  }

  test('is a thirtieth when nobody says how often', () => {
    assert.equal(
      scrubShare({ backups: many, recurrence: undefined, archivedAfterMs: undefined, now }).backups.length,
      4,
    );
  });

  test('has nothing that lies in an archive, and says so', () => {
    const found = share(many, every('cron(0 0 1 * ? *)'), 90 * dayMs);
    assert.deepEqual([found.backups.length, found.readable, found.archived], [89, 89, 11]);
  });

  test('is empty without backups', () => {
    assert.deepEqual(share([]).backups, []);
  });
});

test('each backup is read at least every 30 days, however often the scrub comes and however many there are', () => {
  const expressions = fc.constantFrom('rate(1 day)', 'rate(7 hours)', 'rate(3 days)', 'rate(10 days)');
  fc.assert(
    fc.property(expressions, fc.integer({ min: 1, max: 60 }), (expression, count) => {
      const hours = { 'rate(1 day)': 24, 'rate(7 hours)': 7, 'rate(3 days)': 72, 'rate(10 days)': 240 }[expression]!;
      let backups = Array.from({ length: count }, (_, index) => stored(100 + index, 60 + index));
      const reads = new Map(backups.map(({ backup }) => [backup, [] as number[]]));
      for (let hour = 0; hour < 24 * 150; hour += hours) {
        const at = new Date(now.getTime() + hour * 3_600_000);
        const recurrence = { ...every(expression), anchor: at };
        const chosen = scrubShare({ backups, recurrence, archivedAfterMs: undefined, now: at }).backups;
        assert.equal(new Set(chosen).size, chosen.length);
        for (const backup of chosen) reads.get(backup)!.push(hour);
        backups = backups.map((one) => (chosen.includes(one.backup) ? { ...one, readAt: at } : one));
      }
      for (const times of reads.values()) {
        for (const [index, hour] of times.entries()) assert.ok(hour - (times[index - 1] ?? 0) <= 30 * 24, `${times}`);
        assert.ok(24 * 150 - times.at(-1)! <= 30 * 24 + hours);
      }
    }),
    { numRuns: 60 },
  );
});
