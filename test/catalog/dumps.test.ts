import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  catalogDump,
  commitDump,
  findDumps,
  readDump,
  readDumpCatalog,
  rebuildDumps,
  recordDumpProof,
  removeDumps,
} from '#catalog/dumps';
import { countedStore } from '#harness/counted-store';
import { storeKinds } from '#harness/stores';
import { type DumpId, dumpId } from '#model/dump-id';
import { type DumpManifest, parseDumpManifest } from '#model/dump-manifest';
import { type DumpProof, dumpNotProven } from '#model/dump-proof';
import { InputInvalid, ObjectDamaged, ObjectMissing } from '#model/failure';
import { dumpCatalogKey, dumpManifestKey, dumpObjectKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const golden = parseDumpManifest(
  readFileSync(new URL('../golden/dump-manifest.json', import.meta.url), 'utf8'),
  'golden',
);

/** The dump of the source `orders` on that day of November. */
function dumpOfDay(day: number, over: Partial<DumpManifest> = {}): DumpManifest {
  const startedAt = new Date(Date.UTC(2026, 10, day, 3));
  return { ...golden, dump: dumpId(startedAt, 'dump'), startedAt: startedAt.toISOString(), ...over };
}

function proofOf({ source, dump }: DumpManifest, verdict: DumpProof['verdict'], minute: number): DumpProof {
  const at = new Date(Date.UTC(2026, 10, 25, 4, minute)).toISOString();
  const failure = { name: 'RestoreFailed', message: 'it broke' };
  const record = dumpNotProven({ source, dump, failure, execution: `arn:${minute}`, startedAt: at, finishedAt: at });
  const ok = verdict === 'verified' || verdict === 'proven';
  return { ...record, verdict, ok, ...(ok ? { failure: null } : {}) };
}

const put = (store: ObjectStore, key: string, text: string) => store.put(key, Buffer.from(text));
const ids = (dumps: readonly { dump: DumpId }[]) => dumps.map(({ dump }) => dump);

for (const [kind, open] of storeKinds) {
  describe(`dumps in ${kind}`, () => {
    async function scene(t: { after(end: () => unknown): void }) {
      const { store, close } = await open();
      t.after(close);
      return store;
    }

    test('are committed once, and read back as they were', async (t) => {
      const store = await scene(t);
      const manifest = dumpOfDay(20);
      await commitDump(store, manifest);
      assert.deepEqual(await readDump(store, 'orders', manifest.dump), manifest);
      await assert.rejects(commitDump(store, manifest), ObjectDamaged);
      await assert.rejects(readDump(store, 'orders', dumpOfDay(21).dump), InputInvalid);
    });

    test('that are gone, or not what they should be, are no answer', async (t) => {
      const store = await scene(t);
      const [gone, other, torn] = [dumpOfDay(20), dumpOfDay(21), dumpOfDay(22)];
      await commitDump(store, gone);
      await catalogDump(store, gone);
      await store.delete(dumpManifestKey('orders', gone.dump));
      await assert.rejects(readDump(store, 'orders', gone.dump), ObjectMissing);
      await put(store, dumpManifestKey('orders', other.dump), JSON.stringify(gone));
      await assert.rejects(readDump(store, 'orders', other.dump), /is the manifest of orders\/20261120/);
      await put(store, dumpManifestKey('orders', torn.dump), '{');
      await assert.rejects(readDump(store, 'orders', torn.dump), ObjectDamaged);
    });

    test('are found by their folders: committed, uncommitted and unreadable ones', async (t) => {
      const store = await scene(t);
      const [known, unknown, begun, torn] = [dumpOfDay(20), dumpOfDay(21), dumpOfDay(22), dumpOfDay(23)];
      for (const manifest of [known, unknown]) await commitDump(store, manifest);
      await catalogDump(store, known);
      await put(store, dumpObjectKey('orders', begun.dump, '0000.dump.000000'), 'half');
      await put(store, dumpManifestKey('orders', torn.dump), '{');
      const states = (await findDumps(store, 'orders')).map(({ id, state }) => [id, state]);
      assert.deepEqual(states, [
        [known.dump, 'committed'],
        [unknown.dump, 'committed'],
        [begun.dump, 'uncommitted'],
        [torn.dump, 'unreadable'],
      ]);
      const since = new Date(begun.startedAt);
      assert.deepEqual(
        (await findDumps(store, 'orders', { begunSince: since })).map(({ id }) => id),
        [begun.dump, torn.dump],
      );
      const rebuilt = await rebuildDumps(store, 'orders');
      assert.deepEqual(
        rebuilt.map(({ state }) => state),
        ['committed', 'committed', 'uncommitted', 'unreadable'],
      );
      assert.deepEqual(ids((await readDumpCatalog(store, 'orders')).dumps), [known.dump, unknown.dump]);
    });

    test('that the catalog knows cost one listing, however many they are', async (t) => {
      const store = await scene(t);
      for (const day of [1, 2, 3, 4, 5]) {
        const manifest = dumpOfDay(day);
        await commitDump(store, manifest);
        await catalogDump(store, manifest);
      }
      const counted = countedStore(store);
      assert.equal((await findDumps(counted.store, 'orders')).length, 5);
      assert.deepEqual(counted.counts, { head: 0, get: 1, put: 0, listed: 5 });
    });

    test('are as good as the records of them say, in whatever order and however often they come', async (t) => {
      const store = await scene(t);
      const manifest = dumpOfDay(20);
      await commitDump(store, manifest);
      const entry = async () => (await readDumpCatalog(store, 'orders')).dumps[0]!;
      const proofs = [proofOf(manifest, 'proven', 2), proofOf(manifest, 'broken', 1), proofOf(manifest, 'verified', 3)];
      const keys = [];
      for (const proof of [...proofs, ...proofs]) keys.push(await recordDumpProof(store, proof));
      assert.equal(new Set(keys).size, 3);
      assert.deepEqual([(await entry()).state, (await entry()).provedAt], ['proven', proofs[0]!.finishedAt]);
      await catalogDump(store, manifest);
      assert.equal((await entry()).state, 'proven');
      await recordDumpProof(store, proofOf(manifest, 'not carried out', 4));
      await recordDumpProof(store, proofOf(manifest, 'broken', 5));
      assert.deepEqual([(await entry()).state, (await entry()).failure], ['broken', 'it broke']);
    });

    test('of two executions that end in the same millisecond both are recorded', async (t) => {
      const store = await scene(t);
      const manifest = dumpOfDay(20);
      await commitDump(store, manifest);
      const proof = proofOf(manifest, 'proven', 1);
      const other = { ...proofOf(manifest, 'broken', 1), execution: 'arn:other' };
      assert.notEqual(await recordDumpProof(store, proof), await recordDumpProof(store, other));
      assert.equal((await readDumpCatalog(store, 'orders')).dumps[0]!.state, 'broken');
    });

    test('are all in the catalog when many are recorded at once', async (t) => {
      const store = await scene(t);
      const all = [1, 2, 3, 4, 5, 6].map((day) => dumpOfDay(day));
      await Promise.all(all.map((manifest) => commitDump(store, manifest)));
      await Promise.all(
        all.flatMap((manifest) => [
          catalogDump(store, manifest),
          recordDumpProof(store, proofOf(manifest, 'proven', 1)),
        ]),
      );
      const { dumps } = await readDumpCatalog(store, 'orders');
      assert.deepEqual(ids(dumps), ids(all));
      assert.ok(dumps.every(({ state }) => state === 'proven'));
    });

    test('make the same catalog anew from the bucket alone, and leave it when they expire', async (t) => {
      const store = await scene(t);
      const all = [1, 2, 3].map((day) => dumpOfDay(day));
      for (const manifest of all) {
        await commitDump(store, manifest);
        await catalogDump(store, manifest);
      }
      await recordDumpProof(store, proofOf(all[1]!, 'proven', 1));
      const before = await readDumpCatalog(store, 'orders');
      await store.delete(dumpCatalogKey('orders'));
      await rebuildDumps(store, 'orders');
      assert.deepEqual(await readDumpCatalog(store, 'orders'), before);
      const [expired, ...kept] = all;
      await store.delete(dumpManifestKey('orders', expired!.dump));
      await removeDumps(store, 'orders', [expired!.dump]);
      await recordDumpProof(store, proofOf(expired!, 'proven', 2));
      assert.deepEqual(ids((await readDumpCatalog(store, 'orders')).dumps), ids(kept));
    });
  });
}
