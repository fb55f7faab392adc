import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { InputInvalid } from '#model/failure';
import { lsn, parseLsn } from '#model/lsn';
import {
  isSegmentName,
  isSegmentSize,
  nextSegment,
  parseSegmentName,
  segmentAt,
  segmentEnd,
  segmentName,
  segmentStart,
} from '#model/wal-segment';

const mebi = 1 << 20;
const sizes = fc.integer({ min: 20, max: 30 }).map((bits) => 2 ** bits);
const positions = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(lsn);
const timelines = fc.integer({ min: 1, max: 0xffff_ffff });

/** worked out by hand from XLByteToSeg and XLogFileName in PostgreSQL's xlog_internal.h */
const named: [timeline: number, position: string, segmentSize: number, name: string][] = [
  [1, '0/3000028', 16 * mebi, '000000010000000000000003'],
  [1, '1/0', 16 * mebi, '000000010000000100000000'],
  [31, '16/B374D848', 16 * mebi, '0000001F00000016000000B3'],
  [1, '16/B374D848', mebi, '000000010000001600000B37'],
  [1, '16/B374D848', 1024 * mebi, '000000010000001600000002'],
];
for (const [timeline, position, size, name] of named) {
  test(`${position} at ${size / mebi} MiB is in ${name}`, () => {
    const segment = segmentAt(timeline, parseLsn(position), size);
    assert.equal(segmentName(segment, size), name);
    assert.deepEqual(parseSegmentName(name, size), segment);
  });
}

test('every position lies inside its segment, whose name says which it is', () => {
  fc.assert(
    fc.property(timelines, positions, sizes, (timeline, position, size) => {
      const segment = segmentAt(timeline, position, size);
      assert.ok(segmentStart(segment, size) <= position && position < segmentEnd(segment, size));
      assert.equal(segmentEnd(segment, size), segmentStart(nextSegment(segment), size));
      const name = segmentName(segment, size);
      assert.ok(isSegmentName(name));
      assert.deepEqual(parseSegmentName(name, size), segment);
    }),
  );
});

test('names of one timeline sort as the segments do', () => {
  fc.assert(
    fc.property(positions, positions, sizes, (a, b, size) => {
      const [first, second] = [segmentAt(1, a, size), segmentAt(1, b, size)];
      assert.equal(first.number < second.number, segmentName(first, size) < segmentName(second, size));
    }),
  );
});

for (const name of [
  '',
  '00000001000000000000000g',
  '00000001000000000000000a',
  '0000000100000000000000030',
  '0'.repeat(23),
]) {
  test(`"${name}" is refused: no segment has this name`, () => {
    assert.ok(!isSegmentName(name));
    assert.throws(
      () => parseSegmentName(name, 16 * mebi),
      (failure: unknown) =>
        failure instanceof InputInvalid &&
        failure.message === `wal segment: "${name}" is not allowed: expected 24 upper-case hexadecimal digits`,
    );
  });
}

test('a name that only a smaller segment size has is refused', () => {
  assert.equal(parseSegmentName('000000010000000000000FFF', mebi).number, 0xfffn);
  assert.throws(
    () => parseSegmentName('000000010000000000000100', 16 * mebi),
    /wal segment: "000000010000000000000100" is not allowed: expected a name that exists at a segment size of 16777216/,
  );
});

test('segment sizes are the powers of two from 1 MiB to 1 GiB', () => {
  assert.deepEqual([1, mebi / 2, mebi, 3 * mebi, 16 * mebi, 1024 * mebi, 2048 * mebi].map(isSegmentSize), [
    false,
    false,
    true,
    false,
    true,
    true,
    false,
  ]);
});
