import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { advance, formatLsn, type Lsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import { parseTarget, type RecoveryTarget, type TargetInput } from '#model/recovery-target';
import type { LocatedPoint } from '#recovery/locate-point';
import { planRecovery } from '#recovery/plan-recovery';
import { reachablePoints } from '#recovery/reachable-points';
import type { RecoveryFacts } from '#recovery/recovery-facts';
import { hashPlan, printPlanJson, type RecoveryPlan } from '#recovery/recovery-plan';
import { at, backup, branch, facts, otherSystem, ourSystem, type SystemSketch, seg } from './recovery-scene.ts';

const target = (input: TargetInput): RecoveryTarget => parseTarget(input);
const byTime = (time: string, more: TargetInput = {}) => target({ time: `2026-11-20 ${time}Z`, ...more });
const byLsn = (position: Lsn, more: TargetInput = {}) => target({ lsn: formatLsn(position), ...more });

function planOf(known: RecoveryFacts, wanted: RecoveryTarget, located?: LocatedPoint): RecoveryPlan {
  const outcome = planRecovery(known, wanted, located);
  if (!outcome.possible) assert.fail(`refused: ${outcome.reason}`);
  assert.equal(outcome.hash, hashPlan(outcome.plan));
  return outcome.plan;
}

function refusalOf(known: RecoveryFacts, wanted: RecoveryTarget, located?: LocatedPoint): string {
  const outcome = planRecovery(known, wanted, located);
  if (outcome.possible) assert.fail(`planned: ${printPlanJson(outcome.plan)}`);
  return outcome.reason;
}

/** What a plan decides, in short. */
const brief = ({ chain, timeline, stop, inclusive, wal }: RecoveryPlan) => ({
  chain,
  timeline,
  stop: 'lsn' in stop ? `lsn ${formatLsn(stop.lsn)}` : stop.kind,
  inclusive,
  until: formatLsn(wal.until),
});

// A day: full backups at 01:00 and 13:00 and an incremental at 07:00 on the first. WAL without a hole to 20:00, the last
// commit at 18:00.
const full = backup({ from: '01:00', to: '01:10', start: seg(2, 0x28), stop: seg(2, 0x200) });
const incr = backup({
  from: '07:00',
  to: '07:05',
  start: seg(5, 0x28),
  stop: seg(5, 0x200),
  kind: 'incr',
  parent: full,
});
const noon = backup({ from: '13:00', to: '13:10', start: seg(8, 0x28), stop: seg(8, 0x200) });
const dayWal: SystemSketch = {
  wal: { 1: [[seg(2), seg(12)]] },
  reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '20:00', lastCommit: '18:00' }],
};
const day = facts([full, incr, noon], dayWal);
const end = seg(12);
const lastRecord = advance(end, -64);

test('without a backup there is nothing to plan', () => {
  const outcome = planRecovery(facts([], dayWal), target({}));
  assert.deepEqual(outcome, { possible: false, reason: 'orders has no committed backup', reachable: [] });
});

test('the latest point is the last record, from the newest backup', () => {
  assert.deepEqual(brief(planOf(day, target({}))), {
    chain: [noon.backup],
    timeline: 1,
    stop: `lsn ${formatLsn(lastRecord)}`,
    inclusive: true,
    until: formatLsn(end),
  });
});

test('a plan tells what it is made of', () => {
  const plan = planOf(day, byTime('09:00', { action: 'pause' }));
  const { stop, forecastMs, leftOut, ...rest } = plan;
  assert.deepEqual(stop, { kind: 'time', micros: at('09:00') });
  assert.deepEqual(leftOut, { bytes: undefined, ms: 11 * 3_600_000 });
  assert.ok(forecastMs > 3000);
  assert.deepEqual(rest, {
    source: 'orders',
    systemId: ourSystem,
    major: 18,
    target: 'time 2026-11-20 09:00:00.000000+00',
    inclusive: true,
    action: 'pause',
    chain: [full.backup, incr.backup],
    timeline: 1,
    wal: { from: seg(5, 0x28), until: end, bytes: end - seg(5, 0x28) },
    storedBytes: 1_000_000_000,
    rawBytes: 4_000_000_000,
  });
});

