import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { committedBackups } from '#catalog/backups';
import { rebuildDumps } from '#catalog/dumps';
import { putHold } from '#catalog/holds';
import { acquireLease } from '#catalog/lease';
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
import { performExpire, planKeyOf, planPurgeAndPut, storeHistory } from '#harness/expiring-source';
import { storedDump } from '#harness/stored-dump';
import { StoredSource } from '#harness/stored-source';
import { storeKinds } from '#harness/stores';
import { type BackupId, backupId } from '#model/backup-id';
import type { DumpId } from '#model/dump-id';
import type { RetentionPlan } from '#model/retention-record';
import { historyKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

// dozens of buckets that live for a moment: in memory, where the machine has a place for files there
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const dayMs = 24 * 3_600_000;
// the same ids in every bucket; later than anything is stored
const beginMs = Math.ceil(Date.now() / dayMs) * dayMs + dayMs;
const systemId = '7710121666982256801';

/** A source without retention: a full backup every third day, a dump, what was never committed, and the history of a timeline. */
async function filled(
  store?: ObjectStore,
  days = 4,
): Promise<{ source: StoredSource; backups: BackupId[]; dump: DumpId }> {
  const vault = store && { store, keyRing: undefined };
  const source = await StoredSource.create(vault ? { vault } : {});
  source.now = new Date(beginMs);
  cleanups.push(() => source.remove());
  const manifests = await storeHistory(source, days);
  const { dump } = await storedDump(source);
  await source.store.put(`main/backups/${begun}/base.tar.000000`, Buffer.alloc(10));
  await source.store.put(historyKey('main', systemId, 2), Buffer.from('1\t0/400000\tno recovery target specified\n'));
  return { source, backups: manifests.map(({ backup }) => backup), dump };
}
const begun = backupId(new Date(beginMs - 3_600_000), 'full');

const hold = (source: StoredSource, id: BackupId | DumpId) =>
  putHold(source.store, {
    ...{ format: 'lifeboat-hold/1', source: 'main', id, state: 'held', reason: 'an audit', by: 'grace' },
    ...{ at: source.now.toISOString(), until: null },
  });

const purge = (source: StoredSource, plan: RetentionPlan, more: object = {}) =>
  performExpire(source, { execution: 'one', planHash: plan.hash, ...more });

const ofCatalog = ['backups', 'dumps', 'standing', 'wal'].map((name) => `catalog/main/${name}.json`);

for (const [kind, open] of storeKinds) {
  describe(`a purge, in ${kind}`, () => {
    test('leaves nothing of the source but timeline histories and lists of what is there, which are empty', async () => {
      const { store, close } = await open();
      cleanups.push(close);
      const { source, backups, dump } = await filled(store);
      await store.put('others/backups/x', Buffer.from('of another source'));
      const before = await lasting(store);
      const plan = await planPurgeAndPut(source, 'one');
      const result = await purge(source, plan);
      assert.deepEqual([result.backups, result.dumps, result.leftovers], [backups, [dump], [begun]]);
      const history = historyKey('main', systemId, 2);
      const after = await lasting(store);
      assert.deepEqual(after, [...ofCatalog, history, 'others/backups/x'].sort());
      assert.equal(before.length - after.length, result.objects);
      const kept = await projections(store);
      await rebuild(store);
      await rebuildDumps(store, 'main');
      assert.deepEqual(await projections(store), kept);
      assert.doesNotMatch(JSON.stringify(kept), /\d{8}T\d{9}Z|stretches":\[\{/);
    });

    test('leaves what is held, with all that it builds on and its WAL, and nothing else', async () => {
      const { store, close } = await open();
      cleanups.push(close);
      const { source, backups, dump } = await filled(store, 6);
      await hold(source, backups[1]!);
      await hold(source, dump);
      const plan = await planPurgeAndPut(source, 'one');
      assert.deepEqual(
        plan.keeps.map(({ id, rules }) => [id, rules]),
        [
          [backups[0], ['parent']],
          [backups[1], ['held']],
          [dump, ['held']],
        ],
      );
      await purge(source, plan);
      assert.deepEqual(await requireWhole(store), backups.slice(0, 2));
      const segments = (await keysIn(store, `main/wal/${systemId}/00000001/`)).map((key) => key.split('/').at(-1)!);
      assert.deepEqual(
        [...new Set(segments.map((name) => name.slice(0, 24)))],
        ['000000010000000000000003', '000000010000000000000004'],
      );
      assert.equal((await keysIn(store, 'main/dumps/')).length, 2);
    });
  });
}

test('killed after whichever delete, every backup that is left is whole, and begun again it ends where it would have', async () => {
  const begin = async () => {
    const scene = await filled(undefined, 4);
    await hold(scene.source, scene.backups[1]!);
    return { ...scene, plan: await planPurgeAndPut(scene.source, 'one') };
  };
  const undisturbed = await begin();
  await purge(undisturbed.source, undisturbed.plan);
  const expected = await ending(undisturbed.source.store);
  let deletes = 0;
  for (let died = true; died; deletes++) {
    const { source, backups, plan } = await begin();
    const store = dyingStore(source.store, deletes);
    died = await purge(source, plan, { store }).then(
      () => false,
      (failure: Error) => failure.message === 'killed' || Promise.reject(failure),
    );
    const left = await requireWhole(await copyOf(source));
    assert.deepEqual(left.slice(0, 2), backups.slice(0, 2), `after ${deletes} deletes`);
    await releaseLeases(source.store);
    // the task may be begun again, or somebody ask once more
    const execution = deletes % 2 === 0 ? 'one' : 'two';
    const again = deletes % 2 === 0 ? plan : await planPurgeAndPut(source, 'two');
    await purge(source, again, { execution });
    assert.deepEqual(await ending(source.store), expected, `after ${deletes} deletes`);
    assert.deepEqual(await requireWhole(source.store), backups.slice(0, 2));
    source.remove();
  }
  assert.ok(deletes > 30, `it was killed at ${deletes} points`);
});

/** Keys without the generation of what they are about, which a directory takes from its files. */
const ending = async (store: ObjectStore): Promise<string[]> =>
  (await lasting(store)).map((key) => key.replace(/-[0-9a-f]{16}\.json$/, '.json'));

test('WAL that was stored since it was planned stays, and what is said of it is what a rebuild would say', async () => {
  const { source } = await filled();
  const plan = await planPurgeAndPut(source, 'one');
  const keys = await keysIn(source.store, `main/wal/${systemId}/00000001/`);
  const later = new Date(Date.parse(plan.at) + 60_000);
  for (const key of keys.slice(-2)) await utimes(join(source.folder, 'bucket', key), later, later);
  await purge(source, plan);
  assert.deepEqual(await keysIn(source.store, `main/wal/${systemId}/00000001/`), keys.slice(-2));
  const kept = await projections(source.store);
  await rebuild(source.store);
  assert.deepEqual(JSON.stringify(await projections(source.store)), JSON.stringify(kept));
});

test('nobody backs the source up before its last WAL is gone', async () => {
  const { source } = await filled();
  const plan = await planPurgeAndPut(source, 'one');
  const refused: string[] = [];
  const store = new Proxy(source.store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'delete') return member.bind(target);
      return async (key: string) => {
        const taken = await acquireLease(target, 'main', 'backup', { holder: { host: 'elsewhere', pid: 1 } }).then(
          (lease) => lease.release().then(() => true),
          () => false,
        );
        if (!taken) refused.push(key);
        return target.delete(key);
      };
    },
  });
  const { objects, wal } = await purge(source, plan, { store });
  assert.equal(refused.length, objects);
  assert.ok(wal.pieces > 0);
});

