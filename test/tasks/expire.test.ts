import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { glob, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { committedBackups } from '#catalog/backups';
import { putHold } from '#catalog/holds';
import { acquireLease } from '#catalog/lease';
import { recordInCatalog } from '#catalog/projection';
import { releaseLeaseOf } from '#catalog/release-lease';
import { readVerifiedWal } from '#catalog/wal-projection';
import {
  copyOf,
  dyingStore,
  keysIn,
  lasting,
  projections,
  rebuild,
  releaseLeases,
  requireWhole,
} from '#harness/expiring-bucket';
import { performExpire, planAndPut, planKeyOf, storeHistory } from '#harness/expiring-source';
import { assertWorked, TaskRunner } from '#harness/run-task';
import { StoredSource } from '#harness/stored-source';
import { storeKinds } from '#harness/stores';
import { executionArn } from '#model/arn';
import { backupId, parseBackupId } from '#model/backup-id';
import { Aborted } from '#model/failure';
import type { ObjectStore } from '#store/object-store';

// a hundred buckets that live for a moment: in memory, where the machine has a place for files there
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const dayMs = 24 * 3_600_000;
const beginMs = Math.ceil(Date.now() / dayMs) * dayMs + dayMs;

/**
 * Eight days of backups, each third one full; two of them are the window. Or fewer, and three: what is half gone is old
 * enough for another execution to take it for a leftover. */
async function history(store?: ObjectStore, days = 8): Promise<{ source: StoredSource; backups: string[] }> {
  const vault = store && { store, keyRing: undefined };
  const window = days === 8 ? '2d' : '3d';
  const source = await StoredSource.create({ more: `retention: { window: ${window} }\n`, ...(vault ? { vault } : {}) });
  // the same ids in every directory; later than anything is stored
  source.now = new Date(beginMs);
  cleanups.push(() => source.remove());
  const kinds = days === 8 ? undefined : (['full', 'incr'] as const);
  const manifests = await storeHistory(source, days, kinds);
  return { source, backups: manifests.map(({ backup }) => backup) };
}

for (const [kind, open] of storeKinds) {
  describe(`expire, in ${kind}`, () => {
    test('deletes what the plan names with all that is about it, and nothing else', async () => {
      const { store, close } = await open();
      cleanups.push(close);
      const { source, backups } = await history(store);
      const before = await lasting(store);
      const plan = await planAndPut(source, 'one');
      const result = await performExpire(source, { execution: 'one', planHash: plan.hash });
      const gone = backups.slice(0, 3);
      assert.deepEqual(result.backups, gone);
      const after = await lasting(store);
      const names = new RegExp(`/(?:${gone.join('|')})/`);
      const cut = /\/wal\/\d+\/00000001\/00000001000000000000000[345]\./;
      assert.deepEqual(
        after,
        before.filter((key) => !names.test(key) && !cut.test(key)),
      );
      assert.equal(before.length - after.length, result.objects);
      const pieces = before.filter((key) => cut.test(key) && key.startsWith('main/')).length;
      assert.deepEqual(result.wal, { pieces, chunks: 0 });
      assert.deepEqual(
        (await committedBackups(store, 'main')).map(({ backup }) => backup),
        backups.slice(3),
      );
    });

    test('leaves projections that say what a rebuild would', async () => {
      const { store, close } = await open();
      cleanups.push(close);
      const { source } = await history(store);
      const plan = await planAndPut(source, 'one');
      await performExpire(source, { execution: 'one', planHash: plan.hash });
      const kept = await projections(store);
      await rebuild(store);
      assert.deepEqual(await projections(store), kept);
      const [system] = (await readVerifiedWal(store, 'main')).systems;
      assert.deepEqual(
        system!.timelines.map(({ stretches }) => stretches.map(({ start }) => start)),
        [['0/600000']],
      );
    });
  });
}

test('killed after whichever delete, every backup that is left is whole, and the next run ends where it would have', async () => {
  const undisturbed = await history(undefined, 6);
  const first = await planAndPut(undisturbed.source, 'one');
  await performExpire(undisturbed.source, { execution: 'one', planHash: first.hash });
  const [expected, saying] = [await ending(undisturbed.source), await said(undisturbed.source)];
  let deletes = 0;
  for (let died = true; died; deletes++) {
    const { source, backups } = await history(undefined, 6);
    const plan = await planAndPut(source, 'one');
    const store = dyingStore(source.store, deletes);
    died = await performExpire(source, { execution: 'one', planHash: plan.hash, store }).then(
      () => false,
      (failure: Error) => failure.message === 'killed' || Promise.reject(failure),
    );
    const left = await requireWhole(await copyOf(source));
    assert.deepEqual(left.slice(-4), backups.slice(2), `after ${deletes} deletes`);
    await releaseLeases(source.store);
    // the task may be begun again, or the next execution come: both end alike
    const execution = deletes % 2 === 0 ? 'one' : 'two';
    const again = deletes % 2 === 0 ? plan : await planAndPut(source, 'two');
    await performExpire(source, { execution, planHash: again.hash });
    assert.deepEqual(await ending(source), expected, `after ${deletes} deletes`);
    assert.deepEqual(await said(source), saying, `after ${deletes} deletes`);
    source.remove();
  }
  assert.ok(deletes > 30, `it was killed at ${deletes} points`);
});

/** Keys without the generation of what they are about, which a directory takes from its files. */
const ending = async ({ store }: StoredSource): Promise<string[]> =>
  (await lasting(store)).map((key) => key.replace(/-[0-9a-f]{16}\.json$/, '.json'));

/** What was stored and read back when is another instant in every directory. */
const said = async ({ store }: StoredSource): Promise<unknown> =>
  JSON.parse(JSON.stringify(await projections(store), (name, value) => (name === 'storedAt' ? 'then' : value)));

/** Deletes are told before they are done. */
function watchedStore(store: ObjectStore, onDelete: (key: string, count: number) => void): ObjectStore {
  let count = 0;
  return new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'delete') return member.bind(target);
      return (key: string) => {
        onDelete(key, ++count);
        return target.delete(key);
      };
    },
  });
}