const chains: [string, BackupSummary[]][] = [
  ['01:10', [full]],
  ['01:10:00.000001', [full]],
  ['07:04:59.999999', [full]],
  ['07:05', [full, incr]],
  ['13:09:59.999999', [full, incr]],
  ['13:10', [noon]],
  ['17:59:59.999999', [noon]],
];
for (const [time, chain] of chains) {
  test(`${time} is reached from the newest backup that was consistent by then`, () => {
    const plan = planOf(day, byTime(time));
    assert.deepEqual(
      plan.chain,
      chain.map((one) => one.backup),
    );
    assert.equal(plan.stop.kind, 'time');
    assert.ok(plan.inclusive);
  });
}

for (const time of ['00:00', '01:00', '01:09:59.999999']) {
  test(`${time} is before the first backup was consistent`, () => {
    assert.match(refusalOf(day, byTime(time)), /^time .* is before the end of the first usable backup$/);
  });
}

test('a time after the last commit, but before the last WAL, is the end of WAL: the server was idle', () => {
  for (const time of ['18:00', '18:00:00.000001', '19:00', '20:00']) {
    const plan = planOf(day, byTime(time));
    assert.deepEqual(plan.stop, { kind: 'lsn', lsn: lastRecord }, time);
    assert.ok(plan.inclusive);
    assert.equal(plan.target, `time 2026-11-20 ${time.padEnd(8, ':00').padEnd(9, '.').padEnd(15, '0')}+00`);
  }
});

test('just before the last commit PostgreSQL is left to stop by the time', () => {
  assert.equal(planOf(day, byTime('17:59:59.999999')).stop.kind, 'time');
  // Exclusive of the commit at this very time: PostgreSQL stops before it.
  const exclusive = planOf(day, byTime('18:00', { exclusive: true }));
  assert.deepEqual([exclusive.stop.kind, exclusive.inclusive], ['time', false]);
  const after = planOf(day, byTime('18:00:00.000001', { exclusive: true }));
  assert.deepEqual([after.stop.kind, after.inclusive], ['lsn', true], 'all that is there comes before the target');
});

test('a source that never committed anything is restored to its end', () => {
  const idle = facts([full], { ...dayWal, reaches: [{ ...dayWal.reaches[0]!, lastCommit: undefined }] });
  assert.deepEqual(planOf(idle, byTime('12:00')).stop, { kind: 'lsn', lsn: lastRecord });
});

test('one microsecond after the last WAL is out of reach, and both times are named', () => {
  assert.equal(
    refusalOf(day, byTime('20:00:00.000001')),
    'time 2026-11-20 20:00:00.000001+00 is beyond the WAL that is stored, which ends at 2026-11-20 20:00:00.000000+00',
  );
});

test('positions are reached from the newest backup that ends before them', () => {
  const cases: [Lsn, BackupSummary[]][] = [
    [seg(2, 0x200), [full]],
    [seg(5, 0x1ff), [full]],
    [seg(5, 0x200), [full, incr]],
    [seg(8, 0x200), [noon]],
    [lastRecord, [noon]],
  ];
  for (const [position, chain] of cases) {
    const plan = planOf(day, byLsn(position));
    assert.deepEqual(
      plan.chain,
      chain.map((one) => one.backup),
      formatLsn(position),
    );
    assert.deepEqual(plan.stop, { kind: 'lsn', lsn: position });
    assert.equal(plan.wal.until, position);
    assert.deepEqual(plan.leftOut, { bytes: end - position, ms: undefined });
  }
});

test('a position before the first backup was consistent, or beyond the last record, is out of reach', () => {
  assert.match(refusalOf(day, byLsn(advance(seg(2, 0x200), -1))), /is before the end of the first usable backup/);
  for (const position of [advance(lastRecord, 1), end, seg(13)]) {
    const text = `lsn ${formatLsn(position)} is beyond the WAL that is stored, which ends at ${formatLsn(end)}`;
    assert.equal(refusalOf(day, byLsn(position)), text);
  }
});

test('exclusive is passed on for positions and times', () => {
  assert.equal(planOf(day, byLsn(seg(6), { exclusive: true })).inclusive, false);
  assert.equal(planOf(day, byLsn(seg(6))).inclusive, true);
  assert.equal(planOf(day, byTime('09:00', { exclusive: true })).inclusive, false);
});

test("`immediate` is the newest backup's end, and needs no WAL beyond it", () => {
  const plan = planOf(day, target({ immediate: true }));
  assert.deepEqual(brief(plan), {
    chain: [noon.backup],
    timeline: 1,
    stop: 'immediate',
    inclusive: true,
    until: '0/8000200',
  });
});

