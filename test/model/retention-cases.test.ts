import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { backupId } from '#model/backup-id';
import { deletesMore } from '#model/deletes-more';
import { describeRetention } from '#model/describe-retention';
import { type DumpId, type DumpKind, dumpId } from '#model/dump-id';
import { generationsOf } from '#model/keep-generations';
import { lsn } from '#model/lsn';
import { pastWal } from '#model/past-wal';
import { planRetention } from '#model/retention';
import type { BackupFact, DumpFact, RetentionFacts, SystemFact } from '#model/retention-facts';
import type { RetentionRules } from '#model/retention-rules';
import type { StandingState } from '#model/standing';

const dayMs = 24 * 3600 * 1000;
const mib = 1n << 20n;
const now = new Date('2026-11-20T12:00:00Z');
const daysAgo = (days: number): Date => new Date(now.getTime() - days * dayMs);
const rulesOf = (windowDays: number, more: Partial<RetentionRules> = {}): RetentionRules => ({
  windowDays,
  ...{ daily: 0, weekly: 0, monthly: 0, yearly: 0 },
  ...more,
});

/** A backup of a day's length ago, of the segment that has its number: 100 days ago is segment 900. */
function backup(days: number, more: Partial<BackupFact> = {}): BackupFact {
  const at = daysAgo(days);
  const start = BigInt(Math.round((1_000 - days) * 10)) * mib;
  const kind = more.parent ? 'incr' : 'full';
  return {
    ...{ id: backupId(new Date(at.getTime() - 3_600_000), kind), parent: null },
    ...{ startedAt: new Date(at.getTime() - 3_600_000), at, finishedAt: at, state: 'proven', storedBytes: 100 },
    ...{ systemId: '1', segmentSize: Number(mib), startLsn: lsn(start + 0x28n), stopLsn: lsn(start + mib + 0x100n) },
    ...{ timeline: 1, leadsTo: null },
    ...more,
  };
}

const live: SystemFact = {
  systemId: '1',
  timelines: [{ timeline: 1, path: { timeline: 1, ancestors: [] }, storedAt: now }],
};

const factsOf = (backups: BackupFact[], more: Partial<RetentionFacts> = {}): RetentionFacts => ({
  ...{ source: 'orders', timezone: 'UTC', lockDays: 0, dumps: [], bestDump: 'proven', leftovers: [], unreadable: [] },
  ...{ held: [], asked: [], systems: [live] },
  backups: backups.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  ...more,
});

const goneOf = (facts: RetentionFacts, rules: RetentionRules, at = now): string[] =>
  planRetention(facts, rules, at).goes.map(({ id }) => id);
const idsOf = (points: readonly { id: string }[]): string[] => points.map(({ id }) => id).sort();
const rulesKeeping = (facts: RetentionFacts, rules: RetentionRules, id: string): string[] =>
  planRetention(facts, rules, now).keeps.find((kept) => kept.id === id)?.rules ?? [];

