import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keepLook, noteAutomatic, notePlan, readFailoverStanding } from '#catalog/failover-standing';
import { ago, standingOf } from '#harness/move-scene';
import { storeKinds } from '#harness/stores';
import type { FailoverStanding } from '#model/failover-standing';

const look = (secondsAgo: number, primary: string): FailoverStanding =>
  standingOf({ at: ago(secondsAgo).toISOString(), primary });

for (const [kind, open] of storeKinds) {
  describe(kind, () => {
    test('of two that looked at the same time, the first one counts', async (t) => {
      const { store, close } = await open();
      t.after(close);
      await keepLook(store, undefined, look(60, 'east'));
      await keepLook(store, undefined, look(59, 'west'));
      assert.equal((await readFailoverStanding(store, 'shop'))?.primary, 'east');
      await keepLook(store, look(60, 'east'), look(0, 'west'));
      assert.equal((await readFailoverStanding(store, 'shop'))?.primary, 'west');
    });

    test('what moves note stays, whenever it is looked; of plans the newest ten', async (t) => {
      const { store, close } = await open();
      t.after(close);
      const automatic = { at: ago(0).toISOString(), execution: 'one' };
      await noteAutomatic(store, 'shop', automatic);
      for (let number = 0; number < 12; number++) await notePlan(store, 'shop', { hash: `${number}`, decided: '{}' });
      await notePlan(store, 'shop', { hash: '5', decided: '{}' });
      await keepLook(store, undefined, look(60, 'east'));
      const kept = (await readFailoverStanding(store, 'shop'))!;
      assert.deepEqual([kept.primary, kept.automatic], ['east', automatic]);
      assert.deepEqual(
        kept.plans.map(({ hash }) => hash),
        ['5', '11', '10', '9', '8', '7', '6', '4', '3', '2'],
      );
    });

    test('what is no standing counts as none, and is replaced', async (t) => {
      const { store, close } = await open();
      t.after(close);
      await store.put('catalog/failover/shop.json', Buffer.from('{"format":"other"}'));
      assert.equal(await readFailoverStanding(store, 'shop'), undefined);
      await keepLook(store, undefined, look(0, 'east'));
      assert.equal((await readFailoverStanding(store, 'shop'))?.primary, 'east');
    });
  });
}
