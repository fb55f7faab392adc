import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from '#harness/fast-check';
import { KeyUnusable, ObjectDamaged } from '#model/failure';
import {
  blockBytes,
  encodeFrameHeader,
  encodeHeader,
  type FrameHeader,
  frameNonce,
  headerMagic,
  maxBlockBytes,
  maxHeaderBytes,
} from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { readContainer, readSmallContainer } from '#pipeline/read-container';
import { FrameSealer } from '#pipeline/seal-frame';
import { writeContainer } from '#pipeline/write-container';
import { dataKey, framesOf, headerBytesOf, headerOf, inPieces, key, open, store } from './stored-object.ts';

const ways: [string, DataKey | undefined][] = [
  ['encrypted', dataKey],
  ['not encrypted', undefined],
];

const damaged = (failure: unknown): boolean => failure instanceof ObjectDamaged && failure.message.startsWith(key);

const pack = (block: Buffer) => zstdCompressSync(block, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** An object of several frames, from blocks that compress: header and frames as write-parts writes them. */
function objectOf(blocks: readonly Buffer[], how: DataKey | undefined, fields: object = {}): Buffer {
  const sealer = new FrameSealer(headerOf(how, fields), how);
  const frames = blocks.flatMap((block, index) => {
    return sealer.seal([pack(block)], block.length, index === blocks.length - 1);
  });
  return Buffer.concat([sealer.header, ...frames]);
}

const text = (word: string) => Buffer.from(`${word} `.repeat(40));
const blocks = [text('first'), text('second'), text('third')];
const content = Buffer.concat(blocks);

for (const [what, how] of ways) {
  test(`${what}: what is written is read again, however the store cuts it`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }).map(Buffer.from), { maxLength: 5 }),
        fc.integer({ min: 1, max: 5000 }),
        async (pieces, pieceBytes) => {
          const stored = await store(pieces, how);
          const { bytes, sha256, storedBytes } = await open(stored, how, pieceBytes);
          assert.ok(bytes.equals(Buffer.concat(pieces)));
          assert.equal(storedBytes, stored.length);
          assert.equal(sha256, createHash('sha256').update(stored).digest('hex'));
        },
      ),
      { numRuns: 60 },
    );
  });

  test(`${what}: content of several blocks is cut into frames of at most 1 MiB`, async () => {
    for (const size of [blockBytes - 1, blockBytes, blockBytes + 1, 2 * blockBytes + 17]) {
      const bytes = Buffer.concat([randomBytes(1000), Buffer.alloc(size - 1000, 7)]);
      const pieces = [bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)];
      const stored = await store(pieces, how);
      assert.equal(framesOf(stored).length, Math.ceil(size / blockBytes));
      assert.ok((await open(stored, how, 100_000)).bytes.equals(bytes), `${size} bytes`);
    }
  });

  test(`${what}: an empty object is one empty frame`, async () => {
    const stored = await store([], how);
    assert.equal(framesOf(stored).length, 1);
    assert.equal((await open(stored, how)).bytes.length, 0);
  });

  test(`${what}: incompressible blocks of full length fit`, async () => {
    const bytes = randomBytes(maxBlockBytes);
    assert.ok((await open(await store([bytes], how), how)).bytes.equals(bytes));
  });

  test(`${what}: cut off at any byte, it is damaged`, async () => {
    const stored = objectOf(blocks, how);
    for (let length = 0; length < stored.length; length++) {
      await assert.rejects(open(stored.subarray(0, length), how), damaged, `cut at ${length}`);
    }
  });

  test(`${what}: whatever is appended is damage`, async () => {
    const stored = objectOf(blocks, how);
    const additions = [Buffer.alloc(1), stored, framesOf(stored)[0]!, framesOf(stored)[2]!, headerBytesOf(stored)];
    for (const addition of additions) {
      await assert.rejects(open(Buffer.concat([stored, addition]), how), damaged);
      await assert.rejects(open(Buffer.concat([stored, addition]), how, 7), damaged);
    }
  });

  test(`${what}: frames that were swapped, dropped or repeated are damage`, async () => {
    const stored = objectOf(blocks, how);
    const [a, b, c] = framesOf(stored) as [Buffer, Buffer, Buffer];
    for (const order of [[b, a, c], [a, c], [b, c], [a, b], [a, b, b, c], [a, a, b, c], [a, b, c, c], [c], []]) {
      await assert.rejects(open(Buffer.concat([headerBytesOf(stored), ...order]), how), damaged);
    }
  });

  test(`${what}: empty pieces of a body mean nothing`, async () => {
    const stored = objectOf(blocks, how);
    const body = (async function* () {
      yield Buffer.alloc(0);
      for await (const piece of inPieces(stored, 50)) yield* [piece, Buffer.alloc(0)];
    })();
    assert.ok((await open(body, how)).bytes.equals(content));
  });

  test(`${what}: an object larger than a reader wants is refused`, async () => {
    const stored = await store([content], how);
    const options = { key, dataKey: () => how };
    const read = await readSmallContainer(inPieces(stored), { ...options, maxBytes: content.length });
    assert.ok(read.bytes.equals(content));
    const tooSmall = { ...options, maxBytes: content.length - 1 };
    await assert.rejects(readSmallContainer(inPieces(stored), tooSmall), damaged);
  });
}

