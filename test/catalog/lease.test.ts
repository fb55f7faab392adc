import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease, type LeaseOptions, withLease } from '#catalog/lease';
import { decideLease, type LeaseState, parseLease, printLease } from '#catalog/lease-state';
import { LeaseHeld, ObjectDamaged, StoreUnavailable } from '#model/failure';
import { leaseKey } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-lease-'));
after(() => rmSync(folder, { recursive: true }));

const key = leaseKey('orders', 'backup');
let store: ObjectStore;
let path: string;
let bucket = 0;

beforeEach(async () => {
  path = join(folder, `${bucket++}`);
  store = await createDirectoryStore(path);
});

const holder = { host: 'db1', pid: 4711 };
const options: LeaseOptions = { holder, durationMs: 300, clockSkewMs: 50 };

const acquire = (over: Partial<LeaseOptions> = {}) => acquireLease(store, 'orders', 'backup', { ...options, ...over });

async function stored(): Promise<LeaseState> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await store.get(key)).body) chunks.push(chunk);
  return parseLease(Buffer.concat(chunks), key);
}

/** A lease that its holder left behind without giving it back. */
async function abandoned(agoMs: number, over: Partial<LeaseState> = {}): Promise<void> {
  const acquiredAt = Date.now() - agoMs;
  const state: LeaseState = {
    holder: 'dead',
    ...holder,
    acquiredAt: new Date(acquiredAt).toISOString(),
    expiresAt: new Date(acquiredAt + 300).toISOString(),
    durationMs: 300,
    renewals: 0,
    released: false,
    ...over,
  };
  await store.put(key, printLease(state));
}

test('a free lease is taken and says who holds it', async () => {
  const lease = await acquire();
  const state = await stored();
  assert.deepEqual([state.host, state.pid, state.renewals, state.released], ['db1', 4711, 0, false]);
  assert.equal(Date.parse(state.expiresAt) - Date.parse(state.acquiredAt), 300);
  await lease.release();
});

test('a held lease is refused, naming who holds it, since when, until when and what to do', async () => {
  const lease = await acquire();
  await assert.rejects(acquire(), (failure: LeaseHeld) => {
    assert.ok(failure instanceof LeaseHeld);
    assert.match(
      failure.message,
      /^the backup lease of orders is held by process 4711 on db1 since \d{4}-.*Z until \d{4}-.*Z$/,
    );
    assert.match(failure.hint!, /let it finish or stop it/);
    return true;
  });
  await lease.release();
});

test('sources and kinds of work do not wait for each other', async () => {
  const leases = [await acquire(), await acquireLease(store, 'orders', 'receive-wal', options)];
  leases.push(await acquireLease(store, 'billing', 'backup', options));
  for (const lease of leases) await lease.release();
});

test('a released lease is free at once, without a delete', async () => {
  await (await acquire()).release();
  assert.equal((await stored()).released, true);
  const again = await acquire({ holder: { host: 'db2', pid: 1 } });
  assert.equal((await stored()).host, 'db2');
  await again.release();
});

test('a held lease is renewed before it expires, for as long as the work takes', async () => {
  const lease = await acquire();
  await sleep(750);
  await assert.rejects(acquire(), LeaseHeld);
  assert.ok((await stored()).renewals >= 4);
  assert.equal(lease.signal.aborted, false);
  await lease.release();
});

test('an abandoned lease is taken over, but not before its expiry and the skew of the clocks', async () => {
  await abandoned(0);
  await assert.rejects(acquire(), LeaseHeld);
  await sleep(310);
  await assert.rejects(acquire({ clockSkewMs: 10_000 }), LeaseHeld);
  await sleep(60);
  await (await acquire()).release();
});

test('whoever loses a lease is told by its signal, and does not release what is not his', async () => {
  const lease = await acquire();
  await store.put(key, printLease({ ...(await stored()), holder: 'thief', host: 'db9', pid: 9 }));
  await once(lease.signal, 'abort');
  assert.ok(lease.signal.reason instanceof LeaseHeld);
  assert.match(lease.signal.reason.message, /was taken over by process 9 on db9/);
  await lease.release();
  assert.deepEqual([(await stored()).holder, (await stored()).released], ['thief', false]);
});

