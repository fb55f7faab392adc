import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WalBroken } from '#model/failure';
import { type Lsn, lsn } from '#model/lsn';
import type { WalSegment } from '#model/wal-segment';
import { type KnownWal, WalCutter, type WalPiece } from '#pipeline/cut-wal';
import { WalQueue } from '#pipeline/wal-queue';

const mebi = 1 << 20;
const now = new Date('2026-11-20T05:13:45.123Z');

function cutter(options: { segmentSize?: number; known?: KnownWal; refuse?: boolean } = {}) {
  const pieces: WalPiece[] = [];
  const heads: { segment: WalSegment; head: Buffer }[] = [];
  const known: Lsn[] = [];
  const cut = new WalCutter({
    segmentSize: options.segmentSize ?? mebi,
    known: options.known,
    checkHead(segment, head) {
      if (options.refuse) throw new WalBroken('foreign', { operation: 'check', subject: 'head' });
      heads.push({ segment, head: Buffer.from(head) });
    },
    onPiece: (piece) => pieces.push(piece),
    onKnown: (end) => known.push(end),
  });
  return { cut, pieces, heads, known };
}

const ranges = (pieces: readonly WalPiece[]) => pieces.map(({ start, end }) => [Number(start), Number(end)]);
const at = (position: number): Lsn => lsn(BigInt(position));
const wal = (length: number, fill: number) => Buffer.alloc(length, fill);

test('a full segment is one piece, whatever chunks were cut before', () => {
  const { cut, pieces, heads } = cutter();
  cut.add(1, at(mebi), wal(1000, 1), now);
  cut.cut();
  cut.cut();
  cut.add(1, at(mebi + 1000), wal(mebi - 500, 2), now);
  cut.cut();
  assert.deepEqual(ranges(pieces), [
    [mebi, mebi + 1000],
    [mebi, 2 * mebi],
    [2 * mebi, 2 * mebi + 500],
  ]);
  assert.equal(pieces[1]!.bytes.length, mebi);
  assert.ok(pieces[1]!.bytes.equals(Buffer.concat([wal(1000, 1), wal(mebi - 1000, 2)])));
  assert.deepEqual(
    heads.map(({ segment, head }) => [segment.number, head.length]),
    [
      [1n, 40],
      [2n, 40],
    ],
  );
});

test('a chunk holds what came since the last one; without anything new there is none', () => {
  const { cut, pieces } = cutter();
  cut.cut();
  cut.add(1, at(0), wal(100, 1), now);
  cut.cut();
  cut.cut();
  cut.add(1, at(100), wal(50, 2), now);
  cut.cut();
  assert.deepEqual(ranges(pieces), [
    [0, 100],
    [100, 150],
  ]);
  assert.equal(pieces[1]!.time, now);
});

test('nothing is cut before the segment was checked, and nothing of one that is refused', () => {
  const { cut, pieces } = cutter();
  cut.add(1, at(0), wal(39, 1), now);
  cut.cut();
  assert.deepEqual(ranges(pieces), []);
  cut.add(1, at(39), wal(1, 1), now);
  cut.cut();
  assert.deepEqual(ranges(pieces), [[0, 40]]);
  assert.throws(() => cutter({ refuse: true }).cut.add(1, at(0), wal(40, 1), now), WalBroken);
});

test('a timeline that ends in a segment leaves a chunk, and the next one begins with that segment', () => {
  const { cut, pieces } = cutter();
  cut.add(1, at(0), wal(100, 1), now);
  cut.endTimeline();
  cut.add(2, at(0), wal(mebi, 2), now);
  assert.deepEqual(
    pieces.map(({ timeline, start, end }) => [timeline, start, end]),
    [
      [1, 0n, 100n],
      [2, 0n, BigInt(mebi)],
    ],
  );
  assert.ok(pieces[0]!.bytes.equals(wal(100, 1)));
});

test('a segment above 32 MiB becomes chunks, with its head checked once', () => {
  const { cut, pieces, heads } = cutter({ segmentSize: 128 * mebi });
  const part = wal(40 * mebi, 1);
  cut.add(1, at(0), part, now);
  cut.cut();
  for (let position = 40; position < 128; position += 40) cut.add(1, at(position * mebi), part, now);
  cut.cut();
  assert.deepEqual(
    ranges(pieces).map(([start, end]) => [start! / mebi, end! / mebi]),
    [
      [0, 32],
      [32, 40],
      [40, 64],
      [64, 96],
      [96, 128],
      [128, 160],
    ],
  );
  assert.deepEqual(
    heads.map(({ segment }) => segment.number),
    [0n, 1n],
  );
});