test('encrypted: a flip of any bit is damage', async () => {
  const stored = objectOf(blocks, dataKey, { serial: 258, source: 'orders' });
  for (let bit = 0; bit < stored.length * 8; bit++) {
    const flipped = Buffer.from(stored);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    await assert.rejects(open(flipped, dataKey), damaged, `byte ${bit >> 3}, bit ${bit & 7}`);
  }
});

test('not encrypted: a flip of any bit is damage, or shows in the digest and changes no byte', async () => {
  const stored = objectOf(blocks, undefined, { serial: 258, source: 'orders' });
  const { sha256 } = await open(stored, undefined);
  let unnoticed = 0;
  for (let bit = 0; bit < stored.length * 8; bit++) {
    const flipped = Buffer.from(stored);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      const read = await open(flipped, undefined);
      assert.ok(read.bytes.equals(content), `byte ${bit >> 3}, bit ${bit & 7}: wrong bytes`);
      assert.notEqual(read.sha256, sha256);
      unnoticed++;
    } catch (failure) {
      assert.ok(damaged(failure), `byte ${bit >> 3}, bit ${bit & 7}: ${failure}`);
    }
  }
  // The header's own words, and bits that zstd does not look at.
  assert.ok(unnoticed < (headerBytesOf(stored).length + 3 * 4) * 8, `${unnoticed} flips were not noticed`);
});

test('frames of one object do not open in another, under the same key and the same number', async () => {
  for (const fields of [{ serial: 1 }, { part: 1 }, { kind: 'index' }, { backup: 'another' }]) {
    const [one, other] = [objectOf(blocks, dataKey), objectOf(blocks, dataKey, fields)];
    for (let moved = 0; moved < 3; moved++) {
      const frames = framesOf(one);
      frames[moved] = framesOf(other)[moved]!;
      await assert.rejects(open(Buffer.concat([headerBytesOf(one), ...frames]), dataKey), damaged);
    }
    await assert.rejects(open(Buffer.concat([headerBytesOf(other), ...framesOf(one)]), dataKey), damaged);
  }
});

test('a frame that was last elsewhere, or becomes last here, does not open', async () => {
  const stored = objectOf(blocks, dataKey);
  const frames = framesOf(stored).map((frame) => Buffer.from(frame));
  frames[1]!.writeUInt32LE(1, 20);
  await assert.rejects(
    open(Buffer.concat([headerBytesOf(stored), ...frames.slice(0, 2)]), dataKey),
    /tag does not match/,
  );
});

test('the wrong key opens nothing', async () => {
  await assert.rejects(open(objectOf(blocks, dataKey), randomBytes(32)), damaged);
});

test('an object that is not encrypted is refused where its backup is', async () => {
  await assert.rejects(open(objectOf(blocks, undefined), dataKey), /is not encrypted, but its backup is/);
});

test('an encrypted object is refused where its backup names no key', async () => {
  await assert.rejects(open(objectOf(blocks, dataKey), undefined), /is encrypted, but its backup names no key/);
});

