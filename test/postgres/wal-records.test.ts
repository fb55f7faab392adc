import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { Failure, InputInvalid } from '#model/failure';
import { lsn } from '#model/lsn';
import { WalWalker, type WalWalkOptions } from '#postgres/wal-records';
import { mainDataBody, WalWriter, type WrittenRecord } from './wal-writer.ts';

const start = lsn(0x300000n);
const message = (bytes: number, fill = 7): WrittenRecord => ({
  resourceManager: 21,
  info: 0,
  xid: 9,
  body: mainDataBody(Buffer.alloc(bytes, fill)),
});

function walk(bytes: Buffer, options: Partial<WalWalkOptions> = {}, cuts: number[] = []) {
  const lsns: bigint[] = [];
  const mainData: Buffer[] = [];
  const walker = new WalWalker({
    start,
    segmentSize: 1 << 20,
    verifyCrc: 'all',
    onRecord: (record) => {
      lsns.push(record.lsn);
      mainData.push(Buffer.from(record.mainData));
    },
    ...options,
  });
  let from = 0;
  for (const length of cuts) from += walker.feed(bytes.subarray(from, from + length)) ? length : 0;
  const result = walker.feed(bytes.subarray(from));
  return { result, lsns, mainData, walker };
}

describe('a walk over WAL', () => {
  test('finds records that spread over many pages and segments', () => {
    const writer = new WalWriter(start);
    for (const size of [10, 20_000, 3, 8118, 1_100_000, 50]) writer.write(message(size));
    const { lsns, result, mainData } = walk(writer.bytes);
    assert.deepEqual(lsns, writer.lsns);
    assert.deepEqual(result, { ended: 'end of data', at: start + BigInt(writer.bytes.length) });
    assert.deepEqual(
      mainData.map((data) => data.length),
      [10, 128, 3, 128, 128, 50],
    );
  });

  test('is the same however the bytes are cut', () => {
    const writer = new WalWriter(start);
    for (let index = 0; index < 400; index++) writer.write(message((index * 37) % 300, index & 255));
    const whole = walk(writer.bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 30 }), (cuts) => {
        const { lsns, result, mainData } = walk(writer.bytes, {}, cuts);
        assert.deepEqual([lsns, result, mainData], [whole.lsns, whole.result, whole.mainData]);
      }),
      { numRuns: 50 },
    );
    const bytewise = walk(writer.bytes, {}, new Array(writer.bytes.length - 1).fill(1));
    assert.deepEqual([bytewise.lsns, bytewise.mainData], [whole.lsns, whole.mainData]);
  });

  test('that begins inside a record begins with the next one', () => {
    const writer = new WalWriter(start);
    for (const size of [30_000, 40, 50]) writer.write(message(size));
    const { lsns } = walk(writer.bytes.subarray(8192), { start: lsn(start + 8192n) });
    assert.deepEqual(lsns, writer.lsns.slice(1));
  });

  test('that begins inside a record says so as long as it has not ended', () => {
    const writer = new WalWriter(start);
    writer.write(message(30_000));
    const { result } = walk(writer.bytes.subarray(8192, 16_384), { start: lsn(start + 8192n) });
    assert.deepEqual(result, { ended: 'end of data', at: start + 16_384n });
  });

  test('passes over a record that a crash cut, when the server overwrote it', () => {
    const writer = new WalWriter(start);
    writer.write(message(100));
    writer.write(message(30_000), true);
    writer.write({ resourceManager: 0, info: 0xd0, body: mainDataBody(Buffer.alloc(16)) });
    writer.write(message(200));
    const { lsns, result } = walk(writer.bytes);
    assert.deepEqual(lsns, writer.lsns);
    assert.equal(lsns[1], start + 8192n + 24n);
    assert.equal(result.ended, 'end of data');
  });

  test('keeps as much main data as is wanted, of the records that are', () => {
    const writer = new WalWriter(start);
    for (const size of [9000, 100, 70_000]) writer.write({ ...message(size), info: size === 100 ? 0x10 : 0 });
    const { lsns, mainData } = walk(writer.bytes, { interest: (_, info) => (info === 0 ? 50_000 : 0) });
    assert.deepEqual(lsns, [writer.lsns[0], writer.lsns[2]]);
    assert.deepEqual(
      mainData.map((data) => data.length),
      [9000, 50_000],
    );
  });

  test('skips the rest of a segment after a switch, whatever lies there', () => {
    const writer = new WalWriter(start);
    writer.write(message(100));
    writer.write({ resourceManager: 0, info: 0x40, body: Buffer.alloc(0) });
    const next = new WalWriter(lsn(start + 0x100000n), writer.lsns[1]);
    next.write(message(10));
    const rest = Buffer.alloc(0x100000 - writer.bytes.length, 0xee);
    const bytes = Buffer.concat([writer.bytes, rest, next.bytes]);
    for (const cuts of [[], [8000, 20_000, 900_000], [0x100000 - 5, 10]]) {
      assert.deepEqual(walk(bytes, {}, cuts).lsns, [...writer.lsns, ...next.lsns]);
    }
  });

  test('tells where the bytes that come next have to begin', () => {
    const writer = new WalWriter(start);
    writer.write(message(100));
    assert.equal(walk(writer.bytes.subarray(0, 30)).walker.next, start + 30n);
    assert.equal(walk(writer.bytes.subarray(0, 77)).walker.next, start + 77n);
  });
});