test('the named backup is used, and no other', () => {
  const from = (id: string, input: TargetInput = {}) => planOf(day, target({ ...input, backup: id }));
  assert.deepEqual(from(full.backup).chain, [full.backup]);
  assert.deepEqual(from(incr.backup, { immediate: true }).chain, [full.backup, incr.backup]);
  assert.equal(from(incr.backup, { immediate: true }).wal.until, seg(5, 0x200));
  assert.deepEqual(planOf(day, byTime('19:00', { backup: full.backup })).chain, [full.backup]);
});

test('a named backup that is not there, or not consistent by then, is refused', () => {
  const unknown = '20250101T000000000Z-full';
  assert.equal(refusalOf(day, target({ backup: unknown })), `${unknown} is no committed backup of orders`);
  assert.match(refusalOf(day, byTime('09:00', { backup: noon.backup })), /before the end of the first usable backup/);
});

test('a chain whose parent is gone is told by both names, and an older backup is used where it can be', () => {
  const orphaned = facts([incr], dayWal);
  assert.equal(refusalOf(orphaned, target({})), `${incr.backup} needs ${full.backup}, which is gone`);
  const older = backup({ from: '00:10', to: '00:20', start: seg(1, 0x28), stop: seg(1, 0x200) });
  const some = facts([older, incr], {
    wal: { 1: [[seg(1), seg(12)]] },
    reaches: [{ timeline: 1, from: seg(1, 0x28), first: '00:10', last: '20:00', lastCommit: '18:00' }],
  });
  assert.deepEqual(planOf(some, byTime('12:00')).chain, [older.backup]);
  assert.equal(
    refusalOf(some, target({ backup: incr.backup, immediate: true })),
    `${incr.backup} needs ${full.backup}, which is gone`,
  );
});

test('a long chain is laid down from its full backup on', () => {
  const second = backup({ from: '09:00', to: '09:05', start: seg(6), stop: seg(6, 0x200), kind: 'incr', parent: incr });
  const third = backup({
    from: '11:00',
    to: '11:05',
    start: seg(7),
    stop: seg(7, 0x200),
    kind: 'incr',
    parent: second,
  });
  const plan = planOf(facts([full, incr, second, third, noon], dayWal), byTime('12:00'));
  assert.deepEqual(
    plan.chain,
    [full, incr, second, third].map((one) => one.backup),
  );
  assert.equal(plan.rawBytes, 8_000_000_000);
  assert.equal(plan.wal.from, seg(7));
});

// WAL with a hole: segment 6 is missing. The first stretch ends at 08:00, the second begins with the backup at 13:00.
const holed = facts([full, incr, noon], {
  wal: {
    1: [
      [seg(2), seg(6)],
      [seg(7), seg(12)],
    ],
  },
  reaches: [
    { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '08:00', lastCommit: '07:30' },
    { timeline: 1, from: seg(8, 0x28), first: '13:00', last: '20:00', lastCommit: '18:00' },
  ],
});
const missing = '000000010000000000000006';

test('before a hole the backups before it lead there, after it those after it', () => {
  assert.deepEqual(planOf(holed, byTime('07:10')).chain, [full.backup, incr.backup]);
  assert.deepEqual(planOf(holed, byTime('14:00')).chain, [noon.backup]);
  assert.deepEqual(planOf(holed, target({})).chain, [noon.backup]);
  assert.deepEqual(planOf(holed, byLsn(seg(5, 0x300))).chain, [full.backup, incr.backup]);
  assert.deepEqual(planOf(holed, byLsn(seg(9))).chain, [noon.backup]);
});

test('inside a hole nothing leads, and the missing segment is named', () => {
  const hole = `; segment ${missing} is missing, though later WAL is stored`;
  assert.equal(
    refusalOf(holed, byTime('10:00')),
    `time 2026-11-20 10:00:00.000000+00 is beyond the WAL that is stored, which ends at 2026-11-20 08:00:00.000000+00${hole}`,
  );
  assert.equal(
    refusalOf(holed, byLsn(seg(7))),
    `lsn 0/7000000 is beyond the WAL that is stored, which ends at 0/6000000${hole}`,
  );
});

test('a position on the edge of a hole is out of reach, the record before it is not', () => {
  assert.match(refusalOf(holed, byLsn(seg(6))), new RegExp(missing));
  assert.equal(planOf(holed, byLsn(advance(seg(6), -64))).wal.until, advance(seg(6), -64));
});

