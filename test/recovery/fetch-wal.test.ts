import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WalBucket } from '#harness/wal-bucket';
import { InputInvalid, KeyUnusable, ObjectDamaged, WalBroken } from '#model/failure';
import { type Lsn, lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { segmentName } from '#model/wal-segment';
import { type FetchWal, fetchWalFile, fetchWholeSegment } from '#recovery/fetch-wal';
import { prefetchWal } from '#recovery/prefetch-wal';
import { WalReader } from '#recovery/read-wal';
import { WalSpool } from '#recovery/wal-spool';
import type { ObjectStore } from '#store/object-store';
import { WalWriter } from '#tasks/wal-writer';

const segmentSize = 1 << 20;
const systemId = '7445812344987123456';
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-fetch-'));
after(() => rmSync(folder, { recursive: true }));

let bucket: WalBucket;
let writer: WalWriter;
beforeEach(async () => {
  bucket = await WalBucket.create('encrypted');
  const { store, keyRing } = bucket;
  writer = await WalWriter.create({ store, keyRing, source: 'orders', systemId, segmentSize, level: 1 });
});
afterEach(() => bucket.remove());

const at = (segment: number, offset = 0): Lsn => lsn(BigInt(segment) * BigInt(segmentSize) + BigInt(offset));
const nameOf = (segment: number, timeline = 1) => segmentName({ timeline, number: BigInt(segment) }, segmentSize);

/** The content of a segment, always the same, beginning as PostgreSQL 18 begins one. */
function segmentBytes(segment: number, timeline: Timeline = 1): Buffer {
  const seed = createHash('sha256').update(`${segment} ${timeline}`).digest();
  const bytes = Buffer.concat(Array.from({ length: segmentSize / seed.length }, () => seed));
  bytes.fill(0, 0, 40);
  bytes.writeUInt16LE(0xd118, 0);
  bytes.writeUInt16LE(2, 2);
  bytes.writeUInt32LE(timeline, 4);
  bytes.writeBigUInt64LE(at(segment), 8);
  bytes.writeBigUInt64LE(BigInt(systemId), 24);
  bytes.writeUInt32LE(segmentSize, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}

async function store(segment: number, from = 0, to = segmentSize, timeline: Timeline = 1): Promise<void> {
  const range = { start: at(segment, from), end: at(segment, to) };
  const bytes = segmentBytes(segment, timeline).subarray(from, to);
  await writer.put({ timeline, ...range, bytes, time: new Date() });
}

const storeHistory = (timeline: Timeline, content: string) =>
  writer.putHistory(timeline, Buffer.from(content), new Date());

const request = (name: string, over: Partial<FetchWal> = {}): FetchWal => ({
  store: bucket.store,
  reader: bucket.reader,
  source: 'orders',
  systemId,
  segmentSize,
  name,
  to: join(folder, 'RECOVERYXLOG'),
  ...over,
});

async function fetched(name: string, over: Partial<FetchWal> = {}): Promise<Buffer> {
  const outcome = await fetchWalFile(request(name, over));
  assert.equal(outcome.outcome, 'fetched');
  return readFileSync(join(folder, 'RECOVERYXLOG'));
}

const outcomeOf = async (name: string, over: Partial<FetchWal> = {}) =>
  (await fetchWalFile(request(name, over))).outcome;

const refused = (name: string, kind: new (...args: never[]) => Error, message: RegExp, over: Partial<FetchWal> = {}) =>
  assert.rejects(fetchWalFile(request(name, over)), (failure: Error) => {
    assert.ok(failure instanceof kind, `${failure}`);
    assert.match(failure.message, message);
    return true;
  });

test('a whole segment is fetched as it was stored', async () => {
  await store(3);
  assert.ok((await fetched(nameOf(3))).equals(segmentBytes(3)));
  assert.deepEqual(readdirSync(folder), ['RECOVERYXLOG']);
});

test('a segment that is still being written is put together from its chunks, and the rest is zeros', async () => {
  await store(3, 0, 1000);
  await store(3, 1000, 300_000);
  await store(3, 200_000, 400_000);
  await store(3, 150_000, 250_000);
  const bytes = await fetched(nameOf(3));
  assert.equal(bytes.length, segmentSize);
  assert.ok(bytes.subarray(0, 400_000).equals(segmentBytes(3).subarray(0, 400_000)));
  assert.ok(bytes.subarray(400_000).every((byte) => byte === 0));
});

test('chunks that make up a whole segment are one', async () => {
  await store(3, 0, 500_000);
  await store(3, 500_000);
  await store(4, 0, 10_000);
  assert.ok((await fetched(nameOf(3))).equals(segmentBytes(3)));
});

test('WAL ends where nothing later is stored', async () => {
  assert.equal(await outcomeOf(nameOf(3)), 'end of wal');
  await store(3);
  assert.equal(await outcomeOf(nameOf(4)), 'end of wal');
  assert.equal(await outcomeOf(nameOf(3, 2)), 'end of wal');
});

test('a gap is refused, naming what is missing and what proves that WAL goes on', async () => {
  await store(3);
  await store(5);
  await refused(nameOf(4), WalBroken, /^0000000100000000000000(0)?4.*from 0\/400000 on.*0\/500000 to 0\/600000/);
  await store(6, 0, 1000);
  await store(6, 2000, 3000);
  await refused(nameOf(6), WalBroken, /from 0\/6003E8 on.*0\/6007D0 to 0\/600BB8/);
});

test('a chunk that is stored without the beginning of its segment is a gap', async () => {
  await store(3, 1000, 2000);
  await refused(nameOf(3), WalBroken, /from 0\/300000 on/);
});

test('a gap after everything that the recovery needs is the end of WAL', async () => {
  await store(3);
  await store(5);
  assert.equal(await outcomeOf(nameOf(4), { neededUntil: at(4) }), 'end of wal');
  await refused(nameOf(4), WalBroken, /./, { neededUntil: at(4, 1) });
});

test('a timeline that another one left later than what is stored has a gap', async () => {
  await store(3);
  await storeHistory(2, '1\t0/4001F4\tx\n');
  await refused(nameOf(4), WalBroken, /00000002.history says that timeline 00000001 went on to 0\/4001F4/);
  await store(4, 0, 500);
  assert.equal((await fetched(nameOf(4))).length, segmentSize);
  assert.equal(await outcomeOf(nameOf(5)), 'end of wal');
});

test('a new timeline whose first piece does not reach its own WAL yet leaves the segment to the older one', async () => {
  await storeHistory(2, '1\t0/4001F4\tx\n');
  await store(4, 0, 500);
  await store(4, 0, 400, 2);
  assert.equal(await outcomeOf(nameOf(4, 2)), 'end of wal');
  await store(4, 400, 600, 2);
  assert.equal(await outcomeOf(nameOf(4, 2)), 'fetched');
});

test('a partial segment is never served', async () => {
  const range = { start: at(3), end: at(4) };
  await writer.put({ timeline: 1, ...range, bytes: segmentBytes(3), time: new Date(), partial: true });
  assert.equal(await outcomeOf(nameOf(3)), 'end of wal');
  await refused(`${nameOf(3)}.partial`, InputInvalid, /./);
  await moved(`${nameOf(3)}.partial`, nameOf(3));
  await refused(nameOf(3), ObjectDamaged, /\(partial\)/);
});

test('a history is fetched, or known not to exist; a backup history never exists', async () => {
  await storeHistory(2, '1\t0/4001F4\tx\n');
  assert.equal((await fetched('00000002.history')).toString(), '1\t0/4001F4\tx\n');
  assert.equal(await outcomeOf('00000003.history'), 'no such file');
  assert.equal(await outcomeOf(`${nameOf(3)}.00000028.backup`), 'no such file');
});

/** Give an object another name, as somebody with access to the bucket might. */
async function moved(from: string, to: string): Promise<void> {
  const keys = await bucket.keys();
  const key = keys.find((each) => each.endsWith(`/${from}`))!;
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await bucket.store.get(key)).body) chunks.push(Buffer.from(chunk));
  await bucket.store.put(key.replace(from, to), Buffer.concat(chunks));
}

