import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proofOfLaterWal } from '#catalog/end-of-wal';
import { coveredUntil } from '#catalog/wal-coverage';
import { addInOrder, type WalInterval } from '#catalog/wal-interval';
import type { WalInventory } from '#catalog/wal-inventory';
import fc from '#harness/fast-check';
import { formatLsn, type Lsn, lsn, parseLsn } from '#model/lsn';
import type { Timeline, TimelineHistory } from '#model/timeline';

const segmentSize = 16 << 20;

/** `seg(3)`: where the third segment begins; `seg(3, 0x100)`: 256 bytes into it */
const seg = (number: number, offset = 0): Lsn => lsn(BigInt(number) * BigInt(segmentSize) + BigInt(offset));

type Range = [from: Lsn, to: Lsn];

function inventory(timelines: Record<Timeline, Range[]>, histories: TimelineHistory[] = []): WalInventory {
  return {
    source: 'orders',
    systemId: '1',
    segmentSize,
    timelines: new Map(
      Object.entries(timelines).map(([timeline, ranges]) => {
        const intervals: WalInterval[] = [];
        for (const [start, end] of ranges) addInOrder(intervals, { start, end });
        return [Number(timeline), { timeline: Number(timeline), intervals }];
      }),
    ),
    histories: new Map(histories.map((history) => [history.timeline, history])),
  };
}

const first: TimelineHistory = { timeline: 1, ancestors: [] };
const second = (switchpoint: Lsn): TimelineHistory => ({
  timeline: 2,
  ancestors: [{ timeline: 1, switchpoint, reason: '' }],
});

function covered(stored: WalInventory, path: TimelineHistory, from: Lsn) {
  const { until, timeline, gap } = coveredUntil(stored, path, from);
  const next = gap?.nextAvailable;
  return {
    until: formatLsn(until),
    timeline,
    ...(gap ? { missing: gap.missing, next: next === undefined ? undefined : formatLsn(next) } : {}),
  };
}

test('without WAL, nothing is covered and nothing is a gap', () => {
  const nothing = { ...inventory({}), segmentSize: undefined };
  assert.deepEqual(covered(nothing, first, seg(3, 40)), { until: '0/3000028', timeline: 1 });
  assert.deepEqual(covered(inventory({}), first, seg(3, 40)), { until: '0/3000028', timeline: 1 });
});

test('segments and chunks that touch are one stretch', () => {
  const stored = inventory({
    1: [
      [seg(3), seg(4)],
      [seg(4), seg(5)],
      [seg(5), seg(5, 100)],
      [seg(5, 100), seg(5, 300)],
    ],
  });
  assert.deepEqual(covered(stored, first, seg(3, 40)), { until: '0/500012C', timeline: 1 });
});

test('a missing segment is a gap, with what is missing and where WAL goes on', () => {
  const stored = inventory({
    1: [
      [seg(3), seg(5)],
      [seg(6), seg(8)],
    ],
  });
  assert.deepEqual(covered(stored, first, seg(3)), {
    until: '0/5000000',
    timeline: 1,
    missing: '000000010000000000000005',
    next: '0/6000000',
  });
  assert.deepEqual(covered(stored, first, seg(6)), { until: '0/8000000', timeline: 1 });
});

test('a segment without its beginning cannot be read: not from its middle, nor as what follows a gap', () => {
  const stored = inventory({ 1: [[seg(3, 100), seg(3, 900)]] });
  assert.deepEqual(covered(stored, first, seg(3, 200)), {
    until: '0/30000C8',
    timeline: 1,
    missing: '000000010000000000000003',
    next: undefined,
  });
  const later = inventory({
    1: [
      [seg(3), seg(3, 100)],
      [seg(3, 500), seg(3, 900)],
      [seg(4, 8), seg(4, 9)],
      [seg(6), seg(7)],
    ],
  });
  assert.deepEqual(covered(later, first, seg(3)), {
    until: '0/3000064',
    timeline: 1,
    missing: '000000010000000000000003',
    next: '0/6000000',
  });
});

test('a chunk that begins in the middle of the stretch after a gap makes it readable from the next segment on', () => {
  const stored = inventory({
    1: [
      [seg(3), seg(4)],
      [seg(5, 100), seg(8)],
    ],
  });
  assert.equal(covered(stored, first, seg(3)).next, '0/6000000');
});

test('a position before all WAL is not covered', () => {
  const stored = inventory({ 1: [[seg(3), seg(4)]] });
  assert.deepEqual(covered(stored, first, seg(2, 5)), {
    until: '0/2000005',
    timeline: 1,
    missing: '000000010000000000000002',
    next: '0/3000000',
  });
});

test('across a switch, the segment in which it lies is read from the newer timeline', () => {
  const path = second(seg(5, 1000));
  const stored = inventory({ 1: [[seg(3), seg(5)]], 2: [[seg(5), seg(7)]] });
  assert.deepEqual(covered(stored, path, seg(3)), { until: '0/7000000', timeline: 2 });
  assert.deepEqual(covered(stored, first, seg(3)), { until: '0/5000000', timeline: 1 });
});

test('the older timeline reaches up to the switch point and no further', () => {
  const path = second(seg(5, 1000));
  const stored = inventory({ 1: [[seg(3), seg(9)]] });
  assert.deepEqual(covered(stored, path, seg(3)), { until: '0/50003E8', timeline: 1 });
  const short = inventory({ 1: [[seg(3), seg(5, 999)]] });
  assert.deepEqual(covered(short, path, seg(3)), { until: '0/50003E7', timeline: 1 });
});

