import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { type BackupId, backupId } from '#model/backup-id';
import { expiresMost } from '#model/expires-most';
import { lsn, parseLsn } from '#model/lsn';
import { planRetention } from '#model/retention';
import type { BackupFact, RetentionFacts } from '#model/retention-facts';
import type { RetentionRules } from '#model/retention-rules';

const dayMs = 24 * 3_600_000;
const begin = Date.UTC(2026, 0, 1);
const segment = 1n << 20n;
const dayAt = (day: number): Date => new Date(begin + day * dayMs);

/** A backup a day, each `full`th one full, WAL without a hole from `cut` until now, a drill of each. */
function life(days: number, full: number, gone: ReadonlySet<string> = new Set(), cut = 0n): RetentionFacts {
  const backups: BackupFact[] = [];
  let parent: BackupId | null = null;
  for (let day = 0; day < days; day++) {
    const at = dayAt(day);
    const id = backupId(at, day % full === 0 ? 'full' : 'incr');
    const start = BigInt(day + 1) * 4n * segment;
    const fact: BackupFact = {
      ...{ id, parent: day % full === 0 ? null : parent, startedAt: at, at, finishedAt: at, state: 'proven' },
      ...{ storedBytes: 1, systemId: '1', segmentSize: Number(segment), timeline: 1 },
      leadsTo: start >= cut ? dayAt(days - 1) : null,
      ...{ startLsn: lsn(start), stopLsn: lsn(start + segment) },
    };
    parent = id;
    if (!gone.has(id)) backups.push(fact);
  }
  const path = { timeline: 1, ancestors: [] };
  return {
    ...{ source: 'orders', timezone: 'UTC', lockDays: 0, backups, dumps: [], bestDump: 'proven', leftovers: [] },
    ...{ unreadable: [], held: [], asked: [] },
    systems: [{ systemId: '1', timelines: [{ timeline: 1, path, storedAt: dayAt(days - 1) }] }],
  };
}

const rulesOf = (windowDays: number, more: Partial<RetentionRules> = {}): RetentionRules => ({
  windowDays,
  ...{ daily: 0, weekly: 0, monthly: 0, yearly: 0 },
  ...more,
});

const asked = (facts: RetentionFacts, rules: RetentionRules, now: Date) =>
  expiresMost(facts, rules, planRetention(facts, rules, now));

/** What is left after retention ran each day. */
function settled(
  days: number,
  full: number,
  rules: RetentionRules,
  onDay?: (facts: RetentionFacts, now: Date) => void,
) {
  const gone = new Set<string>();
  let cut = 0n;
  for (let day = 1; day <= days; day++) {
    const facts = life(day, full, gone, cut);
    onDay?.(facts, dayAt(day));
    const { goes, wal } = planRetention(facts, rules, dayAt(day));
    for (const { id } of goes) gone.add(id);
    for (const rule of wal) if (rule.rule === 'cut') cut = parseLsn(rule.before);
  }
  return life(days, full, gone, cut);
}

describe('most of what there is', () => {
  test('never goes while retention runs every day, however long chains are and the window is', () => {
    const few = fc.integer({ min: 0, max: 3 });
    const scenes = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 15 }), few, few);
    fc.assert(
      fc.property(scenes, ([windowDays, full, weekly, monthly]) => {
        const rules = rulesOf(windowDays, { weekly, monthly });
        settled(50, full, rules, (facts, now) => assert.equal(asked(facts, rules, now), undefined));
      }),
      { numRuns: 40 },
    );
  });

  const rules = rulesOf(35, { weekly: 8, monthly: 12 });
  const facts = settled(100, 7, rules);

  test('goes where the clock is years ahead, though generations stay', () => {
    assert.equal(asked(facts, rules, dayAt(100)), undefined);
    assert.match(asked(facts, rules, dayAt(100 + 3 * 365)) ?? '', /days of instants go, and could have gone a week/);
    const many = rulesOf(35, { daily: 30, weekly: 8, monthly: 12 });
    assert.match(asked(facts, many, dayAt(465)) ?? '', /days of instants go/);
  });

  test('goes where the window has lost a digit', () => {
    assert.match(asked(facts, { ...rules, windowDays: 3 }, dayAt(100)) ?? '', /^21\.0 of 36\.0 days of instants go/);
  });

  test('goes where retention runs for the first time after long', () => {
    assert.match(asked(life(100, 7), rulesOf(10), dayAt(100)) ?? '', /backups and dumps/);
    assert.equal(asked(life(30, 7), rulesOf(20), dayAt(30)), undefined);
  });
});