test('an object that belongs to another place is not served there, and nothing is left behind', async () => {
  rmSync(join(folder, 'RECOVERYXLOG'), { force: true });
  await store(3);
  await moved(nameOf(3), nameOf(4));
  await refused(nameOf(4), ObjectDamaged, /says it is wal .* 0\/300000\.\.0\/400000/);
  await storeHistory(2, '1\t0/4001F4\tx\n');
  await moved('00000002.history', '00000003.history');
  await refused('00000003.history', ObjectDamaged, /expected the history of timeline 3/);
  assert.deepEqual(readdirSync(folder), []);
});

test('an object that was changed is not served', async () => {
  await store(3);
  const [key] = await bucket.keys();
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await bucket.store.get(key!)).body) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  bytes[bytes.length - 40]! ^= 1;
  await bucket.store.put(key!, bytes);
  await refused(nameOf(3), ObjectDamaged, /authentication tag/);
  await bucket.store.put(key!, bytes.subarray(0, bytes.length - 1));
  await refused(nameOf(3), ObjectDamaged, /ends after/);
});

test('WAL that is not what its object says is not served', async () => {
  const range = { start: at(3), end: at(4) };
  await writer.put({ timeline: 1, ...range, bytes: segmentBytes(7), time: new Date() });
  await refused(nameOf(3), WalBroken, /begins at 0\/700000: expected 0\/300000/);
});

test('WAL that is encrypted needs its key', async () => {
  await store(3);
  await refused(nameOf(3), KeyUnusable, /encrypted/, { reader: new WalReader(bucket.store, undefined) });
});