test('a named backup before a hole has no latest point, since later WAL is stored', () => {
  assert.equal(
    refusalOf(holed, target({ backup: incr.backup })),
    `the latest point is out of reach: WAL ends at 0/6000000; segment ${missing} is missing, though later WAL is stored`,
  );
  assert.deepEqual(planOf(holed, target({ backup: incr.backup, immediate: true })).chain, [full.backup, incr.backup]);
});

test('stretches of one timeline whose objects were stored out of order are not two servers', () => {
  const late = facts([full, incr, noon], {
    wal: {
      1: [
        [seg(2), seg(6)],
        [seg(7), seg(12)],
      ],
    },
    reaches: [
      { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '14:00', lastCommit: '07:30' },
      { timeline: 1, from: seg(8, 0x28), first: '13:00', last: '20:00', lastCommit: '18:00' },
    ],
  });
  assert.deepEqual(planOf(late, byTime('13:30')).chain, [noon.backup]);
});

test('a backup whose own WAL is not whole is useless, and the reason says what it lacks', () => {
  const known = facts([full], { wal: { 1: [[seg(2), seg(2, 0x100)]] }, reaches: [] });
  assert.equal(
    refusalOf(known, target({})),
    `${full.backup} needs WAL from 0/2000028 to 0/2000200, stored up to 0/2000100`,
  );
  const hole = facts([full], { wal: { 1: [[seg(3), seg(5)]] }, reaches: [] });
  assert.equal(
    refusalOf(hole, target({})),
    `${full.backup} needs WAL from 0/2000028 to 0/2000200, stored up to 0/2000028, segment 000000010000000000000002 is missing`,
  );
});

test('a backup of a system without any WAL is useless', () => {
  assert.equal(refusalOf(facts([full]), target({})), 'no backup has the WAL that it needs to become consistent');
});

// A promotion at 12:00, at segment 7: timeline 1 ended cleanly at the switch point, timeline 2 goes on to 20:00.
const switchpoint = seg(7, 0x500);
const onTwo = backup({ from: '15:00', to: '15:10', start: seg(9, 0x28), stop: seg(9, 0x200), timeline: 2 });
const promotedSystem = (first: { last: string; until: Lsn }): SystemSketch => ({
  wal: { 1: [[seg(2), first.until]], 2: [[seg(7), seg(12)]] },
  histories: [branch(2, [1, switchpoint])],
  reaches: [
    { timeline: 1, from: seg(2, 0x28), first: '01:00', last: first.last, lastCommit: '11:00' },
    { timeline: 2, from: seg(2, 0x28), first: '12:05', last: '20:00', lastCommit: '18:00' },
  ],
});
const promoted = facts([full, incr, onTwo], promotedSystem({ last: '12:00', until: switchpoint }));

test('after a promotion the latest point is on the new timeline', () => {
  assert.deepEqual(brief(planOf(promoted, target({}))), {
    chain: [onTwo.backup],
    timeline: 2,
    stop: `lsn ${formatLsn(lastRecord)}`,
    inclusive: true,
    until: formatLsn(end),
  });
});

test('each time is on the timeline that was being written', () => {
  for (const [time, timeline, chain] of [
    ['10:00', 1, [full, incr]],
    ['12:00', 1, [full, incr]],
    ['12:05', 2, [full, incr]],
    ['14:00', 2, [full, incr]],
    ['16:00', 2, [onTwo]],
  ] as const) {
    const plan = planOf(promoted, byTime(time));
    assert.equal(plan.timeline, timeline, time);
    assert.deepEqual(
      plan.chain,
      chain.map((one) => one.backup),
      time,
    );
  }
});

test('between two timelines the new one leads on from where the old one ended', () => {
  const plan = planOf(promoted, byTime('12:02'));
  assert.deepEqual([plan.timeline, plan.stop.kind, plan.chain], [2, 'time', [full.backup, incr.backup]]);
});

test('each position is on the timeline that wrote it; the switch point itself is on the new one', () => {
  assert.equal(planOf(promoted, byLsn(advance(switchpoint, -64))).timeline, 1);
  assert.equal(planOf(promoted, byLsn(switchpoint)).timeline, 2);
  assert.equal(planOf(promoted, byLsn(advance(switchpoint, 64))).timeline, 2);
});