describe('a walk ends', () => {
  const writer = new WalWriter(start);
  for (const size of [100, 200, 9000, 300]) writer.write(message(size));
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(writer.bytes);
    copy.set(bytes, at);
    return copy;
  };
  const second = Number(writer.lsns[1]! - start);
  const third = Number(writer.lsns[2]! - start);

  test('at the record whose rest is missing', () => {
    const { result } = walk(writer.bytes.subarray(0, third + 5000));
    assert.deepEqual(result, { ended: 'end of data', at: writer.lsns[2] });
  });

  const cases: [string, Buffer, Partial<WalWalkOptions>, bigint, RegExp][] = [
    ['where zeros begin', Buffer.concat([writer.bytes, Buffer.alloc(64)]), {}, BigInt(writer.bytes.length), /zeros/],
    ['where zero pages begin', Buffer.alloc(8192), {}, 0n, /page 0\/300000: zeros: nothing was written here/],
    [
      'at a length that is too small',
      changed(second, 23, 0, 0, 0),
      {},
      BigInt(second),
      /of 23 bytes: expected at least 24/,
    ],
    ['at a length that is too large', changed(second, 1, 0, 0, 0x40), {}, BigInt(second), /of 1073741825 bytes/],
    ['at a resource manager that does not exist', changed(second + 17, 22), {}, BigInt(second), /resource manager 22/],
    [
      'where the chain of records breaks',
      changed(second + 8, 1),
      {},
      BigInt(second),
      /does not name the record before/,
    ],
    ['at a wrong CRC', changed(second + 60, 1), {}, BigInt(second), /CRC-32C is wrong/],
    ['at a wrong CRC of a record on two pages', changed(third + 9000, 1), {}, BigInt(third), /CRC-32C is wrong/],
    ['at headers that do not add up', changed(second + 25, 99), { verifyCrc: 'none' }, BigInt(second), /do not add up/],
    [
      'at a page of another address',
      changed(8192 + 8, 1),
      {},
      BigInt(third),
      /page 0\/302000: its header says 0\/302001/,
    ],
    [
      'at a page that does not go on',
      changed(8192 + 2, 0),
      {},
      BigInt(third),
      /goes on with 0 bytes of a record: expected/,
    ],
    [
      'at a page of an older timeline',
      changed(4, 2),
      {},
      BigInt(third),
      /page 0\/302000: of timeline 1 after timeline 2/,
    ],
    ['at a segment that begins like any page', changed(2, 0), {}, 0n, /begins a segment without a segment header/],
    ['at a first record that names a later one', changed(50, 0x30), {}, 40n, /does not name the record before it/],
    ['at a page of timeline 0', changed(8192 + 4, 0), {}, BigInt(third), /of timeline 0 after timeline 1/],
    ['at a page of another version', changed(8192, 0x10), {}, BigInt(third), /of PostgreSQL 15 after pages of 18/],
    [
      'at WAL of another cluster',
      writer.bytes,
      { systemId: '42' },
      0n,
      /belongs to system 7710121666982256801: expected 42/,
    ],
    [
      'at WAL of another segment size',
      writer.bytes,
      { segmentSize: 2 << 20, start: lsn(0x300000n) },
      0n,
      /segments of 1048576/,
    ],
  ];
  for (const [where, bytes, options, at, reason] of cases) {
    test(where, () => {
      for (const cuts of [[], [second + 10, 3, 200, 5000]]) {
        const { result } = walk(bytes, options, cuts);
        assert.equal(result.ended, 'invalid record');
        assert.match(result.ended === 'invalid record' ? result.reason : '', reason);
        assert.equal(result.at, start + at);
      }
    });
  }

  test('for good: what is fed later changes nothing', () => {
    const { walker, result } = walk(Buffer.alloc(8192));
    assert.deepEqual(walker.feed(writer.bytes), result);
  });
});