describe('the window', () => {
  const [newest, within, before, older] = [backup(1), backup(6), backup(8), backup(15)];

  test('keeps the newest backup from before it and all that came since', () => {
    assert.deepEqual(goneOf(factsOf([older, before, within, newest]), rulesOf(7)), [older.id]);
  });

  test('passes over a broken one, or one without its parent', () => {
    const facts = (bad: Partial<BackupFact>) => factsOf([older, { ...before, ...bad }, within, newest]);
    assert.deepEqual(goneOf(facts({ state: 'broken' }), rulesOf(7)), [before.id]);
    assert.deepEqual(goneOf(facts({ parent: backup(20).id }), rulesOf(7)), [before.id]);
  });

  test('cuts WAL where the chain of its oldest backup begins', () => {
    const full = backup(30);
    const incremental = backup(8, { parent: full.id });
    const plan = planRetention(factsOf([backup(40), full, incremental, within]), rulesOf(7), now);
    assert.deepEqual(plan.wal, [
      {
        ...{ systemId: '1', rule: 'cut', segmentSize: Number(mib), before: '2/5E400000' },
        ...{ storedBefore: full.startedAt.toISOString(), keep: [] },
      },
    ]);
  });

  test('of a source that is no more, the newest backup and what came after it stay', () => {
    const dead = { ...live, timelines: [{ ...live.timelines[0]!, storedAt: daysAgo(100) }] };
    const [first, last] = [backup(102), backup(101, { state: 'verified' })];
    const facts = factsOf([first, last, backup(110)], { systems: [dead] });
    assert.deepEqual(goneOf(facts, rulesOf(7)), [backup(110).id]);
    const [rule] = planRetention(facts, rulesOf(7), now).wal;
    assert.ok(rule?.rule === 'cut');
    assert.equal(pastWal(rule)({ start: last.stopLsn, end: lsn(last.stopLsn + mib) }, daysAgo(100)), false);
  });

  test('after a return to an earlier point, keeps the backup that the new timeline comes from, too', () => {
    const [from, later] = [backup(20), backup(10)];
    const second = {
      timeline: 2,
      path: { timeline: 2, ancestors: [{ timeline: 1, switchpoint: lsn(from.stopLsn + 1n), reason: '' }] },
      storedAt: now,
    };
    const system = (storedAt: Date, path: typeof second.path | null = second.path) => ({
      systems: [{ systemId: '1', timelines: [live.timelines[0]!, { ...second, path, storedAt }] }],
    });
    const others = [backup(30), from, later, backup(1)];
    assert.deepEqual(goneOf(factsOf(others, system(now)), rulesOf(7)), [backup(30).id]);
    assert.deepEqual(goneOf(factsOf(others, system(daysAgo(9))), rulesOf(7)), idsOf([backup(30), from]));
    const unknown = planRetention(factsOf(others, system(now, null)), rulesOf(7), now);
    assert.deepEqual([unknown.goes, unknown.wal[0]?.rule], [[], 'none']);
    assert.match(unknown.notes.join(), /the history of timeline 2 was not read back/);
  });

  test('of two that overlap both stay: the WAL before the later start of them may be all there is', () => {
    const long = backup(8);
    const short = { ...backup(8.1), startLsn: lsn(long.startLsn + 0x100n), stopLsn: lsn(long.startLsn + 0x200n) };
    assert.deepEqual(goneOf(factsOf([backup(9), short, long, newest]), rulesOf(7)), [backup(9).id]);
  });

  test('goes by positions where the clock of the server was put back', () => {
    const put = backup(8, { at: daysAgo(12) }); // it ended after the one that says ten days ago
    assert.deepEqual(goneOf(factsOf([backup(10), put, newest]), rulesOf(7)), []);
  });

  test("the server's being behind, what we have begun since then stays", () => {
    const days = [3, 2, 1];
    const behind = days.map((day) => ({ ...backup(day), at: new Date(backup(day).at.getTime() - 100 * dayMs) }));
    assert.deepEqual(goneOf(factsOf([older, before, ...behind]), rulesOf(7)), [older.id]);
  });

  test('ours being behind, everything is of the window', () => {
    const all = [older, before, within, newest];
    assert.deepEqual(goneOf(factsOf(all), rulesOf(7), daysAgo(300)), []);
  });

  test('WAL that came late, or of a timeline that has gone back, stays as long as the backups after it', () => {
    const [rule] = planRetention(factsOf([older, before, within]), rulesOf(7), now).wal;
    const old = { start: lsn(5n * mib), end: lsn(6n * mib) };
    assert.deepEqual([pastWal(rule!)(old, daysAgo(9)), pastWal(rule!)(old, daysAgo(8))], [true, false]);
  });
});

test('a system of which no backup is left loses its WAL once none of it is of the window', () => {
  const old = { systemId: '2', timelines: [{ ...live.timelines[0]!, storedAt: daysAgo(300) }] };
  const facts = factsOf([backup(8), backup(1), backup(400, { systemId: '2' })], { systems: [live, old] });
  const rule = planRetention(facts, rulesOf(7), now).wal.find(({ systemId }) => systemId === '2');
  assert.deepEqual(rule, { systemId: '2', rule: 'all', storedBefore: daysAgo(7).toISOString() });
});

test('a held generation of an old system keeps its own WAL and nothing after it', () => {
  const held = backup(400, { systemId: '2', startLsn: lsn(5n * mib + 9n), stopLsn: lsn(6n * mib + 9n) });
  const facts = factsOf([backup(8), backup(1), held], {
    systems: [live, { systemId: '2', timelines: [] }],
    held: [{ id: held.id, reason: 'audit' }],
  });
  const rule = planRetention(facts, rulesOf(7), now).wal.find(({ systemId }) => systemId === '2')!;
  const past = (segment: bigint) =>
    pastWal(rule)({ start: lsn(segment * mib), end: lsn((segment + 1n) * mib) }, daysAgo(300));
  assert.deepEqual([4n, 5n, 6n, 7n, 900n].map(past), [true, false, false, true, true]);
});