test('what is known is not cut again, but compared', () => {
  const known = { timeline: 1, start: at(0), bytes: wal(500, 1) };
  const same = cutter({ known });
  same.cut.add(1, at(0), wal(499, 1), now);
  same.cut.cut();
  assert.deepEqual([ranges(same.pieces), same.known], [[], []]);
  same.cut.add(1, at(499), wal(101, 1), now);
  same.cut.cut();
  assert.deepEqual([ranges(same.pieces), same.known], [[[500, 600]], [500n]]);
  const different = cutter({ known });
  different.cut.add(1, at(0), wal(499, 1), now);
  assert.throws(() => different.cut.add(1, at(499), wal(1, 2), now), /differs from what is stored/);
  const elsewhere = cutter({ known });
  elsewhere.cut.add(2, at(0), wal(600, 2), now);
  elsewhere.cut.cut();
  assert.deepEqual(ranges(elsewhere.pieces), [[0, 600]]);
});

test('the memory of a segment is used again only when all its pieces were released', () => {
  const { cut, pieces } = cutter();
  cut.add(1, at(0), wal(100, 1), now);
  cut.cut();
  cut.add(1, at(100), wal(mebi - 100, 1), now);
  pieces[1]!.release();
  cut.add(1, at(mebi), wal(mebi, 2), now);
  assert.notEqual(pieces[2]!.bytes.buffer, pieces[0]!.bytes.buffer);
  assert.ok(pieces[0]!.bytes.equals(wal(100, 1)));
  pieces[0]!.release();
  cut.add(1, at(2 * mebi), wal(mebi, 3), now);
  assert.equal(pieces[3]!.bytes.buffer, pieces[0]!.bytes.buffer);
});

/** A queue whose puts end when the test says so. */
function queue(parallel = 2) {
  const puts = new Map<number, PromiseWithResolvers<void>>();
  const stored: number[] = [];
  const failures: unknown[] = [];
  const pieces = new WalQueue({
    parallel,
    store(piece) {
      const put = Promise.withResolvers<void>();
      puts.set(Number(piece.end), put);
      return put.promise;
    },
    onStored: (end) => stored.push(Number(end)),
    onFailure: (failure) => failures.push(failure),
  });
  const push = (end: number) =>
    pieces.push({
      timeline: 1,
      start: at(end - 1),
      end: at(end),
      bytes: wal(1, 1),
      time: now,
      release: () => undefined,
    });
  const settle = async (end: number, failure?: Error) => {
    const put = puts.get(end)!;
    if (failure) put.reject(failure);
    else put.resolve();
    await new Promise(setImmediate);
  };
  return { pieces, puts, stored, failures, push, settle };
}

test('what is stored is told in order, without a hole', async () => {
  const { pieces, puts, stored, push, settle } = queue();
  for (const end of [1, 2, 3]) push(end);
  assert.deepEqual([...puts.keys()], [1, 2], 'two at a time');
  assert.ok(pieces.full);
  await settle(2);
  assert.deepEqual(stored, [], '1 is not stored yet');
  assert.deepEqual([...puts.keys()], [1, 2, 3]);
  await settle(1);
  assert.deepEqual(stored, [2]);
  const drained = pieces.drained();
  await settle(3);
  await drained;
  assert.deepEqual(stored, [2, 3]);
  assert.ok(pieces.empty);
});

test('after a failure nothing more is stored or told', async () => {
  const { pieces, puts, stored, failures, push, settle } = queue();
  for (const end of [1, 2, 3]) push(end);
  const drained = pieces.drained();
  drained.catch(() => undefined);
  await settle(1, new Error('full'));
  await settle(2);
  assert.deepEqual([...puts.keys()], [1, 2]);
  assert.deepEqual(stored, []);
  assert.equal(failures.length, 1);
  await assert.rejects(drained, /full/);
  await assert.rejects(pieces.drained(), /full/);
});
