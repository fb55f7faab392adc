import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { formatLsn, parseLsn } from '#model/lsn';
import { describeWal, parseWalObjectName, type WalObject, walObjectName, walRange } from '#model/wal-object';

const segmentSize = 16 << 20;
const base = '000000010000000000000003';
const segment = { timeline: 1, number: 3n };

const objects: fc.Arbitrary<WalObject> = fc
  .record({
    timeline: fc.integer({ min: 1, max: 0xffff_ffff }),
    number: fc.bigInt({ min: 0n, max: 0xff_ffff_ffffn }),
    cut: fc.tuple(fc.integer({ min: 0, max: segmentSize }), fc.integer({ min: 0, max: segmentSize })),
    kind: fc.constantFrom('segment' as const, 'chunk' as const, 'partial' as const),
  })
  .filter(({ cut: [a, b] }) => a !== b)
  .map(({ timeline, number, cut, kind }) => ({
    kind,
    segment: { timeline, number },
    ...(kind === 'chunk' ? { from: Math.min(...cut), to: Math.max(...cut) } : {}),
  })) as fc.Arbitrary<WalObject>;

test('every object survives naming and reading', () => {
  fc.assert(
    fc.property(objects, (object) => {
      assert.deepEqual(parseWalObjectName(walObjectName(object, segmentSize), segmentSize), object);
    }),
  );
});

test('names say what they hold', () => {
  assert.equal(walObjectName({ kind: 'segment', segment }, segmentSize), base);
  assert.equal(walObjectName({ kind: 'partial', segment }, segmentSize), `${base}.partial`);
  assert.equal(
    walObjectName({ kind: 'chunk', segment, from: 0, to: 0x1a2b0 }, segmentSize),
    `${base}.00000000-0001A2B0`,
  );
});

test('a segment sorts before its chunks, and these by where they begin', () => {
  const names = [
    walObjectName({ kind: 'chunk', segment, from: 0x100, to: 0x200 }, segmentSize),
    walObjectName({ kind: 'segment', segment: { timeline: 1, number: 4n } }, segmentSize),
    walObjectName({ kind: 'chunk', segment, from: 0, to: 0x100 }, segmentSize),
    walObjectName({ kind: 'segment', segment }, segmentSize),
  ];
  assert.deepEqual(names.sort(), [
    base,
    `${base}.00000000-00000100`,
    `${base}.00000100-00000200`,
    '000000010000000000000004',
  ]);
});

test('what an object holds is told as positions, and a partial holds nothing to rely on', () => {
  const printed = (object: WalObject) => Object.values(walRange(object, segmentSize)).map(formatLsn).join('..');
  assert.equal(printed({ kind: 'segment', segment }), '0/3000000..0/4000000');
  assert.equal(printed({ kind: 'chunk', segment, from: 0x100, to: 0x200 }), '0/3000100..0/3000200');
  assert.equal(printed({ kind: 'partial', segment }), '0/3000000..0/3000000');
});

const foreign = [
  '',
  '00000002.history',
  `${base}.backup`,
  `${base}.00000028.backup`,
  `${base}.partial.part`,
  `${base}.00000000-0000000g`,
  `${base}.00000000-00000000`,
  `${base}.00000200-00000100`,
  `${base}.00000000-01000001`,
  `${base}.0-100`,
  `${base}.`,
  '00000001000000000000000a',
];
for (const name of foreign) {
  test(`"${name}" is none of them`, () => assert.equal(parseWalObjectName(name, segmentSize), undefined));
}

test('a chunk may end where its segment does', () => {
  assert.deepEqual(parseWalObjectName(`${base}.00000000-01000000`, segmentSize), {
    kind: 'chunk',
    segment,
    from: 0,
    to: segmentSize,
  });
});

test('WAL is described by its positions and timeline', () => {
  assert.equal(describeWal(10, parseLsn('0/1'), parseLsn('1/0')), '0/1..1/0 on timeline 0000000A');
});