test('an encrypted object does not become an open one by another header', async () => {
  const stored = objectOf(blocks, dataKey);
  const disguised = Buffer.concat([encodeHeader(headerOf(undefined)), ...framesOf(stored)]);
  await assert.rejects(open(disguised, undefined), damaged);
  await assert.rejects(open(disguised, dataKey), damaged);
});

const headers: [string, string][] = [
  ['another format', '{"format":"lifeboat/2","kind":"part","cipher":"none","serial":0}'],
  ['no format', '{"kind":"part","cipher":"none","serial":0}'],
  ['an unknown cipher', '{"format":"lifeboat/1","kind":"part","cipher":"rot13","serial":0}'],
  ['no cipher', '{"format":"lifeboat/1","kind":"part","serial":0}'],
  ['no serial', '{"format":"lifeboat/1","kind":"part","cipher":"none"}'],
  ['a serial below zero', '{"format":"lifeboat/1","kind":"part","cipher":"none","serial":-1}'],
  ['a serial of 33 bits', '{"format":"lifeboat/1","kind":"part","cipher":"none","serial":4294967296}'],
  ['a serial that is text', '{"format":"lifeboat/1","kind":"part","cipher":"none","serial":"0"}'],
  ['no kind', '{"format":"lifeboat/1","cipher":"none","serial":0}'],
  ['null', 'null'],
  ['nothing', ''],
  ['half of a header', '{"format":'],
];
for (const [what, json] of headers) {
  test(`a header with ${what} is damage`, async () => {
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(headerMagic, 0);
    prefix.writeUInt32LE(json.length, 4);
    const stored = Buffer.concat([prefix, Buffer.from(json), ...framesOf(objectOf(blocks, undefined))]);
    await assert.rejects(open(stored, undefined), damaged);
    await assert.rejects(open(stored, dataKey), damaged);
  });
}

/** Never ends, and says how much of it was taken. */
function endless(start: Buffer): { body: AsyncGenerator<Buffer>; takenBytes(): number } {
  let taken = 0;
  const pieces = async function* () {
    yield start;
    for (;;) {
      taken += 65_536;
      yield Buffer.alloc(65_536);
    }
  };
  return { body: pieces(), takenBytes: () => taken };
}

test('a header that claims to be huge is refused before it is read', async () => {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(headerMagic, 0);
  prefix.writeUInt32LE(maxHeaderBytes + 1, 4);
  const { body, takenBytes } = endless(prefix);
  await assert.rejects(open(body, undefined), /does not begin with a container header/);
  assert.equal(takenBytes(), 0);
});

const huge: Partial<FrameHeader>[] = [
  { storedBytes: 0xffff_ffff },
  { rawBytes: 0xffff_ffff },
  { rawBytes: maxBlockBytes + 1 },
  { storedBytes: 0x7fff_ffff, rawBytes: 0x7fff_ffff },
];
for (const claim of huge) {
  test(`a frame that claims ${JSON.stringify(claim)} is refused before a byte of it is read`, async () => {
    const frame = encodeFrameHeader({ storedBytes: 100, rawBytes: 100, number: 0, last: true, ...claim });
    const { body, takenBytes } = endless(Buffer.concat([encodeHeader(headerOf(undefined)), frame]));
    const before = process.memoryUsage().arrayBuffers;
    await assert.rejects(open(body, undefined), /claims \d+ stored and \d+ raw bytes in frame 0/);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20, 'it asked for memory');
    assert.equal(takenBytes(), 0);
  });
}

test('a frame that unpacks to more than it claims is damage, and is not unpacked', async () => {
  const bomb = pack(Buffer.alloc(256 << 20));
  const frame = encodeFrameHeader({ storedBytes: bomb.length, rawBytes: 1000, number: 0, last: true });
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(open(Buffer.concat([encodeHeader(headerOf(undefined)), frame, bomb]), undefined), damaged);
  assert.ok(process.memoryUsage().arrayBuffers - before < 32 << 20);
});

test('a frame that unpacks to less than it claims is damage', async () => {
  const packed = pack(text('short'));
  const frame = encodeFrameHeader({ storedBytes: packed.length, rawBytes: 1000, number: 0, last: true });
  const stored = Buffer.concat([encodeHeader(headerOf(undefined)), frame, packed]);
  await assert.rejects(open(stored, undefined), /has 240 bytes in frame 0, expected 1000/);
});