test('another timeline can be asked for', () => {
  const one = planOf(promoted, target({ timeline: '1' }));
  assert.deepEqual(one.stop, { kind: 'lsn', lsn: advance(switchpoint, -64) });
  assert.equal(one.timeline, 1);
  assert.equal(planOf(promoted, byTime('10:00', { timeline: '2' })).timeline, 2);
  assert.equal(planOf(promoted, byLsn(seg(6), { timeline: '2' })).timeline, 2);
  assert.match(refusalOf(promoted, byTime('16:00', { timeline: '1' })), /beyond the WAL .* ends at 2026-11-20 12:00/);
});

test('a timeline that is not stored is refused with those that are', () => {
  assert.equal(refusalOf(promoted, target({ timeline: '3' })), 'no WAL of timeline 3 is stored, only of 1, 2');
  assert.equal(refusalOf(day, target({ timeline: '2', immediate: true })), 'no WAL of timeline 2 is stored, only of 1');
});

// The old primary was not stopped: it went on writing on timeline 1, beyond the switch point, until 14:00.
const splitBrain = facts([full, incr, onTwo], promotedSystem({ last: '14:00', until: seg(8, 0x800) }));

test('two timelines alive at once are told by name, and one that is named is taken', () => {
  const both = 'timelines 1 and 2 both lead to';
  assert.equal(
    refusalOf(splitBrain, byTime('13:00')),
    `${both} time 2026-11-20 13:00:00.000000+00: name one with --timeline`,
  );
  assert.equal(refusalOf(splitBrain, byLsn(seg(8))), `${both} lsn 0/8000000: name one with --timeline`);
  for (const timeline of [1, 2]) {
    assert.equal(planOf(splitBrain, byTime('13:00', { timeline: `${timeline}` })).timeline, timeline);
    assert.equal(planOf(splitBrain, byLsn(seg(8), { timeline: `${timeline}` })).timeline, timeline);
  }
});

test('before they parted and after one has gone there is nothing to choose', () => {
  assert.equal(planOf(splitBrain, byTime('10:00')).timeline, 1);
  assert.equal(planOf(splitBrain, byTime('14:00:00.000001')).timeline, 2);
  assert.equal(planOf(splitBrain, byLsn(seg(6))).timeline, 1);
  assert.equal(planOf(splitBrain, byLsn(seg(9))).timeline, 2);
  assert.equal(planOf(splitBrain, target({})).timeline, 2);
});

// At 12:05 the cluster was restored to an earlier position: timeline 2 left at 0/4000000 what timeline 1 wrote to 12:00.
const rewound = facts([full], {
  wal: { 1: [[seg(2), seg(8)]], 2: [[seg(4), seg(12)]] },
  histories: [branch(2, [1, seg(4)])],
  reaches: [
    { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '12:00', lastCommit: '11:59' },
    { timeline: 2, from: seg(2, 0x28), first: '12:05', last: '20:00', lastCommit: '18:00' },
  ],
});

test("a time between a timeline and one that dropped its end is nobody's: a person has to say", () => {
  assert.match(
    refusalOf(rewound, byTime('12:02')),
    /^timelines 1 and 2 both lead to time .*: name one with --timeline$/,
  );
  assert.equal(planOf(rewound, byTime('12:02', { timeline: '2' })).timeline, 2);
  assert.equal(planOf(rewound, byTime('11:00')).timeline, 1);
});

test('between two timelines the next one leads, not the newest', () => {
  const thrice = facts([full], {
    wal: { 1: [[seg(2), switchpoint]], 2: [[seg(7), seg(9)]], 3: [[seg(4), seg(12)]] },
    histories: [branch(2, [1, switchpoint]), branch(3, [1, seg(4)])],
    reaches: [
      { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '12:00', lastCommit: '11:59' },
      { timeline: 2, from: seg(2, 0x28), first: '12:05', last: '15:00', lastCommit: '14:00' },
      { timeline: 3, from: seg(2, 0x28), first: '15:05', last: '20:00', lastCommit: '18:00' },
    ],
  });
  assert.equal(planOf(thrice, byTime('12:02')).timeline, 2);
  assert.match(refusalOf(thrice, byTime('15:02')), /^timelines 2 and 3 both lead to/);
  assert.equal(planOf(thrice, target({})).timeline, 3);
});

