import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { WalBroken } from '#model/failure';
import { lsn } from '#model/lsn';
import { type WalEvent, type WalEventOptions, walkEvents } from '#postgres/wal-events';
import { mainDataBody, WalWriter, type WrittenRecord } from './wal-writer.ts';

const start = lsn(0x300000n);
const allKinds = ['commit', 'abort', 'restore point', 'checkpoint', 'switch', 'end of recovery'] as const;

function eventsOf(records: WrittenRecord[], kinds: WalEventOptions['kinds'] = allKinds): WalEvent[] {
  const writer = new WalWriter(start);
  for (const record of records) writer.write(record);
  const events: WalEvent[] = [];
  walkEvents({ start, segmentSize: 1 << 20, kinds, onEvent: (event) => events.push(event) }).feed(writer.bytes);
  return events;
}

const record = (resourceManager: number, info: number, ...data: (bigint | number | string)[]): WrittenRecord => ({
  resourceManager,
  info,
  xid: 77,
  body: mainDataBody(Buffer.concat(data.map(encoded))),
});

/** A bigint as 8 bytes, a number as 4, a text as its bytes. */
function encoded(value: bigint | number | string): Buffer {
  if (typeof value === 'string') return Buffer.from(value);
  const bytes = Buffer.alloc(typeof value === 'bigint' ? 8 : 4);
  if (typeof value === 'bigint') bytes.writeBigInt64LE(value);
  else bytes.writeUInt32LE(value);
  return bytes;
}

/** 2026-11-20 05:29:50.123456 UTC */
const time = 848_467_790_123_456n;
const timeMicros = 1_795_152_590_123_456n;

describe('an event', () => {
  test('of a commit has its time to the microsecond', () => {
    const [commit] = eventsOf([record(1, 0x00, time)]);
    assert(commit?.kind === 'commit');
    assert.deepEqual([commit.xid, commit.prepared, commit.timeMicros], [77, false, timeMicros]);
    assert.equal(commit.time.toISOString(), '2026-11-20T05:29:50.123Z');
  });

  test('before 1970 has its time rounded down', () => {
    const [abort] = eventsOf([record(1, 0x20, -946_684_800_000_001n)]);
    assert(abort?.kind === 'abort');
    assert.deepEqual([abort.time.getTime(), abort.timeMicros], [-1, -1n]);
  });

  test('of a prepared transaction has that one’s xid, behind lists of any length', () => {
    const lists = [2, 11, 12, 1, 1, 2, 3, 1, '0123456789abcdef', 3, 'i'.repeat(48)];
    const [commit] = eventsOf([record(1, 0xb0, time, 0x11e, ...lists, 4242, 'gid\0')]);
    assert(commit?.kind === 'commit' && commit.prepared);
    assert.equal(commit.xid, 4242);
    const many = new Array(100_000).fill(5);
    const [large] = eventsOf([record(1, 0xc0, time, 0x013, 1, 1663, many.length, ...many, 4243)]);
    assert(large?.kind === 'abort' && large.prepared);
    assert.equal(large.xid, 4243);
  });

  test('of a prepared transaction whose lists are longer than the record has no xid', () => {
    const [commit] = eventsOf([record(1, 0xb0, time, 0x012, 0xffff_ffff, 1, 2, 3)]);
    assert(commit?.kind === 'commit');
    assert.equal(commit.xid, 0);
  });

  test('is brought only when its kind was asked for', () => {
    const records = [record(1, 0x00, time), record(1, 0x20, time), record(0, 0x70, time, 'a'.padEnd(64, '\0'))];
    assert.deepEqual(
      eventsOf(records, ['abort']).map(({ kind }) => kind),
      ['abort'],
    );
    assert.deepEqual(
      eventsOf(records, ['restore point']).map(({ kind }) => kind),
      ['restore point'],
    );
    assert.deepEqual(
      eventsOf(records, ['commit', 'restore point']).map(({ kind }) => kind),
      ['commit', 'restore point'],
    );
  });

  test('of a restore point has its whole name, also when nothing ends it', () => {
    const names = eventsOf([record(0, 0x70, time, 'ü'.padEnd(63, '\0')), record(0, 0x70, time, 'x'.repeat(64))]);
    assert.deepEqual(
      names.map((event) => event.kind === 'restore point' && event.name),
      ['ü', 'x'.repeat(64)],
    );
  });
});

test('a commit whose CRC is wrong did not happen', () => {
  const writer = new WalWriter(start);
  writer.write(record(1, 0x00, time));
  const bytes = Buffer.from(writer.bytes);
  bytes[bytes.length - 8] = 1;
  const onEvent = () => assert.fail('an event');
  const result = walkEvents({ start, segmentSize: 1 << 20, kinds: allKinds, onEvent }).feed(bytes);
  assert.deepEqual(result, { ended: 'invalid record', at: start + 40n, reason: 'its CRC-32C is wrong' });
});

describe('a record that no server writes is refused', () => {
  const cases: [string, WrittenRecord, RegExp][] = [
    ['a commit without a time', record(1, 0x00, 1), /commit record of 4 bytes: expected at least 8$/],
    ['a restore point without a name', record(0, 0x70, time), /restore point record of 8 bytes/],
    ['a checkpoint that is too short', record(0, 0x10, time), /checkpoint record of 8 bytes: expected at least 72/],
    ['an end of recovery that is too short', record(0, 0x90, time), /end of recovery record of 8 bytes/],
    ['a time that is none', record(1, 0x20, 2n ** 63n - 1n), /ms after 1970 is no time$/],
  ];
  for (const [what, written, message] of cases) {
    test(what, () => {
      assert.throws(
        () => eventsOf([written]),
        (error: unknown) =>
          error instanceof WalBroken && /^wal record 0\/300028: /.test(error.message) && message.test(error.message),
      );
    });
  }
});

test('any main data gives an event, nothing or WalBroken', () => {
  const info = fc.constantFrom(0x00, 0x10, 0x20, 0x30, 0x40, 0x70, 0x90, 0xa0, 0xb0, 0xc0);
  fc.assert(
    fc.property(fc.nat(1), info, fc.uint8Array({ maxLength: 200 }), (resourceManager, kind, data) => {
      try {
        eventsOf([{ resourceManager, info: kind, body: mainDataBody(Buffer.from(data)) }]);
      } catch (error) {
        assert(error instanceof WalBroken);
      }
    }),
    { numRuns: 300 },
  );
});