test('a walk begins only at a page, of a size that PostgreSQL has', () => {
  assert.throws(() => walk(Buffer.alloc(0), { start: lsn(start + 24n) }), InputInvalid);
  assert.throws(() => walk(Buffer.alloc(0), { start: lsn(1n << 60n) }), InputInvalid);
  assert.throws(() => walk(Buffer.alloc(0), { segmentSize: 3 << 20 }), InputInvalid);
  assert.throws(() => walk(Buffer.alloc(0), { pageSize: 5000 }), InputInvalid);
});

test('a walk over any bytes ends, and with a result', () => {
  const writer = new WalWriter(start);
  writer.write(message(9000));
  const head = writer.bytes;
  fc.assert(
    fc.property(fc.nat(head.length), fc.uint8Array({ maxLength: 300 }), fc.boolean(), (kept, bytes, repeat) => {
      const random = repeat && bytes.length > 0 ? Buffer.alloc(20_000, bytes) : Buffer.from(bytes);
      const { result } = walk(Buffer.concat([head.subarray(0, kept), random]), { verifyCrc: 'none' });
      assert(result.at >= start);
    }),
    { numRuns: 300 },
  );
});

test('a record that claims to have 1 GiB takes no memory for it', () => {
  const writer = new WalWriter(start);
  writer.write(message(300_000));
  const bytes = Buffer.from(writer.bytes);
  const claimed = 1 << 30;
  bytes.writeUInt32LE(claimed, 40);
  bytes.writeUInt32LE(claimed - 24 - 5, 40 + 25);
  let rest = claimed - (8192 - 40);
  for (let page = 8192; page < bytes.length; page += 8192) {
    bytes.writeUInt32LE(rest, page + 16);
    rest -= 8192 - 24;
  }
  const before = process.memoryUsage.rss();
  const { result } = walk(bytes, { interest: () => claimed, verifyCrc: 'none' });
  assert.deepEqual(result, { ended: 'end of data', at: start + 40n });
  assert(process.memoryUsage.rss() - before < 64 << 20);
});

test('what onRecord throws is passed on', () => {
  const writer = new WalWriter(start);
  writer.write(message(10));
  const refuse = () => {
    throw new InputInvalid('test', undefined, 'something');
  };
  assert.throws(() => walk(writer.bytes, { onRecord: refuse }), Failure);
});