test('a backup that is consistent only with WAL of the next timeline is used along that one', () => {
  // Its last segment was stored by the promoted server alone.
  const late = backup({ from: '11:58', to: '11:59', start: seg(7, 0x28), stop: seg(7, 0x400) });
  const known = facts([full, late], {
    wal: { 1: [[seg(2), seg(7)]], 2: [[seg(7), seg(12)]] },
    histories: [branch(2, [1, switchpoint])],
    reaches: [
      { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '11:57', lastCommit: '11:00' },
      { timeline: 2, from: seg(2, 0x28), first: '12:05', last: '20:00', lastCommit: '18:00' },
    ],
  });
  const plan = planOf(known, target({ immediate: true }));
  assert.deepEqual([plan.chain, plan.timeline, plan.wal.until], [[late.backup], 2, seg(7, 0x400)]);
  assert.deepEqual(planOf(known, target({ backup: late.backup, immediate: true })).timeline, 2);
});

test('`immediate` stays on the timeline that the backup was taken on', () => {
  const plan = planOf(
    facts([full, incr], promotedSystem({ last: '12:00', until: switchpoint })),
    target({ immediate: true }),
  );
  assert.deepEqual([plan.chain, plan.timeline], [[full.backup, incr.backup], 1]);
  assert.equal(planOf(promoted, target({ immediate: true })).timeline, 2, 'the newest backup is of timeline 2');
});

// The source was made anew at 12:00: another system, whose WAL begins with timeline 1 once more.
const reborn = backup({ from: '13:00', to: '13:10', start: seg(3, 0x28), stop: seg(3, 0x200), systemId: otherSystem });
const secondLife: SystemSketch = {
  systemId: otherSystem,
  wal: { 1: [[seg(3), seg(12)]] },
  reaches: [{ timeline: 1, from: seg(3, 0x28), first: '13:00', last: '20:00', lastCommit: '18:00' }],
};
const firstLife = (last: string): SystemSketch => ({
  wal: { 1: [[seg(2), seg(8)]] },
  reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last, lastCommit: '09:00' }],
});
const twoLives = facts([full, reborn], firstLife('12:00'), secondLife);

test('of several systems each time belongs to the one that lived', () => {
  assert.equal(planOf(twoLives, byTime('08:00')).systemId, ourSystem);
  assert.equal(planOf(twoLives, byTime('14:00')).systemId, otherSystem);
  assert.equal(planOf(twoLives, target({})).systemId, otherSystem);
  assert.equal(planOf(twoLives, target({ immediate: true })).systemId, otherSystem);
  assert.equal(planOf(twoLives, target({ backup: full.backup })).systemId, ourSystem);
});

test('a position that several systems have had needs a named backup', () => {
  assert.equal(
    refusalOf(twoLives, byLsn(seg(5))),
    `systems ${ourSystem} and ${otherSystem} both lead to lsn 0/5000000: name a backup with --backup`,
  );
  assert.equal(planOf(twoLives, byLsn(seg(5), { backup: full.backup })).systemId, ourSystem);
  assert.equal(planOf(twoLives, byLsn(seg(5), { backup: reborn.backup })).systemId, otherSystem);
  assert.equal(planOf(twoLives, byLsn(seg(9))).systemId, otherSystem);
});

test('two systems that lived at the same time need a named backup', () => {
  const known = facts([full, reborn], firstLife('16:00'), secondLife);
  assert.match(
    refusalOf(known, byTime('15:00')),
    /^systems \d+ and \d+ both lead to time .*: name a backup with --backup$/,
  );
});

test('the latest point is of the system that was written last, though the other was backed up later', () => {
  const early = backup({ from: '00:10', to: '00:20', start: seg(3, 0x28), stop: seg(3, 0x200), systemId: otherSystem });
  const known = facts([early, full], firstLife('12:00'), secondLife);
  const plan = planOf(known, target({}));
  assert.deepEqual([plan.systemId, plan.chain], [otherSystem, [early.backup]]);
});

test('chains do not cross systems', () => {
  const foreign = backup({
    ...{ from: '14:00', to: '14:05', start: seg(4), stop: seg(4, 0x200) },
    systemId: otherSystem,
    kind: 'incr',
    parent: full,
  });
  const known = facts([full, foreign], firstLife('12:00'), secondLife);
  assert.equal(
    refusalOf(known, target({ backup: foreign.backup, immediate: true })),
    `${foreign.backup} needs ${full.backup}, which is gone`,
  );
});

