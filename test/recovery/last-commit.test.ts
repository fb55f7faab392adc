import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { lsn } from '#model/lsn';
import { LastCommit } from '#recovery/last-commit';
import { mainDataBody, WalWriter, type WrittenRecord } from '../postgres/wal-writer.ts';

const segmentSize = 1 << 20;
const start = lsn(0x300000n);
const y2kMicros = 946_684_800_000_000n;

/** 2026-11-20 00:00 and so many seconds */
const instant = (seconds: number): Date => new Date(Date.UTC(2026, 10, 20, 0, 0, seconds));

function commit(seconds: number): WrittenRecord {
  const data = Buffer.alloc(8);
  data.writeBigInt64LE(BigInt(instant(seconds).getTime()) * 1000n - y2kMicros);
  return { resourceManager: 1, info: 0, xid: 700, body: mainDataBody(data) };
}
const filler = (bytes: number): WrittenRecord => ({
  resourceManager: 10,
  info: 0,
  body: mainDataBody(Buffer.alloc(bytes, 7)),
});

function written(...records: WrittenRecord[]): WalWriter {
  const writer = new WalWriter(start);
  for (const record of records) writer.write(record);
  return writer;
}

function lastCommit(writer: WalWriter, from: number, to = writer.bytes.length, cuts: number[] = []): Date | undefined {
  const systemId = String(writer.systemId);
  const commits = new LastCommit({ start: lsn(start + BigInt(from)), segmentSize, systemId });
  const bytes = writer.bytes.subarray(from, to);
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) commits.feed(bytes.subarray(edges[i - 1], edges[i]));
  return commits.time;
}

describe('the last commit', () => {
  test('is found in a piece that begins a segment, inside of a page with a record, and with a page', () => {
    const writer = written(commit(1), filler(3_000), commit(2), filler(9_000), commit(3), filler(100));
    const offset = (index: number) => Number(writer.lsns[index]! - start);
    assert.deepEqual(lastCommit(writer, 0), instant(3));
    assert.deepEqual(lastCommit(writer, 0, offset(3)), instant(2));
    assert.deepEqual(lastCommit(writer, offset(1)), instant(3));
    assert.deepEqual(lastCommit(writer, offset(2), offset(3)), instant(2));
    assert.deepEqual(lastCommit(writer, 8192), instant(3));
  });

  test('is not there in a piece without one, or with a part of one alone', () => {
    const writer = written(commit(1), filler(8_100), commit(2), filler(8_000));
    const offset = (index: number) => Number(writer.lsns[index]! - start);
    assert.equal(lastCommit(writer, offset(1), offset(2)), undefined);
    assert.equal(lastCommit(writer, offset(2), offset(2) + 20), undefined);
    assert.equal(lastCommit(writer, offset(3)), undefined);
  });

  test('is not made up from what is no record', () => {
    const writer = written(commit(1), filler(3_000), commit(2));
    assert.equal(lastCommit(writer, Number(writer.lsns[1]! - start) + 8), undefined);
    const noise = new LastCommit({ start: lsn(start + 0x48n), segmentSize, systemId: '1' });
    noise.feed(Buffer.alloc(40_000, 0xa5));
    assert.equal(noise.time, undefined);
  });

  test('is the same wherever the bytes are cut', () => {
    const writer = written(commit(1), filler(200), commit(2), filler(20_000), commit(3), filler(5_000));
    fc.assert(
      fc.property(fc.nat(5), fc.array(fc.nat(40_000), { maxLength: 6 }), (record, cuts) => {
        const from = Number(writer.lsns[record]! - start);
        assert.deepEqual(
          lastCommit(writer, record === 0 ? 0 : from, undefined, cuts),
          record > 4 ? undefined : instant(3),
        );
      }),
      { numRuns: 200 },
    );
  });
});