test('WAL that arrives while it is asked for is no gap', async () => {
  await store(3);
  await store(4, 0, 1000);
  let arrived = false;
  const arriving: ObjectStore = {
    url: bucket.store.url,
    put: (...args) => bucket.store.put(...args),
    get: (...args) => bucket.store.get(...args),
    head: (...args) => bucket.store.head(...args),
    folders: (...args) => bucket.store.folders(...args),
    delete: (...args) => bucket.store.delete(...args),
    abortStaleUploads: (...args) => bucket.store.abortStaleUploads(...args),
    async *list(prefix, options) {
      yield* bucket.store.list(prefix, options);
      if (arrived) return;
      arrived = true;
      await store(4);
      await store(5, 0, 1000);
    },
  };
  assert.ok((await fetched(nameOf(4), { store: arriving })).equals(segmentBytes(4)));
});

/** pg_wal with a spool, and a prefetcher in this process. */
function spooled(options: { ahead?: number; idleMs?: number } = {}) {
  const pgWal = join(folder, randomBytes(4).toString('hex'), 'pg_wal');
  mkdirSync(pgWal, { recursive: true });
  const to = join(pgWal, 'RECOVERYXLOG');
  const spool = WalSpool.beside(to)!;
  let fetches = 0;
  const prefetch = (after: string, pid = 1) =>
    prefetchWal({
      spool,
      after,
      segmentSize,
      pid,
      ahead: options.ahead ?? 4,
      parallel: 2,
      idleMs: options.idleMs ?? 5_000,
      fetch(name, to, signal) {
        fetches++;
        return fetchWholeSegment({ ...request(name), to, signal });
      },
    });
  return { spool, to, prefetch, fetches: () => fetches };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += 5) {
    if (waitedMs > 5_000) throw new Error('waited too long');
    await sleep(5);
  }
}

test('the segments that follow are ready before they are asked for, a few ahead', async () => {
  for (let segment = 3; segment <= 12; segment++) await store(segment);
  const { spool, to, prefetch, fetches } = spooled();
  const running = prefetch(nameOf(3));
  await until(async () => (await spool.segments()).length === 4);
  await sleep(100);
  assert.deepEqual(
    (await spool.segments()).toSorted(),
    [4, 5, 6, 7].map((segment) => nameOf(segment)),
  );
  for (let segment = 4; segment <= 12; segment++) {
    await until(async () => (await spool.segments()).includes(nameOf(segment)));
    assert.equal(await spool.take(nameOf(segment), to), true);
    assert.ok(readFileSync(to).equals(segmentBytes(segment)));
  }
  await running;
  assert.ok(fetches() <= 9 + 2, `each once, and what is not there: ${fetches()}`);
  assert.equal(existsSync(spool.folder), false, 'nothing is left in pg_wal');
});

test('a prefetcher follows where PostgreSQL goes on, and drops what it will not ask for', async () => {
  for (const segment of [3, 4, 5, 20, 21]) await store(segment);
  const { spool, to, prefetch } = spooled();
  const running = prefetch(nameOf(3));
  await until(async () => (await spool.segments()).includes(nameOf(4)));
  assert.equal(await spool.take(nameOf(20), to), false);
  await until(async () => (await spool.segments()).includes(nameOf(21)));
  assert.equal((await spool.segments()).includes(nameOf(4)), false);
  assert.equal(await spool.take(nameOf(21), to), true);
  await running;
});

test('chunks are never prefetched', async () => {
  await store(3);
  await store(4, 0, 1000);
  const { prefetch, spool, to } = spooled();
  await prefetch(nameOf(3));
  assert.equal(await spool.take(nameOf(4), to), false);
});

test('a prefetcher that nobody asks ends, and leaves nothing behind', async () => {
  for (let segment = 3; segment <= 12; segment++) await store(segment);
  const { spool, prefetch } = spooled({ idleMs: 200 });
  await prefetch(nameOf(3));
  assert.equal(existsSync(spool.folder), false);
});

test('a data directory has one prefetcher; one that died is replaced', async () => {
  for (let segment = 3; segment <= 12; segment++) await store(segment);
  const { spool, prefetch } = spooled({ idleMs: 400 });
  const running = prefetch(nameOf(3), 1);
  await until(() => spool.isServed());
  const begun = performance.now();
  await prefetch(nameOf(3), 2);
  assert.ok(performance.now() - begun < 100, 'the second one ends at once');
  await running;
  assert.equal(await spool.lock(3), true);
  assert.equal(await spool.lock(4), false);
});

test('what a prefetcher cannot check does not become visible', async () => {
  await store(3);
  await store(4);
  await moved(nameOf(4), nameOf(5));
  const { spool, prefetch, to } = spooled();
  await prefetch(nameOf(4));
  assert.equal(await spool.take(nameOf(5), to), false);
});

test('without a prefetcher, and outside of pg_wal, nothing is spooled', async () => {
  const { spool, to } = spooled();
  assert.equal(await spool.take(nameOf(3), to), false);
  assert.equal(existsSync(spool.folder), false);
  assert.equal(WalSpool.beside('/tmp/000000010000000000000003'), undefined);
});
