import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { checkLease, leaseEnd } from '#catalog/check-lease';
import { acquireLease } from '#catalog/lease';
import { releaseLeaseOf } from '#catalog/release-lease';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-lease-'));
  store = await createDirectoryStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

const holder = (execution?: string) => ({ host: 'h', pid: 1, ...(execution === undefined ? {} : { execution }) });
const take = (execution?: string, durationMs = 60_000) =>
  acquireLease(store, 'main', 'backup', { holder: holder(execution), durationMs });
const release = (execution: string) => releaseLeaseOf(store, 'main', 'backup', { execution, now: new Date() });

test('the lease that an execution’s task died with can be taken at once after it was given back', async () => {
  const dead = await take('mine');
  await assert.rejects(checkLease(store, 'main', 'backup', new Date()), { name: 'LeaseHeld' });
  assert.equal(await release('mine'), true);
  await checkLease(store, 'main', 'backup', new Date());
  assert.equal(await leaseEnd(store, 'main', 'backup', new Date()), undefined);
  await (await take('other')).release();
  await dead.release();
});

test('nobody else’s lease is given back', async () => {
  assert.equal(await release('mine'), false);
  for (const execution of ['other', undefined]) {
    const lease = await take(execution);
    assert.equal(await release('mine'), false);
    assert.ok((await leaseEnd(store, 'main', 'backup', new Date()))! > new Date());
    await lease.release();
  }
  assert.equal(await release('other'), false, 'it was given back already');
});

test('a holder that lives all the same loses its lease at its next renewal', async () => {
  const lease = await take('mine', 300);
  await release('mine');
  const after = await take('other');
  await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
  assert.equal((lease.signal.reason as Error).name, 'LeaseHeld');
  await after.release();
});
