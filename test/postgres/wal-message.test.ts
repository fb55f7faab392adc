import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { ConnectionFailed } from '#model/failure';
import { type Lsn, lsn } from '#model/lsn';
import { encodeStatus, WalMessageReader } from '#postgres/wal-message';

/** 2026-11-20T05:13:45.123Z in microseconds since 2000 */
const sentAt = BigInt(Date.UTC(2026, 10, 20, 5, 13, 45, 123) - Date.UTC(2000, 0, 1)) * 1000n;

function xlogData(start: bigint, wal: Buffer): Buffer {
  const header = Buffer.alloc(25);
  header[0] = 0x77;
  header.writeBigUInt64BE(start, 1);
  header.writeBigUInt64BE(start + 99n, 9);
  header.writeBigInt64BE(sentAt, 17);
  return Buffer.concat([header, wal]);
}

function keepalive(replyRequested: boolean): Buffer {
  const message = Buffer.alloc(18);
  message[0] = 0x6b;
  message[17] = replyRequested ? 1 : 0;
  return message;
}

function read(messages: readonly (readonly Buffer[])[]) {
  const wal: { start: Lsn; bytes: Buffer; serverTime: Date }[] = [];
  const asked: boolean[] = [];
  const reader = new WalMessageReader({
    onWal: (start, bytes, serverTime) => wal.push({ start, bytes, serverTime }),
    onKeepalive: (replyRequested) => asked.push(replyRequested),
  });
  for (const slices of messages) {
    for (const [index, slice] of slices.entries()) reader.feed(slice, index === 0, index === slices.length - 1);
  }
  return { wal, asked };
}

function cutAt(message: Buffer, places: number[]): Buffer[] {
  const cuts = [0, ...places.map((place) => 1 + (place % (message.length - 1))).sort((a, b) => a - b), message.length];
  return cuts.slice(1).map((end, index) => message.subarray(cuts[index], end));
}

test('WAL comes out the same however its messages are cut', () => {
  const wal = Buffer.from('the quick brown fox jumps over the lazy dog');
  fc.assert(
    fc.property(fc.array(fc.nat(200), { maxLength: 6 }), fc.array(fc.nat(200), { maxLength: 6 }), (first, second) => {
      const from = 0x16_b374_d848n;
      const messages = [cutAt(xlogData(from, wal), first), [keepalive(false)], cutAt(xlogData(7n, wal), second)];
      const { wal: pieces } = read(messages);
      let position = from;
      const taken = pieces.filter(({ start }) => start >= from);
      for (const { start, bytes, serverTime } of taken) {
        assert.equal(start, position);
        assert.equal(serverTime.toISOString(), '2026-11-20T05:13:45.123Z');
        position += BigInt(bytes.length);
      }
      assert.ok(Buffer.concat(taken.map(({ bytes }) => bytes)).equals(wal));
      assert.equal(Buffer.concat(pieces.map(({ bytes }) => bytes)).length, 2 * wal.length);
    }),
  );
});

test('slices of WAL are handed on without a copy', () => {
  const message = xlogData(0n, Buffer.alloc(1000));
  assert.equal(read([[message]]).wal[0]!.bytes.buffer, message.buffer);
});

test('a keepalive says whether the server wants to hear from us', () => {
  assert.deepEqual(read([[keepalive(true)], cutAt(keepalive(false), [3, 17])]).asked, [true, false]);
});

test('a message that is unknown or cut short breaks the stream off', () => {
  assert.throws(() => read([[Buffer.from('x')]]), ConnectionFailed);
  assert.throws(() => read([[xlogData(0n, Buffer.alloc(0)).subarray(0, 24)]]), ConnectionFailed);
});

test('the status says what is written and flushed, and that nothing is applied', () => {
  const status = encodeStatus({
    written: lsn(5n),
    flushed: lsn(3n),
    now: new Date(Number(sentAt / 1000n) + Date.UTC(2000, 0, 1)),
  });
  assert.equal(status.length, 34);
  assert.equal(String.fromCharCode(status[0]!), 'r');
  assert.deepEqual([status.readBigUInt64BE(1), status.readBigUInt64BE(9), status.readBigUInt64BE(17)], [5n, 3n, 0n]);
  assert.equal(status.readBigInt64BE(25), sentAt);
  assert.equal(status[33], 0);
});
