import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { type BackupId, backupId } from '#model/backup-id';
import { backupStays, pointStays, type Stay, type StayRules } from '#model/cost-stays';
import { keepBackups } from '#model/keep-backups';
import type { Lsn } from '#model/lsn';
import type { BackupFact, RetentionFacts } from '#model/retention-facts';

const dayMs = 24 * 3600 * 1000;
const hourMs = dayMs / 24;
/** a Monday */
const from = new Date('2024-01-01T00:00:00Z');
const nothing: StayRules = { windowDays: 7, daily: 0, weekly: 0, monthly: 0, yearly: 0, lockDays: 0, timezone: 'UTC' };
/** Each day of the years at two o'clock that fits, from a Monday. */
const daysOf = (fits: (weekday: number) => boolean, years = 2): Date[] =>
  Array.from({ length: 365 * years }, (_, day) => day)
    .filter((day) => fits(day % 7))
    .map((day) => new Date(from.getTime() + day * dayMs + 2 * hourMs));
const daily = daysOf(() => true);
const sundays = daysOf((day) => day === 6);
const others = daysOf((day) => day !== 6);

const rounded = (stays: readonly Stay[]) => stays.map(({ perMonth, days }) => [days, Math.round(perMonth * 100) / 100]);
const kept = (stays: readonly Stay[]): number =>
  stays.reduce((sum, { perMonth, days }) => sum + (perMonth * days) / 30, 0);