test('a lease that cannot be renewed is lost at its expiry, not at the first failure', async () => {
  const unreachable = { now: false };
  const failing: ObjectStore = {
    url: store.url,
    put: (...args) => (unreachable.now ? Promise.reject(down()) : store.put(...args)),
    get: (...args) => (unreachable.now ? Promise.reject(down()) : store.get(...args)),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    folders: (...args) => store.folders(...args),
    delete: (...args) => store.delete(...args),
    abortStaleUploads: (...args) => store.abortStaleUploads(...args),
  };
  const lease = await acquireLease(failing, 'orders', 'backup', options);
  unreachable.now = true;
  await sleep(150);
  assert.equal(lease.signal.aborted, false);
  unreachable.now = false;
  await sleep(300);
  assert.equal(lease.signal.aborted, false);
  unreachable.now = true;
  const begun = performance.now();
  await once(lease.signal, 'abort');
  assert.match(lease.signal.reason.message, /could not be renewed before it expired/);
  assert.ok(performance.now() - begun < 500);
  await lease.release();
});

const down = () => new StoreUnavailable('the store does not answer', { operation: 'put', subject: key });

test('a put whose answer was lost, and that was sent again, is still ours', async () => {
  let lose = true;
  const forgetful: ObjectStore = {
    url: store.url,
    async put(...args) {
      const outcome = await store.put(...args);
      if (!lose) return outcome;
      lose = false;
      return { stored: false }; // what a retry of the same conditional put answers
    },
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    folders: (...args) => store.folders(...args),
    delete: (...args) => store.delete(...args),
    abortStaleUploads: (...args) => store.abortStaleUploads(...args),
  };
  const lease = await acquireLease(forgetful, 'orders', 'backup', options);
  lose = true;
  await sleep(250);
  assert.equal(lease.signal.aborted, false);
  await lease.release();
});

test('the lease is given back whether the work succeeds or fails', async () => {
  assert.equal(await withLease(await acquire(), async () => 42), 42);
  await assert.rejects(
    withLease(await acquire(), () => Promise.reject(new Error('no'))),
    /^Error: no$/,
  );
  assert.equal((await stored()).released, true);
});

test('an object that is no lease is refused with a way out', async () => {
  await store.put(key, Buffer.from('{"holder": 1}'));
  await assert.rejects(acquire(), (failure: ObjectDamaged) => {
    assert.ok(failure instanceof ObjectDamaged);
    assert.match(failure.hint!, /delete the object/);
    return true;
  });
});

test('of processes that race for an expired lease, one gets it', async () => {
  await abandoned(10_000);
  await sleep(360);
  const racers = Array.from({ length: 4 }, () => fork(new URL('lease-racer.ts', import.meta.url), [path]));
  await Promise.all(racers.map((racer) => once(racer, 'message')));
  for (const racer of racers) racer.send('go');
  const endings = await Promise.all(racers.map(async (racer) => (await once(racer, 'message'))[0]));
  for (const racer of racers) racer.disconnect();
  assert.deepEqual(endings.toSorted(), ['LeaseHeld', 'LeaseHeld', 'LeaseHeld', 'taken']);
});

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
const lease = (over: Partial<LeaseState> = {}, lastModified = at(0)) => ({
  state: {
    holder: 'a',
    ...holder,
    acquiredAt: at(0).toISOString(),
    expiresAt: at(60).toISOString(),
    durationMs: 60_000,
    renewals: 0,
    released: false,
    ...over,
  },
  etag: 'e1',
  lastModified,
});
const decide = (found: Parameters<typeof decideLease>[0], now: Date) => decideLease(found, now, 15_000);

test('the decision: nothing there is taken on condition that nothing comes', () => {
  assert.deepEqual(decide(undefined, at(0)), { action: 'take', condition: 'absent' });
});

test('the decision: what is held has to be waited for, up to the skew after its expiry', () => {
  const until = at(75);
  assert.deepEqual(decide(lease(), at(0)), { action: 'wait', current: lease().state, until });
  assert.equal(decide(lease(), at(74.999)).action, 'wait');
  assert.deepEqual(decide(lease(), at(75)), { action: 'take', condition: { etag: 'e1' } });
});

test("the decision: a holder's clock that is behind does not shorten its lease", () => {
  assert.equal(decide(lease({ expiresAt: at(-100).toISOString() }), at(74)).action, 'wait');
  assert.equal(decide(lease({ expiresAt: at(-100).toISOString() }), at(75)).action, 'take');
});

test("the decision: a store's clock that is behind does not shorten it either", () => {
  assert.equal(decide(lease({}, at(-100)), at(74)).action, 'wait');
  assert.equal(decide(lease({}, at(-100)), at(75)).action, 'take');
});

test('the decision: our own clock being behind makes us wait longer', () => {
  assert.equal(decide(lease(), at(-1000)).action, 'wait');
});

test('the decision: what was released is free, whatever its times say', () => {
  assert.equal(decide(lease({ released: true, expiresAt: at(1e6).toISOString() }), at(0)).action, 'take');
});