const meanwhile: [what: string, happens: (source: StoredSource, backups: BackupId[]) => Promise<unknown>][] = [
  ['a backup was taken', (source) => source.backup()],
  ['one was held', (source, backups) => hold(source, backups[2]!)],
  ['what was never committed was', (source) => commitBegun(source)],
];
for (const [what, happens] of meanwhile)
  test(`nothing goes when ${what} since people were asked`, async () => {
    const { source, backups } = await filled();
    const plan = await planPurgeAndPut(source, 'one');
    source.pass(60);
    await happens(source, backups);
    const before = await lasting(source.store);
    const there = await committedBackups(source.store, 'main');
    await assert.rejects(purge(source, plan), { name: 'PlanChanged', hint: /lifeboat purge main --reason/ });
    assert.deepEqual(await lasting(source.store), before);
    assert.equal(there.length, (await committedBackups(source.store, 'main')).length);
  });

/** By whoever had begun it. */
async function commitBegun(source: StoredSource): Promise<void> {
  const { now } = source;
  source.now = new Date(beginMs - 3_600_000 - 60_000);
  const { backup } = await source.backup();
  assert.equal(backup, begun);
  source.now = now;
}

test('a dump that was taken since then stays, and hinders nothing', async () => {
  const { source } = await filled();
  const plan = await planPurgeAndPut(source, 'one');
  source.pass(60);
  const { dump } = await storedDump(source);
  await purge(source, plan);
  const folders = (await keysIn(source.store, 'main/')).filter((key) => !/leases|history$/.test(key));
  assert.deepEqual([...new Set(folders.map((key) => key.split('/').slice(0, 3).join('/')))], [`main/dumps/${dump}`]);
});

test('a plan that only says that it is a purge is none', async () => {
  const { source, backups } = await filled();
  const plan = await planPurgeAndPut(source, 'one');
  const { purge: _, ...changed } = plan;
  await source.store.put(planKeyOf('one'), Buffer.from(JSON.stringify(changed)));
  await assert.rejects(purge(source, plan), { name: 'ObjectDamaged' });
  assert.equal((await committedBackups(source.store, 'main')).length, backups.length);
});