test('flags that no version ever wrote are damage', async () => {
  const stored = objectOf([text('only')], undefined);
  const frame = Buffer.from(framesOf(stored)[0]!);
  frame.writeUInt32LE(3, 20);
  await assert.rejects(open(Buffer.concat([headerBytesOf(stored), frame]), undefined), /unknown flags 3 in frame 0/);
});

/** A body that notices when nobody wants more of it. */
function watched(bytes: Buffer) {
  let closed = false;
  const body = (async function* () {
    try {
      yield* inPieces(bytes, 40);
    } finally {
      closed = true;
    }
  })();
  return { body, closed: () => closed };
}

test('a body is let go when its key cannot be had', async () => {
  const { body, closed } = watched(objectOf(blocks, dataKey));
  const unusable = new KeyUnusable('no such key', { operation: 'unwrap', subject: 'x' });
  await assert.rejects(readContainer(body, { key, dataKey: () => Promise.reject(unusable) }), (e) => e === unusable);
  assert.ok(closed());
});

test('a body is let go when its header is damaged, when a frame is, and when nobody reads on', async () => {
  const stored = objectOf(blocks, dataKey);
  for (const damage of [9, headerBytesOf(stored).length + 30]) {
    const bytes = Buffer.from(stored);
    bytes[damage]! ^= 1;
    const { body, closed } = watched(bytes);
    await assert.rejects(open(body, dataKey), damaged);
    assert.ok(closed(), `damage at ${damage}`);
  }
  const early = watched(stored);
  const read = await readContainer(early.body, { key, dataKey: () => dataKey });
  for await (const block of read.blocks()) {
    assert.ok(block.equals(blocks[0]!));
    break;
  }
  assert.ok(early.closed());
  const never = watched(stored);
  await (await readContainer(never.body, { key, dataKey: () => dataKey })).close();
  assert.ok(never.closed());
});

test('a failure of the store passes through as it is', async () => {
  const failure = new Error('the disk is gone');
  const body = (async function* () {
    yield objectOf(blocks, undefined).subarray(0, 100);
    throw failure;
  })();
  await assert.rejects(open(body, undefined), (thrown) => thrown === failure);
});

test('a nonce is told by serial and frame number, and none is used twice', () => {
  assert.equal(frameNonce(0x01020304, 0x05).toString('hex'), '010203040000000000000005');
  const places = fc.tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0xffff_ffff }));
  fc.assert(
    fc.property(places, places, (a, b) => {
      fc.pre(a[0] !== b[0] || a[1] !== b[1]);
      assert.notEqual(frameNonce(...a).toString('hex'), frameNonce(...b).toString('hex'));
    }),
  );
});

test('what was encrypted does not show its content, and encrypts otherwise under another serial', () => {
  const plain = Buffer.from('select secret from vault '.repeat(3));
  const [one, other] = [objectOf([plain], dataKey), objectOf([plain], dataKey, { serial: 1 })];
  assert.ok(!one.includes('secret'));
  assert.ok(!framesOf(one)[0]!.subarray(24).equals(framesOf(other)[0]!.subarray(24)));
});

test('a sealer wants a key for a cipher, and only then', () => {
  assert.throws(() => new FrameSealer(headerOf(dataKey), undefined), /a key is needed for a cipher/);
  assert.throws(() => new FrameSealer(headerOf(undefined), dataKey), /a key is needed for a cipher/);
});

test('the zstd program reads an object that is not encrypted', async () => {
  const bytes = Buffer.concat([randomBytes(100_000), Buffer.alloc(5 << 20, 'row ')]);
  const { stdout, stderr, status } = spawnSync('zstd', ['-dc'], {
    input: await store([bytes], undefined),
    maxBuffer: 64 << 20,
  });
  assert.equal(status, 0, stderr.toString());
  assert.ok(stdout.equals(bytes));
});

test('a failure of the content passes through the writer', async () => {
  const failure = new Error('the source is gone');
  const content = (async function* () {
    yield text('first');
    throw failure;
  })();
  await assert.rejects(
    Array.fromAsync(writeContainer(headerOf(undefined), undefined, content, 3)),
    (e) => e === failure,
  );
});
