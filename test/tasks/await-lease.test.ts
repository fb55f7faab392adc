import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease } from '#catalog/lease';
import { LeaseHeld } from '#model/failure';
import { leaseKey } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { awaitLease } from '#tasks/await-lease';

const root = mkdtempSync(join(tmpdir(), 'lifeboat-lease-'));
after(() => rmSync(root, { recursive: true, force: true }));
let store: ObjectStore;
before(async () => {
  store = await createDirectoryStore(root);
});

const times = { durationMs: 600, clockSkewMs: 100 };
const holder = (execution: string) => ({ host: 'here', pid: 1, execution });

/** A lease whose holder died: nobody renews it, nobody gives it back. */
async function abandoned(source: string, execution: string): Promise<void> {
  const path = leaseKey(source, 'backup');
  const now = Date.now();
  const state = {
    holder: 'dead',
    ...holder(execution),
    acquiredAt: new Date(now).toISOString(),
    expiresAt: new Date(now + times.durationMs).toISOString(),
    durationMs: times.durationMs,
    renewals: 3,
    released: false,
  };
  await store.put(path, Buffer.from(JSON.stringify(state)));
}

function wanted(source: string, execution: string, signal = new AbortController().signal) {
  const waits: Date[] = [];
  const begun = performance.now();
  const options = { ...times, holder: holder(execution), signal, onWait: (until: Date) => void waits.push(until) };
  const lease = awaitLease(store, source, 'backup', options);
  return { lease, waits, tookMs: () => performance.now() - begun };
}

describe('the lease of an execution', () => {
  test('is taken at once where nobody has it', async () => {
    const { lease, waits } = wanted('free', 'mine');
    await (await lease).release();
    assert.deepEqual(waits, []);
  });

  test('is waited for where an earlier attempt of the same execution died with it', async () => {
    await abandoned('dead', 'mine');
    const { lease, waits, tookMs } = wanted('dead', 'mine');
    await (await lease).release();
    assert.equal(waits.length, 1);
    assert.ok(tookMs() >= 600 && tookMs() < 5_000, String(tookMs()));
  });

  test('is not waited for where another execution has it, or nobody knows who', async () => {
    await abandoned('other', 'other');
    await assert.rejects(wanted('other', 'mine').lease, LeaseHeld);
    const byHand = await acquireLease(store, 'hand', 'backup', { ...times, holder: { host: 'here', pid: 1 } });
    await assert.rejects(wanted('hand', 'mine').lease, LeaseHeld);
    await byHand.release();
  });

  test('is not waited for any longer where the earlier attempt lives and renews it', async () => {
    const living = await acquireLease(store, 'living', 'backup', { ...times, holder: holder('mine') });
    const { lease, waits } = wanted('living', 'mine');
    await assert.rejects(lease, LeaseHeld);
    assert.equal(waits.length, 1);
    await living.release();
  });

  test('is not waited for any longer when somebody wants the end', async () => {
    await abandoned('ended', 'mine');
    const controller = new AbortController();
    const { lease, tookMs } = wanted('ended', 'mine', controller.signal);
    await sleep(50);
    controller.abort();
    await assert.rejects(lease, { name: 'AbortError' });
    assert.ok(tookMs() < 500);
  });
});
