import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { CompressLanes } from '#pipeline/compress-lanes';
import { maxBlockBytes, maxStoredBytes, tagBytes } from '#pipeline/container';

const isOneFrame = (frame: Buffer) => frame.subarray(0, 4).toString('hex') === '28b52ffd';

/** Blocks of many kinds: repetitive, random, mixed, empty, of one byte. */
function blockOf(number: number): Buffer {
  const size = [100_000, 1, 0, 777_777, 5000][number % 5]!;
  if (number % 3 === 0) return randomBytes(size);
  return Buffer.alloc(size, `row ${number} `);
}

for (const lanes of [1, 2, 4]) {
  test(`${lanes} lanes: many blocks at the same time, and each frame is its own block's`, async () => {
    const compress = new CompressLanes(lanes, 3);
    const blocks = Array.from({ length: 40 }, (_, number) => blockOf(number));
    const frames = await Promise.all(blocks.map(async (block) => Buffer.concat(await compress.compress(block))));
    for (const [number, frame] of frames.entries()) {
      assert.ok(isOneFrame(frame), `block ${number}`);
      assert.ok(zstdDecompressSync(frame).equals(blocks[number]!), `block ${number}`);
    }
    compress.close();
  });
}

test('the zstd program reads the frames one after the other, and checks their checksums', async () => {
  const compress = new CompressLanes(2, 3);
  const blocks = Array.from({ length: 10 }, (_, number) => blockOf(number));
  const frames = await Promise.all(blocks.map(async (block) => Buffer.concat(await compress.compress(block))));
  compress.close();
  const unpack = (input: Buffer) => spawnSync('zstd', ['-dc'], { input, maxBuffer: 64 << 20 });
  const { stdout, stderr, status } = unpack(Buffer.concat(frames));
  assert.equal(status, 0, stderr.toString());
  assert.ok(stdout.equals(Buffer.concat(blocks)));
  const changed = Buffer.from(frames[0]!);
  changed[changed.length - 1]! ^= 1;
  assert.notEqual(unpack(changed).status, 0, 'the checksum at its end was not looked at');
});

test('a block that does not compress grows by less than a frame may be long', async () => {
  const compress = new CompressLanes(1, 3);
  const block = randomBytes(maxBlockBytes);
  const frame = Buffer.concat(await compress.compress(block));
  compress.close();
  assert.ok(frame.length > block.length && frame.length + tagBytes <= maxStoredBytes, `${frame.length} bytes`);
  assert.ok(zstdDecompressSync(frame).equals(block));
});

test('an empty block is a frame of nothing', async () => {
  const compress = new CompressLanes(1, 3);
  const frame = Buffer.concat(await compress.compress(Buffer.alloc(0)));
  compress.close();
  assert.ok(isOneFrame(frame));
  assert.equal(zstdDecompressSync(frame).length, 0);
});

test('a lane remembers nothing of the block before: the same block gives the same frame', async () => {
  const compress = new CompressLanes(1, 3);
  const block = blockOf(1);
  const first = Buffer.concat(await compress.compress(block));
  await compress.compress(blockOf(3));
  assert.ok(Buffer.concat(await compress.compress(block)).equals(first));
  compress.close();
});

test('a block may be reused as soon as its frame is there', async () => {
  const compress = new CompressLanes(2, 3);
  const block = Buffer.alloc(50_000);
  for (let fill = 0; fill < 20; fill++) {
    block.fill(`row ${fill} `);
    const frame = Buffer.concat(await compress.compress(block));
    const expected = Buffer.from(block);
    block.fill(0);
    assert.ok(zstdDecompressSync(frame).equals(expected), `fill ${fill}`);
  }
  compress.close();
});

test('a higher level compresses better', async () => {
  const words = Buffer.from(Array.from(randomBytes(60_000), (byte) => (byte ** 3).toString(36)).join(' '));
  const sizes: number[] = [];
  for (const level of [1, 12]) {
    const compress = new CompressLanes(1, level);
    sizes.push(Buffer.concat(await compress.compress(words)).length);
    compress.close();
  }
  assert.ok(sizes[1]! < sizes[0]!, `${sizes}`);
});