test('incremental backups go before what they build on, parts after what was recorded of them, and WAL last', async () => {
  const { source, backups } = await history();
  const plan = await planAndPut(source, 'one');
  const deleted: string[] = [];
  const store = watchedStore(source.store, (key) => deleted.push(key));
  await performExpire(source, { execution: 'one', planHash: plan.hash, store });
  const manifests = backups.slice(0, 3).map((id) => `main/backups/${id}/manifest.json`);
  assert.deepEqual(deleted.slice(0, 3), manifests.toReversed());
  for (const id of backups.slice(0, 3)) {
    const [firstPart, lastRecord] = [
      deleted.findIndex((key) => key.startsWith(`main/backups/${id}/base`)),
      deleted.findLastIndex((key) => key.startsWith('catalog/') && key.includes(id)),
    ];
    assert.ok(lastRecord > 2 && lastRecord < firstPart, `${lastRecord} ${firstPart}`);
  }
  const firstWal = deleted.findIndex((key) => key.includes('/wal/'));
  assert.ok(deleted.slice(firstWal).every((key) => key.includes('/wal/')));
});

test('told to end, it finishes what it has begun and nothing more, and goes on when it is begun again', async () => {
  const { source, backups } = await history();
  const plan = await planAndPut(source, 'one');
  const controller = new AbortController();
  const store = watchedStore(source.store, (_, count) => {
    if (count === 2) controller.abort(new Aborted('told to end', { operation: 'test', subject: 'main' }));
  });
  const { signal } = controller;
  await assert.rejects(performExpire(source, { execution: 'one', planHash: plan.hash, store, signal }), Aborted);
  const left = (await committedBackups(source.store, 'main')).map(({ backup }) => backup);
  assert.deepEqual(left, [backups[0], ...backups.slice(3)]);
  // its leases are given back: the next attempt waits for nobody
  const result = await performExpire(source, { execution: 'one', planHash: plan.hash });
  assert.deepEqual(result.backups, [backups[0]]);
});

test('nothing is deleted while somebody backs the source up or dumps it', async () => {
  for (const work of ['backup', 'dump'] as const) {
    const { source, backups } = await history();
    const lease = await acquireLease(source.store, 'main', work, { holder: { host: 'elsewhere', pid: 1 } });
    cleanups.push(() => lease.release());
    const plan = await planAndPut(source, 'one');
    const before = await lasting(source.store);
    await assert.rejects(performExpire(source, { execution: 'one', planHash: plan.hash }), { name: 'LeaseHeld' });
    assert.deepEqual(await lasting(source.store), before);
    assert.equal((await committedBackups(source.store, 'main')).length, backups.length);
  }
});

test('nothing is deleted by a plan that names what has to stay now', async () => {
  const { source, backups } = await history();
  const plan = await planAndPut(source, 'one');
  const { id } = parseBackupId(backups[1]!);
  await putHold(source.store, {
    ...{ format: 'lifeboat-hold/1', source: 'main', id, state: 'held', reason: 'an audit', by: 'grace' },
    ...{ at: source.now.toISOString(), until: null },
  });
  const before = await lasting(source.store);
  await assert.rejects(performExpire(source, { execution: 'one', planHash: plan.hash }), {
    name: 'PlanChanged',
    message: new RegExp(`backup ${id}`),
  });
  assert.deepEqual(await lasting(source.store), before);
});

test('nothing is deleted while something is missing of what is to stay', async () => {
  const missing: [name: string, error: string][] = [
    ['manifest.json', 'ObjectMissing'],
    ['base.tar.000000', 'ObjectMissing'],
  ];
  for (const [name, error] of missing) {
    const { source, backups } = await history();
    await source.store.delete(`main/backups/${backups.at(-1)}/${name}`);
    const plan = await planAndPut(source, 'one');
    assert.equal(plan.goes.length, 3);
    const before = await lasting(source.store);
    await assert.rejects(performExpire(source, { execution: 'one', planHash: plan.hash }), { name: error });
    assert.deepEqual(await lasting(source.store), before);
  }
});