const located = (point: Partial<LocatedPoint>): LocatedPoint => ({
  systemId: ourSystem,
  timeline: 1,
  lsn: seg(6),
  micros: at('09:00'),
  ...point,
});

for (const input of [{ xid: '790' }, { name: 'before the release' }] as const) {
  test(`${Object.keys(input)[0]} is refused where it was not found, and planned where it was`, () => {
    assert.match(
      refusalOf(day, target(input)),
      /^(transaction 790|restore point "before the release") is not in the WAL/,
    );
    const plan = planOf(day, target(input), located({}));
    assert.deepEqual(plan.chain, [full.backup, incr.backup]);
    assert.deepEqual(plan.stop, target(input).point);
    assert.equal(plan.wal.until, seg(6));
    assert.deepEqual(plan.leftOut, { bytes: end - seg(6), ms: 11 * 3_600_000 });
  });
}

test('a transaction is left out where that is asked for', () => {
  assert.equal(planOf(day, target({ xid: '790', exclusive: true }), located({})).inclusive, false);
  assert.equal(planOf(day, target({ xid: '790' }), located({})).inclusive, true);
});

test('a transaction that ended before the first backup was consistent is out of reach', () => {
  assert.match(refusalOf(day, target({ xid: '790' }), located({ lsn: seg(2, 0x100) })), /before the end of the first/);
  assert.deepEqual(planOf(day, target({ xid: '790' }), located({ lsn: seg(2, 0x200) })).chain, [full.backup]);
});

test('a transaction is replayed on the timeline where it was found', () => {
  assert.equal(planOf(splitBrain, target({ xid: '790' }), located({ lsn: seg(8) })).timeline, 1);
  assert.equal(planOf(splitBrain, target({ xid: '790' }), located({ lsn: seg(8), timeline: 2 })).timeline, 2);
});

test('a transaction is replayed in the system where it was found', () => {
  const found = located({ lsn: seg(5) });
  assert.deepEqual(planOf(twoLives, target({ xid: '790' }), found).chain, [full.backup]);
  const later = planOf(twoLives, target({ xid: '790' }), { ...found, systemId: otherSystem });
  assert.deepEqual(later.chain, [reborn.backup]);
});

test('a transaction that is found behind a hole is not reached over the hole', () => {
  // In the WAL of the backup at 13:00, before that was consistent.
  const found = located({ lsn: seg(8, 0x100), micros: at('13:05') });
  assert.equal(refusalOf(holed, target({ xid: '790' }), found), 'no usable backup leads to transaction 790');
});

test('what could be restored instead is told newest first, at most five', () => {
  const { reachable } = planRecovery(day, byTime('00:00')) as { reachable: string[] };
  const until = '2026-11-20 20:00:00.000000+00 (timeline 00000001, from';
  assert.deepEqual(reachable, [
    `2026-11-20 01:10:00.000000+00 to ${until} ${full.backup})`,
    `2026-11-20 07:05:00.000000+00 to ${until} ${incr.backup})`,
    `2026-11-20 13:10:00.000000+00 to ${until} ${noon.backup})`,
  ]);
  assert.match(reachablePoints(holed)[0]!, /^2026-11-20 13:10.* to 2026-11-20 20:00/);
  assert.match(reachablePoints(holed)[1]!, /to 2026-11-20 08:00/);
  const many = Array.from({ length: 9 }, (_, n) =>
    backup({ from: `0${n}:00`, to: `0${n}:10`, start: seg(2, 0x28 + n * 0x1000), stop: seg(2, 0x200 + n * 0x1000) }),
  );
  assert.equal(reachablePoints(facts(many, dayWal)).length, 5);
});

test('a plan is the same however often it is made, and so is its hash', () => {
  const again = structuredClone(facts([full, incr, noon], dayWal));
  for (const wanted of [target({}), byTime('09:00'), byLsn(seg(6)), target({ immediate: true })]) {
    assert.deepEqual(planRecovery(again, wanted), planRecovery(day, wanted));
  }
  assert.match(hashPlan(planOf(day, target({}))), /^[0-9a-f]{64}$/);
});

