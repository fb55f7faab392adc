import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lsn } from '#model/lsn';
import { receivedBeyond, takeBackReceived } from '../../tasks/received-beyond.ts';

const segmentSize = 1 << 20;
const page = 8192;
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'lifeboat-received-'));
  mkdirSync(join(dataDir, 'pg_wal'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const pathOf = (number: number, timeline = 1) =>
  join(dataDir, 'pg_wal', `0000000${timeline}${'0'.repeat(8)}${number.toString(16).toUpperCase().padStart(8, '0')}`);

/** A segment with WAL up to an offset; `of`: whose pages it has, where it is an old one under another name. */
function segment(number: number, upTo: number, { of = number, timeline = 1 } = {}): void {
  const bytes = Buffer.alloc(segmentSize);
  for (let at = 0; at < upTo; at += page) {
    bytes.fill(7, at, Math.min(upTo, at + page));
    bytes.writeUInt16LE(0xd116, at); // PostgreSQL 17
    bytes.writeUInt16LE(at === 0 ? 2 : 0, at + 2);
    bytes.writeUInt32LE(timeline, at + 4);
    bytes.writeBigUInt64LE(BigInt(of) * BigInt(segmentSize) + BigInt(at), at + 8);
  }
  writeFileSync(pathOf(number, timeline), bytes);
}

const fork = 5 * page + 1_000;
const left = () => ({ dataDir, at: lsn(BigInt(3 * segmentSize + fork)), timeline: 1, segmentSize });

test('WAL that ends at the fork has nothing beyond, whatever old segments wait under later names', () => {
  segment(2, segmentSize);
  segment(3, fork);
  segment(4, segmentSize, { of: 1 });
  assert.equal(receivedBeyond(left()), undefined);
});

test('what was received beyond is seen, in the page of the fork, in the next one, and in later segments', () => {
  for (const [upTo, more] of [
    [fork + 1, false],
    [fork + 3 * page, false],
    [segmentSize, true],
  ] as const) {
    segment(3, upTo);
    if (more) segment(4, page);
    assert.equal(receivedBeyond(left()), lsn(BigInt((more ? 5 : 4) * segmentSize)));
  }
});

test('taken back it ends at the fork, and what comes before and other timelines stay', () => {
  segment(2, segmentSize);
  segment(3, segmentSize);
  segment(4, page);
  segment(3, segmentSize, { timeline: 2 });
  const [before, other] = [readFileSync(pathOf(3)), readFileSync(pathOf(3, 2))];
  takeBackReceived(left());
  assert.equal(receivedBeyond(left()), undefined);
  const after = readFileSync(pathOf(3));
  assert.deepEqual(after.subarray(0, fork), before.subarray(0, fork));
  assert.ok(after.length === segmentSize && after.subarray(fork).every((byte) => byte === 0));
  assert.deepEqual(readFileSync(pathOf(3, 2)), other);
  assert.deepEqual(
    readdirSync(join(dataDir, 'pg_wal')).sort(),
    [pathOf(2), pathOf(3), pathOf(3, 2)].map((path) => path.split('/').at(-1)).sort(),
  );
});