describe('generations', () => {
  test('are the last good backup of each period that has one, the proven before the verified', () => {
    const [morning, evening] = [backup(2.9, { state: 'proven' }), backup(2.6, { state: 'verified' })];
    const facts = factsOf([backup(30), morning, evening, backup(0.2)]);
    const rules = rulesOf(1, { daily: 2 });
    assert.deepEqual(rulesKeeping(facts, rules, morning.id), ['daily']);
    // neither yesterday nor the weeks between have one: they are not counted
    assert.deepEqual(rulesKeeping(facts, rulesOf(1, { weekly: 3 }), backup(30).id), ['weekly']);
    assert.deepEqual(goneOf(facts, rules), [backup(30).id]);
  });

  test('are of the days, ISO weeks, months and years of a clock in the zone of the plan', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Africa/Casablanca', 'Asia/Kathmandu'];
    const instants = fc.date({
      min: new Date('2011-12-01T00:00:00Z'),
      max: new Date('2027-02-01T00:00:00Z'),
      noInvalidDate: true,
    });
    const points = fc.array(fc.tuple(instants, fc.constantFrom<StandingState>('committed', 'verified', 'proven')), {
      minLength: 1,
      size: 'max',
      maxLength: 60,
    });
    const property = fc.property(
      points,
      fc.constantFrom(...zones),
      fc.integer({ min: 1, max: 5 }),
      (given, zone, count) => {
        const backups = given.map(([at, state]) => ({ ...backup(1), at, state, id: backupId(at, 'full') }));
        const kept = generationsOf(
          backups,
          rulesOf(1, { daily: count, weekly: count, monthly: count, yearly: count }),
          zone,
        );
        for (const [generation, periodOf] of Object.entries(periods)) {
          const found = Map.groupBy(backups, ({ at }) => periodOf(dateIn(zone, at)));
          const last = [...found.keys()].sort().slice(-count);
          const expected = last.map((period) => best(found.get(period)!));
          const actual = backups.filter((one) => kept.get(one)?.some((rule) => rule === generation));
          assert.deepEqual(actual.map((one) => `${one.state} ${one.at.toISOString()}`).sort(), expected.sort());
        }
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  const periods: Record<string, (date: string) => string> = {
    daily: (date) => date,
    weekly: isoWeek,
    monthly: (date) => date.slice(0, 7),
    yearly: (date) => date.slice(0, 4),
  };
  const dateIn = (timeZone: string, at: Date): string => new Intl.DateTimeFormat('sv-SE', { timeZone }).format(at);
  const order = ['committed', 'verified', 'proven'];
  const best = (backups: readonly BackupFact[]): string =>
    backups
      .map(({ state, at }) => ({
        rank: `${order.indexOf(state)} ${at.toISOString()}`,
        text: `${state} ${at.toISOString()}`,
      }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1))
      .at(-1)!.text;

  /** The Thursday of its week says which year a week is of: ISO 8601. */
  function isoWeek(date: string): string {
    const day = new Date(`${date}T00:00:00Z`);
    const thursday = new Date(day.getTime() + (3 - ((day.getUTCDay() + 6) % 7)) * dayMs);
    const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
    const week = Math.floor((thursday.getTime() - first) / dayMs / 7) + 1;
    return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
  }
});

describe('what cannot be read', () => {
  const unreadable = (days: number, kind: 'full' | 'incr') => ({
    id: backupId(daysAgo(days), kind),
    startedAt: daysAgo(days),
    why: 'it is not JSON',
  });

  test('stays, is told of, and keeps the WAL that was stored since it began', () => {
    const one = unreadable(20, 'full');
    const plan = planRetention(factsOf([backup(30), backup(8), backup(1)], { unreadable: [one] }), rulesOf(7), now);
    assert.deepEqual(
      plan.goes.map(({ id }) => id),
      [backup(30).id],
    );
    assert.match(plan.notes.join(), new RegExp(`${one.id} stays, since its manifest cannot be read: it is not JSON`));
    assert.ok(plan.wal[0]?.rule === 'cut' && plan.wal[0].storedBefore === daysAgo(20).toISOString());
  });

  test('keeps what it may build on: nobody can see what that is', () => {
    const [full, incremental] = [backup(30), backup(25, { parent: backup(30).id })];
    const facts = factsOf([backup(40), full, incremental, backup(8)], { unreadable: [unreadable(20, 'incr')] });
    assert.deepEqual(goneOf(facts, rulesOf(7)), [backup(40).id]);
  });
});

test('what was never committed goes after three days, unless somebody may be writing it or the lock holds it', () => {
  const leftover = (days: number, busy = false) => ({
    id: backupId(daysAgo(days), 'full'),
    startedAt: daysAgo(days),
    busy,
  });
  const facts = factsOf([], { leftovers: [leftover(9), leftover(5, true), leftover(4), leftover(2)] });
  assert.deepEqual(goneOf(facts, rulesOf(7)), idsOf([leftover(9), leftover(4)]));
  assert.deepEqual(goneOf({ ...facts, lockDays: 8 }, rulesOf(7)), [leftover(9).id]);
});

describe('dumps', () => {
  const dump = (days: number, state: StandingState = 'proven', kind: DumpKind = 'dump'): DumpFact => ({
    ...{ id: dumpId(daysAgo(days), kind) as DumpId, kind, startedAt: daysAgo(days), at: daysAgo(days) },
    ...{ finishedAt: daysAgo(days), state, storedBytes: 7 },
  });
  const dumps = (all: DumpFact[], more: Partial<RetentionFacts> = {}) =>
    factsOf([], { dumps: all, systems: [], ...more });

  test('stay by the same rules as backups do', () => {
    const all = [dump(300), dump(40), dump(20), dump(8), dump(1)];
    assert.deepEqual(goneOf(dumps(all), rulesOf(7)), idsOf([dump(300), dump(40), dump(20)]));
    assert.deepEqual(goneOf(dumps(all), rulesOf(7, { monthly: 3 })), [dump(40).id]);
    assert.deepEqual(
      goneOf(dumps(all, { held: [{ id: dump(40).id, reason: 'r' }] }), rulesOf(7)),
      idsOf([dump(300), dump(20)]),
    );
  });

  test('of definitions alone stand in for none with rows', () => {
    const rows = dump(50);
    const schemas = [dump(20, 'proven', 'schema'), dump(8, 'proven', 'schema'), dump(1, 'proven', 'schema')];
    assert.deepEqual(goneOf(dumps([rows, ...schemas]), rulesOf(7)), [schemas[0]!.id]);
  });

  test('the last proven one stays; where no restore is tested, the last verified one', () => {
    const all = [dump(90), dump(60, 'verified'), dump(30, 'verified'), dump(8, 'committed'), dump(1, 'committed')];
    assert.deepEqual(goneOf(dumps(all), rulesOf(7)), idsOf([dump(60), dump(30)]));
    assert.deepEqual(goneOf(dumps(all, { bestDump: 'verified' }), rulesOf(7)), idsOf([dump(90), dump(60)]));
    const unproven = all.slice(1);
    assert.deepEqual(goneOf(dumps(unproven), rulesOf(7)), []);
  });
});

test('what was proven to be good is no reason to keep what is broken', () => {
  const facts = factsOf([backup(100, { state: 'broken' }), backup(50), backup(8, { state: 'committed' })]);
  const [gone, ...more] = planRetention(facts, rulesOf(7), now).goes;
  assert.deepEqual([gone?.id, gone?.why, more], [backup(100).id, 'broken, and older than the window of 7d', []]);
});

describe('a plan that was shown', () => {
  const facts = factsOf([backup(30), backup(20), backup(8), backup(1)]);
  const shown = planRetention(facts, rulesOf(7), now);

  test('deletes no more than it says when one more backup is there', () => {
    assert.deepEqual(deletesMore(shown, planRetention(factsOf([...facts.backups, backup(0.5)]), rulesOf(7), now)), []);
  });

  test('deletes more than may go once something is held, broken or asked about', () => {
    const held = planRetention({ ...facts, held: [{ id: backup(20).id, reason: 'r' }] }, rulesOf(7), now);
    assert.deepEqual(deletesMore(shown, held), [`backup ${backup(20).id}`, 'WAL of system 1']);
    const broken = factsOf([backup(30), backup(20), backup(8, { state: 'broken' }), backup(1)]);
    assert.deepEqual(deletesMore(shown, planRetention(broken, rulesOf(7), now)), [
      `backup ${backup(20).id}`,
      'WAL of system 1',
    ]);
  });

  test('and what is gone with all its WAL is nothing more', () => {
    assert.deepEqual(deletesMore(shown, { ...shown, wal: [] }), []);
  });
});

test('what a plan costs is told: the instants before and after, and the points in between', () => {
  const lead = { leadsTo: now };
  const facts = factsOf([backup(30, lead), backup(20, lead), backup(8, lead), backup(1, lead)]);
  const plan = planRetention(facts, rulesOf(7, { monthly: 2 }), now);
  const [first, held, , last] = [30, 20, 8, 1].map(daysAgo).map((at) => at.toISOString());
  assert.deepEqual(plan.lost, {
    before: [{ systemId: '1', from: first, to: now.toISOString() }],
    after: [
      { systemId: '1', from: held!, to: held! },
      { systemId: '1', from: daysAgo(8).toISOString(), to: now.toISOString() },
    ].filter(({ from }) => from !== held || plan.keeps.some(({ at }) => at === held)),
    points: plan.goes.map(({ id }) => id),
  });
  assert.ok(last);
  const text = describeRetention(plan);
  assert.match(text, /^retention plan [0-9a-f]{12} for orders: window 7d, 2 monthly \(UTC\)\n {2}goes {9}\d backup/);
  assert.match(text, /\n {2}restorable {3}.*\n {2}afterwards {3}.*\n {2}no longer {4}\d points/);
});