test('nothing is deleted by a catalog that says otherwise than the manifests', async () => {
  const { source, backups } = await history();
  await recordInCatalog(source.store, 'main', (known) =>
    known.map((one) => (one.backup === backups.at(-1) ? { ...one, stop: { ...one.stop, lsn: '0/FF000000' } } : one)),
  );
  const plan = await planAndPut(source, 'one');
  await assert.rejects(performExpire(source, { execution: 'one', planHash: plan.hash }), {
    name: 'ObjectDamaged',
    message: /says otherwise than catalog\/main\/backups.json/,
  });
  assert.equal((await committedBackups(source.store, 'main')).length, backups.length);
});

test('nothing is deleted by a plan that was changed where it lies, or whose rules are no longer those of the source', async () => {
  const { source, backups } = await history();
  const plan = await planAndPut(source, 'one');
  const changed = { ...plan, chunksBefore: new Date(beginMs + 99 * dayMs).toISOString() };
  await source.store.put(planKeyOf('one'), Buffer.from(JSON.stringify(changed)));
  await assert.rejects(performExpire(source, { execution: 'one', planHash: plan.hash }), { name: 'ObjectDamaged' });
  await planAndPut(source, 'two');
  source.plan.retention!.windowDays = 30;
  await assert.rejects(performExpire(source, { execution: 'two', planHash: plan.hash }), { name: 'PlanChanged' });
  assert.equal((await committedBackups(source.store, 'main')).length, backups.length);
});

test('what was begun and never committed goes once it is old, and nothing of a plan that is another one', async () => {
  const { source } = await history();
  const old = backupId(new Date(source.now.getTime() - 4 * 24 * 3_600_000), 'full');
  const young = backupId(new Date(source.now.getTime() - 2 * 24 * 3_600_000), 'full');
  for (const id of [old, young]) await source.store.put(`main/backups/${id}/base.tar.000000`, Buffer.alloc(10));
  const plan = await planAndPut(source, 'one');
  await assert.rejects(performExpire(source, { execution: 'one', planHash: 'f'.repeat(64) }), {
    name: 'ObjectDamaged',
  });
  const result = await performExpire(source, { execution: 'one', planHash: plan.hash });
  assert.deepEqual(result.leftovers, [old]);
  assert.deepEqual(await keysIn(source.store, `main/backups/${old}/`), []);
  assert.equal((await keysIn(source.store, `main/backups/${young}/`)).length, 1);
});

test('what executions, notices and questions left goes after 90 days where no bucket does so by itself', async () => {
  const { source } = await history(undefined, 6);
  const [old, token] = ['executions/backup/then/base-backup-main.json', `approval-tokens/${'0'.repeat(64)}.json`];
  const young = 'notices/now/slack.json';
  for (const key of [old, token, young]) await source.store.put(key, Buffer.from('{}'));
  const long = new Date(source.now.getTime() - 91 * dayMs);
  for (const name of ['base-backup-main', '0'.repeat(64)]) {
    const [file] = await Array.fromAsync(glob(`${source.folder}/bucket/**/${name}.json*`));
    await utimes(file!, long, long);
  }
  const plan = await planAndPut(source, 'one');
  const { old: count } = await performExpire(source, { execution: 'one', planHash: plan.hash });
  assert.deepEqual([count, await source.store.head(old), await source.store.head(token)], [2, undefined, undefined]);
  assert.ok(await source.store.head(young));
});

test('a process that is killed leaves every backup whole, and the next one goes on', async () => {
  for (const gone of [1, 3, 12, 25]) {
    const { source, backups } = await history();
    const bucket = join(source.folder, 'bucket');
    const planPath = join(source.folder, 'plan.yml');
    const plan = await planAndPut(source, 'one');
    await writeFile(
      planPath,
      `bucket: ${bucket}\nencryption: none\nretention: { window: 2d }\nsources:\n  main: { connection: { host: localhost, user: backup } }\n`,
    );
    const tasks = new TaskRunner({ planPath, bucket });
    const input = { source: 'main', planKey: 'executions/retention/one/plan.json', planHash: plan.hash };
    const before = (await lasting(source.store)).length;
    const { child, ended } = tasks.start('expire', { input });
    while (child.exitCode === null && (await lasting(source.store)).length > before - gone) await turn();
    child.kill('SIGKILL');
    await ended;
    const left = await requireWhole(await copyOf(source));
    assert.deepEqual(left.slice(-5), backups.slice(3));
    for (const work of ['backup', 'dump'] as const) {
      await releaseLeaseOf(source.store, 'main', work, { execution: executionArn('test', 'one'), now: new Date() });
    }
    assertWorked(await tasks.run('expire', { input }));
    assert.deepEqual(await requireWhole(source.store), backups.slice(3));
    assert.equal((await lasting(source.store)).length, before - 53);
  }
});
