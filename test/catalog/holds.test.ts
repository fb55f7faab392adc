import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { putHold, readHolds } from '#catalog/holds';
import { storeKinds } from '#harness/stores';
import { backupId } from '#model/backup-id';
import { dumpId } from '#model/dump-id';
import type { Hold } from '#model/retention-record';
import type { ObjectStore } from '#store/object-store';

const at = (minutes: number): Date => new Date(Date.UTC(2026, 10, 20, 5, minutes));
const backup = backupId(at(0), 'full');
const dump = dumpId(at(0), 'dump');

for (const [kind, open] of storeKinds) {
  describe(`holds in ${kind}`, () => {
    let store: ObjectStore;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    const say = (id: Hold['id'], minutes: number, more: Partial<Hold> = {}) =>
      putHold(store, {
        ...{ format: 'lifeboat-hold/1', source: 'orders', id, state: 'held', reason: 'audit', by: 'ada' },
        ...{ at: at(minutes).toISOString(), until: null, ...more },
      });
    const held = async (minutes: number) => (await readHolds(store, 'orders', at(minutes))).map(({ id }) => id);

    test('are in force until somebody releases them, and the newest word counts', async () => {
      await say(backup, 1);
      await say(dump, 2);
      assert.deepEqual(await held(3), [dump, backup]);
      await say(backup, 4, { state: 'released', reason: 'over' });
      assert.deepEqual(await held(5), [dump]);
      await say(backup, 6);
      assert.deepEqual(await held(7), [dump, backup]);
    });

    test('end by themselves', async () => {
      await say(backup, 1, { until: at(10).toISOString() });
      assert.deepEqual(await held(9), [backup]);
      assert.deepEqual(await held(10), []);
    });

    test('said in the same millisecond are both kept, and the later one counts', async () => {
      const first = await say(backup, 1);
      const second = await say(backup, 1, { state: 'released' });
      assert.ok(first < second);
      assert.deepEqual(await held(2), []);
    });

    test('of another source are none of this one', async () => {
      await say(backup, 1, { source: 'orders-archive' });
      assert.deepEqual(await held(2), []);
    });

    test('that cannot be read are not taken for none', async () => {
      const key = await say(backup, 1);
      await store.put(key.replace('.json', '0.json'), Buffer.from('{}'));
      await assert.rejects(held(2), { name: 'ObjectDamaged', subject: key.replace('.json', '0.json') });
    });
  });
}