describe('how long what is taken stays', () => {
  test('is the window, and until the next one has taken its place', () => {
    assert.deepEqual(rounded(pointStays(daily, from, nothing)), [[8, 30]]);
    assert.deepEqual(rounded(pointStays(sundays, from, nothing)), [[14, 4.27]]);
  });

  test('is as long as its lock at least', () => {
    assert.deepEqual(rounded(pointStays(daily, from, { ...nothing, lockDays: 14 })), [[14, 30]]);
  });

  test('is longer for the last one of a week, month or year that counts', () => {
    // until the next one (1 day), and as long as the periods after it take
    const weekly = pointStays(daily, from, { ...nothing, weekly: 4 });
    assert.deepEqual(rounded(weekly), [
      [8, 25.73],
      [22, 4.27],
    ]);
    const monthly = pointStays(daily, from, { ...nothing, monthly: 13, yearly: 3 });
    // 2024 has 366 days, so its last one is not in the year that is looked at; the last of a month is for 12 months
    assert.deepEqual(
      rounded(monthly).map(([days]) => days),
      [8, 366],
    );
    const yearly = pointStays(daily, new Date(from.getTime() + 10 * dayMs), { ...nothing, yearly: 3 });
    assert.deepEqual(rounded(yearly).at(-1), [731, 0.08]);
  });

  test('counts periods that have none as little as retention does', () => {
    const monthly = daily.filter((at) => at.getUTCDate() === 1);
    const [stay] = pointStays(monthly, from, { ...nothing, daily: 3 });
    // of three days that have one each, a month lies between two
    assert.ok(stay!.days >= 88 && stay!.days <= 93, String(stay!.days));
  });

  test('keeps a chain as long as its last link', () => {
    const { fulls, incrementals } = backupStays({ from, fulls: sundays, incrementals: others }, nothing, 0);
    assert.deepEqual(rounded(fulls), [[14, 4.27]]);
    const tookSunday = (days: number) => rounded(incrementals).find(([of]) => of === days)?.[1];
    for (const days of [8, 9, 10, 11, 12, 13]) assert.ok(tookSunday(days)! >= 4.27, `${days} days`);
  });

  test('keeps WAL until a later chain leads into the window', () => {
    const { wal } = backupStays({ from, fulls: daily, incrementals: [] }, nothing, 0);
    // half a day more, to the nearest whole one
    assert.deepEqual(rounded(wal), [[8, 30]]);
    const chains = backupStays({ from, fulls: sundays, incrementals: others }, nothing, 0).wal;
    assert.deepEqual(
      rounded(chains).map(([days]) => days),
      [8, 9, 10, 11, 12, 13, 14],
    );
    assert.ok(Math.abs(chains.reduce((sum, { perMonth }) => sum + perMonth, 0) - 30) < 1e-9);
  });

  test('keeps of a generation the WAL that was written while it was taken, and no more', () => {
    const rules = { ...nothing, weekly: 4 };
    const { wal } = backupStays({ from, fulls: daily, incrementals: [] }, rules, 0.25);
    assert.deepEqual(
      rounded(wal).map(([days]) => days),
      [8, 22],
    );
    // a quarter of a day of each week
    assert.ok(Math.abs(wal[1]!.perMonth - (30 * 0.25) / 7) < 0.03, String(wal[1]!.perMonth));
  });

  test('is what retention itself does, day by day', () => {
    const rules = { ...nothing, windowDays: 10, daily: 3, weekly: 5, monthly: 6, lockDays: 12 };
    const { fulls, incrementals } = backupStays({ from, fulls: sundays, incrementals: others }, rules, 0);
    const facts = factsOf(rules);
    const yearLater = new Date(from.getTime() + 365 * dayMs);
    let keptDays = 0;
    for (
      let now = new Date(from.getTime() + 14 * hourMs);
      now < facts.backups.at(-1)!.at;
      now = new Date(now.getTime() + dayMs)
    ) {
      const taken = { ...facts, backups: facts.backups.filter(({ at }) => at <= now) };
      const stays = keepBackups(taken, rules, new Date(now.getTime() - rules.windowDays * dayMs), now);
      keptDays += taken.backups.filter((backup) => backup.at < yearLater && stays.has(backup)).length;
    }
    const predicted = (kept(fulls) + kept(incrementals)) * 365;
    // months are not all as long
    assert.ok(Math.abs(predicted / keptDays - 1) < 0.01, `${predicted} predicted, ${keptDays} kept`);
  });

  test('is never shorter by rules that keep more', () => {
    const more = fc.constantFrom('windowDays', 'daily', 'weekly', 'monthly', 'yearly', 'lockDays');
    const count = fc.integer({ min: 0, max: 20 });
    const some = fc.record({
      windowDays: count,
      daily: count,
      weekly: count,
      monthly: count,
      yearly: count,
      lockDays: count,
    });
    fc.assert(
      fc.property(some, more, (written, name) => {
        const rules = { ...written, timezone: 'Europe/Berlin' };
        const stays = (one: StayRules) => backupStays({ from, fulls: sundays, incrementals: others }, one, 0.1);
        const [before, after] = [stays(rules), stays({ ...rules, [name]: rules[name] + 3 })];
        for (const kind of ['fulls', 'incrementals', 'wal'] as const)
          assert.ok(kept(after[kind]) >= kept(before[kind]) - 1e-9, `${kind}: ${name}`);
      }),
      { numRuns: 30 },
    );
  });
});

/** Two years of them, each proven. */
function factsOf({ timezone, lockDays }: StayRules): RetentionFacts {
  const fulls = new Set(sundays.map((at) => at.getTime()));
  let parent: BackupId | null = null;
  const backups = daily.map((at, index): BackupFact => {
    const isFull = fulls.has(at.getTime());
    const id: BackupId = backupId(at, isFull ? 'full' : 'incr');
    const fact: BackupFact = {
      ...{ id, parent: isFull ? null : parent, startedAt: at, at, finishedAt: at, state: 'proven', storedBytes: 1 },
      ...{ systemId: '1', segmentSize: 16 * 2 ** 20, timeline: 1 as BackupFact['timeline'], leadsTo: null },
      ...{ startLsn: BigInt(index * 10) as Lsn, stopLsn: BigInt(index * 10 + 1) as Lsn },
    };
    parent = id;
    return fact;
  });
  return {
    ...{ source: 'main', timezone, lockDays, backups, dumps: [], bestDump: 'proven' },
    ...{ leftovers: [], unreadable: [], held: [], asked: [], systems: [] },
  };
}