test('with the first segment of the newer timeline missing, its later ones are out of reach', () => {
  const path = second(seg(5, 1000));
  const stored = inventory({ 1: [[seg(3), seg(5, 1000)]], 2: [[seg(6), seg(7)]] });
  assert.deepEqual(covered(stored, path, seg(3)), {
    until: '0/50003E8',
    timeline: 1,
    missing: '000000020000000000000005',
    next: '0/6000000',
  });
});

test('a piece of the newer timeline that ends before the switch point does not hide the older one', () => {
  const path = second(seg(5, 1000));
  const stored = inventory({ 1: [[seg(3), seg(5, 1000)]], 2: [[seg(5), seg(5, 500)]] });
  assert.deepEqual(covered(stored, path, seg(3)), { until: '0/50003E8', timeline: 1 });
});

test('a newer timeline without the beginning of its segment is a gap', () => {
  const path = second(seg(5, 1000));
  const stored = inventory({ 1: [[seg(3), seg(5, 1000)]], 2: [[seg(5, 1000), seg(5, 2000)]] });
  assert.deepEqual(covered(stored, path, seg(3)), {
    until: '0/50003E8',
    timeline: 1,
    missing: '000000020000000000000005',
    next: undefined,
  });
});

test('a gap on the older timeline is not bridged by the newer one', () => {
  const path = second(seg(5, 1000));
  const stored = inventory({ 1: [[seg(3), seg(4)]], 2: [[seg(5), seg(7)]] });
  assert.deepEqual(covered(stored, path, seg(3)), {
    until: '0/4000000',
    timeline: 1,
    missing: '000000010000000000000004',
    next: '0/5000000',
  });
  assert.deepEqual(covered(stored, path, seg(5, 2000)), { until: '0/7000000', timeline: 2 });
});

test('a switch at a segment boundary needs nothing of the newer timeline before it', () => {
  const path = second(seg(5));
  const stored = inventory({ 1: [[seg(3), seg(5)]], 2: [[seg(5), seg(6)]] });
  assert.deepEqual(covered(stored, path, seg(3)), { until: '0/6000000', timeline: 2 });
  assert.deepEqual(covered(inventory({ 1: [[seg(3), seg(8)]] }), path, seg(3)), { until: '0/5000000', timeline: 1 });
});

test('two switches in one segment are read from the newest timeline', () => {
  const path: TimelineHistory = {
    timeline: 3,
    ancestors: [
      { timeline: 1, switchpoint: seg(5, 100), reason: '' },
      { timeline: 2, switchpoint: seg(5, 200), reason: '' },
    ],
  };
  const stored = inventory({ 1: [[seg(3), seg(5, 100)]], 2: [[seg(5), seg(5, 200)]], 3: [[seg(5), seg(6)]] });
  assert.deepEqual(covered(stored, path, seg(4)), { until: '0/6000000', timeline: 3 });
  const withoutThird = inventory({ 1: [[seg(3), seg(5, 100)]], 2: [[seg(5), seg(5, 200)]] });
  assert.deepEqual(covered(withoutThird, path, seg(4)), { until: '0/50000C8', timeline: 2 });
});

test('coverage is what reading segment by segment gives', () => {
  const size = 4;
  const ranges = fc.array(fc.tuple(fc.nat(39), fc.integer({ min: 1, max: 12 })), { maxLength: 8 });
  fc.assert(
    fc.property(ranges, ranges, fc.integer({ min: 1, max: 39 }), fc.nat(39), (one, two, switchpoint, from) => {
      const build = (list: [number, number][]) => {
        const sorted = list.map(([at, length]): Range => [lsn(BigInt(at)), lsn(BigInt(at + length))]);
        return sorted.sort((a, b) => Number(a[0] - b[0]));
      };
      const stored = { ...inventory({ 1: build(one), 2: build(two) }), segmentSize: size };
      const path = second(lsn(BigInt(switchpoint)));
      const until = coveredUntil(stored, path, lsn(BigInt(from))).until;
      assert.equal(Number(until), readBySegment(stored, switchpoint, from, size));
    }),
    { numRuns: 3000 },
  );
});

/** What PostgreSQL does, byte by byte. */
function readBySegment(stored: WalInventory, switchpoint: number, from: number, size: number): number {
  const has = (timeline: Timeline, at: number) =>
    stored.timelines.get(timeline)!.intervals.some(({ start, end }) => start <= BigInt(at) && BigInt(at) < end);
  const lengthOf = (timeline: Timeline, segment: number) => {
    let at = segment * size;
    while (at < (segment + 1) * size && has(timeline, at)) at++;
    return at;
  };
  let reached = from;
  for (let segment = Math.floor(from / size); ; segment++) {
    const begun = Math.floor(switchpoint / size) <= segment;
    const newer = begun ? lengthOf(2, segment) : 0;
    // of the newer timeline, what is its own; of the older one, what is before the switch
    const reach = newer > Math.max(switchpoint, segment * size) ? newer : Math.min(lengthOf(1, segment), switchpoint);
    if (reach > reached) reached = reach;
    if (reach < (segment + 1) * size) return reached;
  }
}

test('the end of WAL is only where nothing proves the contrary', () => {
  const stored = inventory({ 1: [[seg(3), seg(5, 100)]], 2: [[seg(5), seg(7)]] }, [second(seg(5, 1000))]);
  assert.match(proofOfLaterWal(stored, 1, seg(4))!, /WAL from 0\/3000000 to 0\/5000064 on timeline 00000001 is stored/);
  assert.match(
    proofOfLaterWal(stored, 1, seg(5, 100))!,
    /00000002.history says that timeline 00000001 went on to 0\/50003E8/,
  );
  assert.equal(proofOfLaterWal(stored, 1, seg(5, 1000)), undefined);
  assert.equal(proofOfLaterWal(stored, 2, seg(7)), undefined);
  assert.ok(proofOfLaterWal(stored, 2, parseLsn('0/6FFFFFF')));
});
