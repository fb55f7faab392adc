import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from '#harness/fast-check';
import { ObjectDamaged } from '#model/failure';
import type { TarEntry } from '#pipeline/tar-reader';
import { BlockPatch } from '#recovery/block-patch';
import { blockSize, fileOf, incrementalContent, letters } from './incremental-content.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-patch-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, '2619');

const entry: TarEntry = { path: 'base/5/INCREMENTAL.2619', type: 'file', size: 0, mode: 0o600, target: '' };

/** Patches a file of these letters with that content, fed in pieces. */
function patched(before: string, content: Buffer, pieceBytes = content.length): string {
  writeFileSync(path, fileOf(before));
  const patch = new BlockPatch(path, entry, blockSize);
  try {
    for (let at = 0; at < content.length; at += pieceBytes) patch.write(content.subarray(at, at + pieceBytes));
  } catch (failure) {
    patch.abandon();
    throw failure;
  }
  patch.close();
  return letters(readFileSync(path));
}

const damaged = (pattern: RegExp) => (failure: unknown) => {
  assert.ok(failure instanceof ObjectDamaged, String(failure));
  assert.match(failure.message, pattern);
  return true;
};

const cases: [string, string, Record<number, number>, truncation: number, after: string][] = [
  ['changed blocks replace theirs, the others stay', 'aaaaa', { 1: 2, 3: 4 }, 5, 'abada'],
  ['nothing changed: everything stays', 'abc', {}, 3, 'abc'],
  ['the file became shorter', 'abcde', {}, 2, 'ab'],
  ['the file became shorter, and blocks before the cut changed', 'aaaaa', { 0: 3 }, 2, 'ca'],
  ['the file was cut to nothing', 'abc', {}, 0, ''],
  ['the file became longer with the blocks that were sent', 'aa', { 2: 2, 3: 3 }, 2, 'aabc'],
  ['blocks that are neither there nor sent are zeros', 'aa', { 5: 6 }, 2, 'aa...f'],
  ['a file cut and grown again keeps nothing beyond the cut', 'aaaaaa', { 4: 5 }, 2, 'aa..e'],
  ['the file is shorter than the cut: zeros up to it', 'a', {}, 4, 'a...'],
  ['blocks in one run', 'aaaaaaaa', { 2: 2, 3: 3, 4: 4 }, 8, 'aabcdaaa'],
  ['every block', 'aaaa', { 0: 5, 1: 6, 2: 7, 3: 8 }, 4, 'efgh'],
  ['the first block of an empty file', '', { 0: 1 }, 0, 'a'],
];
for (const [what, before, blocks, truncation, expected] of cases) {
  test(`${what}`, () => {
    const content = incrementalContent(blocks, truncation);
    assert.equal(patched(before, content), expected);
    for (const pieceBytes of [1000, blockSize, blockSize + 1]) {
      assert.equal(patched(before, content, pieceBytes), expected, `in pieces of ${pieceBytes}`);
    }
  });
}

test('any blocks in any pieces give what was meant', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { maxLength: 10 });
  const pieces = fc.integer({ min: 500, max: 40_000 });
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-y]{0,10}$/),
      numbers,
      fc.nat({ max: 12 }),
      pieces,
      (before, changed, truncation, size) => {
        const sorted = changed.toSorted((a, b) => a - b);
        const blocks = Object.fromEntries(sorted.map((number) => [number, 26]));
        const length = Math.max(truncation, (sorted.at(-1) ?? -1) + 1);
        const kept = before.slice(0, truncation).padEnd(length, '.');
        const expected = [...kept].map((letter, number) => (number in blocks ? 'z' : letter)).join('');
        assert.equal(patched(before, incrementalContent(blocks, truncation), size), expected);
      },
    ),
    { numRuns: 60 },
  );
});

test('a header longer than a block is read whole', () => {
  const numbers = Array.from({ length: 3000 }, (_, n) => [n * 2, 1 + (n % 26)] as const);
  const content = incrementalContent(Object.fromEntries(numbers), 0);
  const file = patched('', content, 5000);
  assert.equal(file.length, 5999);
  assert.equal(file.slice(0, 7), 'a.b.c.d');
});

test('blocks that the header promises and that do not come are damage', () => {
  const content = incrementalContent({ 0: 1 }, 4, { 0: 1, 1: 2, 2: 3 });
  const message = /^base\/5\/INCREMENTAL\.2619 holds 8192 bytes of blocks, its header promises 24576$/;
  assert.throws(() => patched('aaaa', content), damaged(message));
});

test('a block that breaks off is damage', () => {
  const content = incrementalContent({ 0: 1, 1: 2 }, 4);
  assert.throws(() => patched('aaaa', content.subarray(0, -1)), damaged(/holds 16383 bytes/));
});

test('a header that breaks off is damage', () => {
  for (const length of [1, 11, 13, 20, blockSize - 1]) {
    const content = incrementalContent({ 0: 1, 1: 2 }, 4).subarray(0, length);
    assert.throws(
      () => patched('aaaa', content),
      damaged(/INCREMENTAL\.2619 holds 0 bytes of blocks/),
      `${length} bytes`,
    );
  }
});

test('content beyond the last block is damage', () => {
  for (const blocks of [{ 0: 1 }, {}]) {
    const content = Buffer.concat([incrementalContent(blocks, 4), Buffer.alloc(1)]);
    assert.throws(() => patched('aaaa', content), damaged(/goes on after its last block/));
  }
});

test('a header that is none is damage', () => {
  assert.throws(() => patched('aaaa', Buffer.alloc(blockSize, 7)), damaged(/magic number/));
});

test('a file that the backups before it do not have is damage', () => {
  rmSync(path, { force: true });
  assert.throws(
    () => new BlockPatch(path, entry, blockSize),
    damaged(/changes .*2619, which the backups before it do not have/),
  );
});

test('a link in place of the file is not followed', () => {
  rmSync(path, { force: true });
  const outside = join(folder, 'outside');
  writeFileSync(outside, 'precious');
  symlinkSync(outside, path);
  assert.throws(() => new BlockPatch(path, entry, blockSize), damaged(/which the backups before it do not have/));
  assert.equal(readFileSync(outside, 'utf8'), 'precious');
  rmSync(path);
});
