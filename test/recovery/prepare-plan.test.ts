import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countedStore, type RequestCounts } from '#harness/counted-store';
import { StoredSource } from '#harness/stored-source';
import { TargetUnreachable } from '#model/failure';
import { parseObjectKey } from '#model/object-key';
import { parseTarget } from '#model/recovery-target';
import { preparePlan } from '#recovery/prepare-plan';
import { readBack } from '#recovery/read-back';
import { backupFolder } from '#store/bucket-layout';

const signal = AbortSignal.timeout(300_000);

/** A source with so many days of backups and commits behind it, all of it read back. */
async function aged(days: number): Promise<StoredSource> {
  const source = await StoredSource.create();
  for (let day = 0; day < days; day++) {
    await source.backup();
    for (let hour = 0; hour < 4; hour++) await source.commit();
    await source.fillSegment();
    source.pass(1430);
  }
  await readAllBack(source);
  return source;
}

async function readAllBack({ store, world, name }: StoredSource): Promise<void> {
  for await (const { key } of store.list(`${name}/`)) {
    const object = parseObjectKey(key);
    if (object?.kind === 'wal') await readBack(world.vault, object, { now: world.now, signal });
  }
}

async function plan({ store, name }: StoredSource, target: object) {
  const counted = countedStore(store);
  const { plan: made, hash } = await preparePlan(
    { store: counted.store, keyRing: undefined },
    name,
    parseTarget(target),
    signal,
  );
  return { plan: made, hash, counts: counted.counts };
}

describe('what a plan costs', () => {
  let young: StoredSource;
  let old: StoredSource;
  before(async () => {
    [young, old] = [await aged(6), await aged(24)];
  });
  after(() => {
    young?.remove();
    old?.remove();
  });

  test('does not grow with the age of what is stored', async () => {
    const counts: RequestCounts[] = [];
    for (const source of [young, old]) counts.push((await plan(source, { latest: true })).counts);
    assert.deepEqual(counts[1], counts[0]);
  });

  test('is the same plan as one for which everything was listed', async () => {
    const byCatalog = await plan(old, { latest: true });
    const { store } = old;
    await store.delete('catalog/main/wal.json');
    const byListing = await plan(old, { latest: true });
    assert.deepEqual(byListing.plan, byCatalog.plan);
    assert.equal(byListing.hash, byCatalog.hash);
    assert.ok(byListing.counts.listed > byCatalog.counts.listed + 50, JSON.stringify(byListing.counts));
  });
});

describe('what the catalog believes and is not there', () => {
  let source: StoredSource;
  before(async () => {
    source = await aged(5);
  });
  after(() => source?.remove());

  test('is not planned with: WAL that was deleted behind its back makes another plan, or none', async () => {
    const first = await plan(source, { latest: true });
    assert.equal(first.plan.wal.until, source.end);
    const keys: string[] = [];
    for await (const { key } of source.store.list('main/wal/')) keys.push(key);
    await source.store.delete(keys.at(-3)!);
    await assert.rejects(plan(source, { latest: true }), (error: Error) => {
      assert.ok(error instanceof TargetUnreachable);
      assert.match(error.message, /the latest point is out of reach: WAL ends at /);
      return true;
    });
  });

  test('is not planned with: a backup of long ago, which is not listed any more, was deleted', async () => {
    const aging = await aged(6);
    try {
      const folders: string[] = [];
      for await (const folder of aging.store.folders('main/backups/')) folders.push(folder.slice(0, -1));
      const backup = folders[1]!;
      const target = { immediate: true, backup };
      assert.deepEqual((await plan(aging, target)).plan.chain, [backup]);
      for await (const { key } of aging.store.list(`main/backups/${backup}/`)) await aging.store.delete(key);
      await assert.rejects(plan(aging, target), /is no committed backup of main/);
    } finally {
      aging.remove();
    }
  });

  test('is not planned with: a backup that was deleted is passed over', async () => {
    const before = await plan(source, { immediate: true });
    const [newest] = before.plan.chain.slice(-1);
    const keys = await Array.fromAsync(source.store.list(backupFolder('main', newest!)), ({ key }) => key);
    for (const key of keys) await source.store.delete(key);
    const { plan: other } = await plan(source, { immediate: true });
    assert.notDeepEqual(other.chain, before.plan.chain);
  });
});
