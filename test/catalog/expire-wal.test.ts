import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { expiredWal, forgetExpiredWal } from '#catalog/expire-wal';
import { readVerifiedWal } from '#catalog/wal-projection';
import { countedStore } from '#harness/counted-store';
import { storeKinds } from '#harness/stores';
import { damagedStore, position, StoredWal, sceneSegment, sceneSource, sceneSystem } from '#harness/verified-scene';
import type { BackupId } from '#model/backup-id';
import { formatLsn, type Lsn } from '#model/lsn';
import type { ReadBackObject } from '#model/object-key';
import type { WalRule } from '#model/retention-record';
import { readBack } from '#recovery/read-back';
import type { ObjectStore, StoredObject } from '#store/object-store';

const written = new Date('2026-11-20T05:00:00Z');
/** of the store's own clock, since it says when something was stored */
const [before, after] = [
  new Date(Date.now() - 3_600_000).toISOString(),
  new Date(Date.now() + 3_600_000).toISOString(),
];

for (const [kind, open] of storeKinds) {
  describe(`WAL that goes, in ${kind}`, () => {
    let store: ObjectStore;
    let close: () => Promise<void>;
    let stored: StoredWal;
    beforeEach(async () => {
      ({ store, close } = await open());
      stored = new StoredWal(store);
    });
    afterEach(() => close());

    const put = async (from: Lsn, to: Lsn, timeline = 1): Promise<ReadBackObject> =>
      stored.put(from, to, written, timeline);
    const segment = (number: number, timeline = 1) => put(position(number), position(number + 1), timeline);
    const chunk = (number: number, from: number, to: number) => put(position(number, from), position(number, to));
    const readAll = async (objects: ReadBackObject[], from = store) => {
      for (const object of objects) {
        const options = { now: () => new Date(), signal: AbortSignal.timeout(10_000) };
        await readBack({ store: from, keyRing: undefined }, object, options);
      }
    };
    const plan = { source: sceneSource, chunksBefore: before };
    const cut = (segments: number, more: object = {}): WalRule => ({
      ...{ systemId: sceneSystem, rule: 'cut', segmentSize: sceneSegment, before: formatLsn(position(segments)) },
      ...{ storedBefore: after, keep: [], ...more },
    });
    const goes = async (rule: WalRule, chunksBefore = before) => {
      const found = await Array.fromAsync(expiredWal(store, { ...plan, chunksBefore }, rule));
      return found.map(({ what, object }) => `${what} ${object.key.split('/').slice(3).join('/')}`);
    };
    const name = (number: number, timeline = 1) =>
      `0000000${timeline}/0000000${timeline}00000000${number.toString(16).toUpperCase().padStart(8, '0')}`;

    test('is what ends at or before the horizon, on whatever timeline; histories stay', async () => {
      for (const number of [3, 4, 5]) await segment(number);
      await chunk(6, 0, 0x100);
      await segment(4, 2);
      await stored.putHistory(2, `1\t${formatLsn(position(4))}\tno recovery target specified\n`);
      assert.deepEqual(await goes(cut(5)), [`piece ${name(3)}`, `piece ${name(4)}`, `piece ${name(4, 2)}`]);
      assert.deepEqual(await goes(cut(6)), [
        ...[3, 4, 5].map((number) => `piece ${name(number)}`),
        `piece ${name(4, 2)}`,
      ]);
      assert.deepEqual(await goes({ systemId: sceneSystem, rule: 'none', segmentSize: sceneSegment, why: '' }), []);
    });

    test('is not what was stored since, nor what an older backup needs', async () => {
      for (const number of [3, 4, 5, 6]) await segment(number);
      assert.deepEqual(await goes(cut(7, { storedBefore: before })), []);
      const keep = [
        { from: formatLsn(position(4)), to: formatLsn(position(5)), backup: 'a' as BackupId },
        { from: formatLsn(position(4)), to: formatLsn(position(6)), backup: 'b' as BackupId },
      ];
      assert.deepEqual(await goes(cut(7, { keep })), [`piece ${name(3)}`, `piece ${name(6)}`]);
    });

    test('is all of a system that no backup is left of, but nothing if any of it is of the window', async () => {
      for (const number of [3, 4]) await segment(number);
      await chunk(5, 0, 0x100);
      const all = (storedBefore: string): WalRule => ({ systemId: sceneSystem, rule: 'all', storedBefore });
      assert.deepEqual((await goes(all(after))).length, 3);
      assert.deepEqual(await goes(all(before)), []);
      assert.deepEqual(await goes({ ...all(after), systemId: '1' }), []);
      // the first of them was stored long ago, the others were not
      const [{ key }] = (await Array.fromAsync(store.list(`${sceneSource}/wal/`))) as [StoredObject];
      const { store: aged } = countedStore(store);
      aged.list = async function* (...args) {
        for await (const object of store.list(...args))
          yield object.key === key ? { ...object, lastModified: new Date(0) } : object;
      };
      assert.deepEqual(await Array.fromAsync(expiredWal(aged, plan, all(before))), []);
    });

    describe('chunks of a segment that is stored as a whole, too,', () => {
      const chunks = () => [`chunk ${name(5)}.00000000-00000100`, `chunk ${name(5)}.00000100-00000200`];
      const putBoth = async () => {
        await chunk(5, 0, 0x100);
        await chunk(5, 0x100, 0x200);
        await chunk(6, 0, 0x100);
        return segment(5);
      };

      test('go once it was read back as it was written', async () => {
        const whole = await putBoth();
        assert.deepEqual(await goes(cut(5), after), []);
        await readAll([whole]);
        assert.deepEqual(await goes(cut(5), after), chunks());
        const none: WalRule = { systemId: sceneSystem, rule: 'none', segmentSize: sceneSegment, why: '' };
        assert.deepEqual(await goes(none, after), chunks());
      });

      test('stay while they are young', async () => {
        await readAll([await putBoth()]);
        assert.deepEqual(await goes(cut(5), before), []);
      });

      test('stay when it is damaged', async () => {
        const whole = await putBoth();
        await readAll([whole], damagedStore(store, whole.key));
        assert.deepEqual(await goes(cut(5), after), []);
      });
    });

    test('is forgotten before it is deleted, but not what a whole segment still holds', async () => {
      const objects = [];
      for (const number of [3, 4, 5, 6, 7]) objects.push(await segment(number));
      await readAll(objects);
      const stretches = async () =>
        (await readVerifiedWal(store, sceneSource)).systems[0]!.timelines[0]!.stretches.map(
          ({ start, end, last }) => `${start}..${end} ${last.time}`,
        );
      const at = (number: number) => formatLsn(position(number));
      const keep = [{ from: at(4), to: at(5), backup: 'a' as BackupId }];
      const rules = { ...plan, chunksBefore: before, wal: [cut(6, { keep })] };
      const left = [`${at(4)}..${at(5)} 1970-01-01T00:00:00.000Z`, `${at(6)}..${at(8)} ${written.toISOString()}`];
      await forgetExpiredWal(store, rules);
      assert.deepEqual(await stretches(), left);
      await forgetExpiredWal(store, rules);
      assert.deepEqual(await stretches(), left);
      const all: WalRule = { systemId: sceneSystem, rule: 'all', storedBefore: after };
      await forgetExpiredWal(store, { ...rules, wal: [all] });
      assert.deepEqual((await readVerifiedWal(store, sceneSource)).systems, []);
    });

    test('is read from the listing one after the other', async () => {
      for (let number = 1; number <= 20; number++) await segment(number);
      const { store: counted, counts } = countedStore(store);
      for await (const _ of expiredWal(counted, plan, cut(21))) break;
      assert.equal(counts.listed, 1);
    });
  });
}