const base = planOf(day, byTime('09:00'));
const decisions: [string, Partial<RecoveryPlan>][] = [
  ['source', { source: 'customers' }],
  ['systemId', { systemId: otherSystem }],
  ['major', { major: 17 }],
  ['target', { target: 'the latest point' }],
  ['stop time', { stop: { kind: 'time', micros: at('09:00') + 1n } }],
  ['stop lsn', { stop: { kind: 'lsn', lsn: seg(6) } }],
  ['stop kind', { stop: { kind: 'immediate' } }],
  ['inclusive', { inclusive: false }],
  ['action', { action: 'pause' }],
  ['chain', { chain: [full.backup] }],
  ['timeline', { timeline: 2 }],
  ['where replay begins', { wal: { ...base.wal, from: seg(5) } }],
  ['size', { storedBytes: 1 }],
];
test('every decision changes the hash, each to another', () => {
  const hashes = [base, ...decisions.map(([, change]) => ({ ...base, ...change }))].map(hashPlan);
  for (const [index, [what]] of decisions.entries()) assert.notEqual(hashes[index + 1], hashes[0], what);
  assert.equal(new Set(hashes).size, hashes.length);
});

test('what is only measured does not change the hash: an approval survives WAL that keeps arriving', () => {
  const later = facts([full, incr, noon], {
    wal: { 1: [[seg(2), seg(13)]] },
    reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '21:00', lastCommit: '20:30' }],
  });
  assert.equal(hashPlan(planOf(later, byTime('09:00'))), hashPlan(base));
  assert.equal(hashPlan({ ...base, forecastMs: 1 }), hashPlan(base));
  assert.notEqual(hashPlan(planOf(later, target({}))), hashPlan(planOf(day, target({}))), 'another latest point');
});

test('a plan is printed as JSON with LSNs as PostgreSQL prints them', () => {
  const printed = JSON.parse(printPlanJson(planOf(day, byLsn(seg(6)))));
  assert.deepEqual(printed.stop, { kind: 'lsn', lsn: '0/6000000' });
  assert.deepEqual(printed.wal, { from: '0/5000028', until: '0/6000000', bytes: '16777176' });
  const time = JSON.parse(printPlanJson(base));
  assert.deepEqual(time.stop, { kind: 'time', micros: String(at('09:00')) });
});

test('whatever is asked of whatever is known, a plan starts from a backup that was consistent and stays within WAL', () => {
  const known = [day, holed, promoted, splitBrain, rewound, twoLives];
  const times = fc.integer({ min: 0, max: 86_399 }).map((s) => new Date(s * 1000).toISOString().slice(11, 19));
  const positions = fc.integer({ min: 0, max: 13 * 16 }).map((n) => seg(n >> 4, (n & 15) << 20));
  const inputs = fc.oneof(
    times.map((time) => ({ time: `2026-11-20 ${time}Z` })),
    positions.map((position) => ({ lsn: formatLsn(position) })),
    fc.constant({ immediate: true }),
    fc.constant({}),
  );
  const hows = fc.record({
    timeline: fc.constantFrom(undefined, '1', '2'),
    backup: fc.constantFrom(undefined, full.backup, incr.backup),
  });
  fc.assert(
    fc.property(fc.constantFrom(...known), inputs, hows, (some, input, { timeline, backup: named }) => {
      const wanted = target({ ...input, ...(timeline ? { timeline } : {}), ...(named ? { backup: named } : {}) });
      const outcome = planRecovery(some, wanted);
      if (!outcome.possible) {
        assert.ok(outcome.reason.length > 10);
        return;
      }
      const { plan } = outcome;
      const chosen = some.backups.find((one) => one.backup === plan.chain.at(-1))!;
      const reach = some.systems
        .get(plan.systemId)!
        .reaches.find(
          (one) => one.timeline === plan.timeline && one.from <= plan.wal.from && one.until >= plan.wal.until,
        );
      assert.ok(reach, 'the WAL of the plan is stored without a hole');
      assert.equal(chosen.server.systemId, plan.systemId);
      assert.ok(plan.wal.until >= plan.wal.from && plan.wal.bytes === plan.wal.until - plan.wal.from);
      if (wanted.point.kind === 'time') {
        assert.ok(BigInt(Date.parse(chosen.stop.time)) * 1000n <= wanted.point.micros);
        assert.ok(wanted.point.micros <= reach.lastMicros);
      }
      if (wanted.point.kind === 'lsn') assert.ok(wanted.point.lsn < reach.until);
      if (named) assert.equal(chosen.backup, named);
      if (timeline) assert.equal(plan.timeline, Number(timeline));
    }),
    { numRuns: 3000 },
  );
});
