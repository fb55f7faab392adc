import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { formatLsn, lsn } from '#model/lsn';
import { type PieceRead, type VerifiedStretch, withPiece } from '#model/verified-wal';

const instant = fc
  .integer({ min: 0, max: 5 })
  .map((second) => new Date(Date.UTC(2026, 10, 20, 5, 0, second)).toISOString());
const piece: fc.Arbitrary<PieceRead> = fc
  .record({
    from: fc.integer({ min: 0, max: 20 }),
    bytes: fc.integer({ min: 1, max: 6 }),
    last: fc.record(
      { commitTime: fc.option(instant), time: instant, storedAt: instant, verifiedAt: instant },
      { noNullPrototype: true },
    ),
  })
  .map(({ from, bytes, last }) => ({
    start: formatLsn(lsn(BigInt(from))),
    end: formatLsn(lsn(BigInt(from + bytes))),
    last,
  }));

const together = (pieces: readonly PieceRead[]): VerifiedStretch[] =>
  pieces.reduce<VerifiedStretch[]>((stretches, one) => withPiece(stretches, one), []);

test('pieces make the same stretches in any order and however often they come', () => {
  fc.assert(
    fc.property(
      fc
        .array(piece, { maxLength: 12 })
        .chain((pieces) =>
          fc.tuple(fc.constant(pieces), fc.shuffledSubarray([...pieces, ...pieces], { minLength: pieces.length * 2 })),
        ),
      ([pieces, shuffled]) => assert.deepEqual(together(shuffled), together(pieces)),
    ),
    { numRuns: 500 },
  );
});

test('stretches hold exactly the bytes of their pieces, in order, and do not touch', () => {
  const numberOf = (text: string) => Number.parseInt(text.split('/')[1]!, 16);
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const bytes = (ranges: readonly { start: string; end: string }[]) => {
        const held = new Set<number>();
        for (const { start, end } of ranges) for (let at = numberOf(start); at < numberOf(end); at++) held.add(at);
        return [...held].sort((a, b) => a - b);
      };
      const stretches = together(pieces);
      assert.deepEqual(bytes(stretches), bytes(pieces));
      for (const [index, { start }] of stretches.slice(1).entries()) {
        assert.ok(numberOf(start) > numberOf(stretches[index]!.end));
      }
    }),
  );
});
