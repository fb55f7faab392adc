import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { ObjectDamaged } from '#model/failure';
import { parseIncrementalHeader } from '#postgres/incremental-file';

const name = 'base/5/INCREMENTAL.16384';

function head(count: number, truncation: number, blocks: number[], magic = 0xd3ae1f0d): Buffer {
  const bytes = Buffer.alloc(12 + 4 * blocks.length);
  for (const [index, value] of [magic, count, truncation, ...blocks].entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

test('the head of an incremental file names its blocks, and is padded to a block', () => {
  assert.deepEqual(parseIncrementalHeader(head(3, 10, [0, 7, 131071]), { name }), {
    blocks: Uint32Array.of(0, 7, 131071),
    truncationBlockLength: 10,
    headerBytes: 8192,
    fileBytes: 4 * 8192,
    reconstructedBlocks: 131072,
  });
});

test('without blocks there is no padding', () => {
  assert.deepEqual(parseIncrementalHeader(head(0, 10, []), { name }), {
    blocks: new Uint32Array(0),
    truncationBlockLength: 10,
    headerBytes: 12,
    fileBytes: 12,
    reconstructedBlocks: 10,
  });
});

test('numbers that fill a block exactly need no padding', () => {
  const blocks = Array.from({ length: 2045 }, (_, index) => index);
  const header = parseIncrementalHeader(head(2045, 0, blocks), { name });
  assert('headerBytes' in header);
  assert.deepEqual([header.headerBytes, header.fileBytes], [8192, 8192 * 2046]);
});

test('too few bytes tell how many are needed', () => {
  const whole = head(3, 10, [1, 2, 3]);
  assert.deepEqual(parseIncrementalHeader(whole.subarray(0, 11), { name }), { neededBytes: 12 });
  assert.deepEqual(parseIncrementalHeader(whole.subarray(0, 12), { name }), { neededBytes: 24 });
  assert.deepEqual(parseIncrementalHeader(whole.subarray(0, 23), { name }), { neededBytes: 24 });
  assert.deepEqual(parseIncrementalHeader(head(131072, 0, []), { name }), { neededBytes: 12 + 4 * 131072 });
});

describe('the head of an incremental file is refused', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['with another magic number', head(0, 0, [], 0xd3ae1f0e), /magic number d3ae1f0e: expected d3ae1f0d$/],
    ['with more blocks than a file has', head(131073, 0, []), /131073 blocks: expected at most 131072$/],
    ['with a truncation length beyond a file', head(0, 131073, []), /truncation length of 131073 blocks/],
    ['with a block beyond a file', head(1, 0, [131072]), /block 131072: expected one below 131072$/],
    ['with a block twice', head(2, 0, [5, 5]), /block 5 after block 5/],
    ['with blocks in disorder', head(2, 0, [6, 5]), /block 5 after block 6: expected increasing numbers$/],
  ];
  for (const [what, bytes, message] of cases) {
    test(what, () => {
      assert.throws(
        () => parseIncrementalHeader(bytes, { name }),
        (error: unknown) => {
          assert(error instanceof ObjectDamaged && error.message.startsWith(`incremental file ${name}: `));
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});

test('any bytes are a head, too few, or damaged', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, withMagic) => {
      const start = withMagic ? head(2, 3, []).subarray(0, 8) : Buffer.alloc(0);
      try {
        parseIncrementalHeader(Buffer.concat([start, bytes]), { name });
      } catch (error) {
        assert(error instanceof ObjectDamaged);
      }
    }),
  );
});
