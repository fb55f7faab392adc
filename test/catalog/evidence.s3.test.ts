import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, beforeEach, describe, test } from 'node:test';
import { readEvidence, rebuildEvidenceEnd, recordEvidence } from '#catalog/evidence';
import { verifyEvidence } from '#catalog/verify-evidence';
import { storeKinds } from '#harness/stores';
import type { Deed } from '#model/evidence';
import { evidenceEndKey, evidenceFolder, evidenceIdKey, evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const deed = (id: string): Deed => ({
  id,
  who: 'ada',
  what: `did ${id}`,
  source: 'orders',
  when: '2026-11-20T05:13:45.000Z',
  outcome: 'succeeded',
  execution: null,
  planHash: null,
  approval: null,
});

for (const [name, open] of storeKinds) {
  describe(`evidence in ${name}`, () => {
    let store: ObjectStore;
    let close: () => Promise<void>;
    beforeEach(async () => {
      await close?.();
      ({ store, close } = await open());
    });
    after(() => close());
    const record = (id: string) => recordEvidence(store, deed(id));
    const bytesOf = (sequence: number) => readObject(store, evidenceKey(sequence), { maxBytes: 1 << 20 });
    const ids = async () => (await Array.fromAsync(readEvidence(store))).map(({ id }) => id);

    test('is a chain of records, each with the digest of the one before', async () => {
      assert.deepEqual(await record('a'), { key: 'evidence/000000000001.json', sequence: 1, again: false });
      await record('b');
      const [first, second] = await Array.fromAsync(readEvidence(store));
      assert.equal(first!.previous, null);
      assert.equal(
        second!.previous,
        createHash('sha256')
          .update(await bytesOf(1))
          .digest('hex'),
      );
      assert.deepEqual(await verifyEvidence(store), { ok: true, records: 2 });
    });

    test('takes what has the same id once', async () => {
      await record('a');
      await record('b');
      assert.deepEqual(await record('a'), { key: evidenceKey(1), sequence: 1, again: true });
      assert.deepEqual(await ids(), ['a', 'b']);
    });

    test('takes what a note of its id says of another record, or of one that is not there', async () => {
      await record('a');
      const note = (id: string, sequence: number) =>
        store.put(
          evidenceIdKey(createHash('sha256').update(id).digest('hex')),
          Buffer.from(JSON.stringify({ sequence })),
        );
      await note('b', 1);
      await note('c', 7);
      assert.deepEqual(await record('b'), { key: evidenceKey(2), sequence: 2, again: false });
      assert.deepEqual(await record('c'), { key: evidenceKey(3), sequence: 3, again: false });
      assert.equal((await record('b')).again, true);
      assert.deepEqual(await ids(), ['a', 'b', 'c']);
    });

    test('takes it once, too, when its writer died before it could note that', async () => {
      await record('a');
      await store.delete(evidenceIdKey(createHash('sha256').update('a').digest('hex')));
      assert.equal((await record('a')).again, true);
      await record('b');
      await store.delete(evidenceIdKey(createHash('sha256').update('b').digest('hex')));
      await store.delete(evidenceEndKey);
      assert.deepEqual(await record('b'), { key: evidenceKey(2), sequence: 2, again: true });
    });

    test('of writers at the same time is consecutive, with every id once', async () => {
      const all = Array.from({ length: 12 }, (_, n) => `deed ${n}`);
      const outcomes = await Promise.all([...all, ...all].map(record));
      assert.deepEqual((await ids()).sort(), [...all].sort());
      assert.equal(outcomes.filter(({ again }) => !again).length, all.length);
      for (const [index, id] of all.entries()) {
        const numbers = outcomes.filter((_, at) => [...all, ...all][at] === id).map(({ sequence }) => sequence);
        assert.equal(new Set(numbers).size, 1, `${id} ${index}`);
      }
      assert.deepEqual(await verifyEvidence(store), { ok: true, records: all.length });
    });

    test('tells the first record that was changed, taken out, put in or cut off', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await record(id);
      const [second, third, fourth] = [await bytesOf(2), await bytesOf(3), await bytesOf(4)];
      const problemAfter = async (change: () => Promise<unknown>) => {
        await change();
        const outcome = await verifyEvidence(store);
        assert.ok(!outcome.ok);
        await store.put(evidenceKey(2), second);
        await store.put(evidenceKey(3), third);
        await store.put(evidenceKey(4), fourth);
        assert.ok((await verifyEvidence(store)).ok);
        return [outcome.key, outcome.records, outcome.problem] as const;
      };
      const changed = Buffer.from(second.toString().replace('did b', 'did x'));
      const [key, good, problem] = await problemAfter(() => store.put(evidenceKey(2), changed));
      assert.deepEqual([key, good], [evidenceKey(2), 1]);
      assert.match(problem, /^was changed: its SHA-256 is .*, the record behind it says /);
      const gone = await problemAfter(() => store.delete(evidenceKey(2)));
      assert.deepEqual(gone, [evidenceKey(2), 1, `is missing, and ${evidenceKey(3)} is there`]);
      const cut = await problemAfter(() => store.delete(evidenceKey(4)));
      assert.deepEqual(cut, [evidenceKey(4), 3, `is missing: ${evidenceEndKey} knows records up to 4`]);
      const last = await problemAfter(() =>
        store.put(evidenceKey(4), Buffer.from(fourth.toString().replace('did d', 'did x'))),
      );
      assert.match(last[2], /was changed: its SHA-256 is/);
      const moved = await problemAfter(() => store.put(evidenceKey(3), fourth));
      assert.deepEqual([moved[0], moved[2]], [evidenceKey(3), 'says that it is record 4']);
      assert.match((await problemAfter(() => store.put(evidenceKey(2), Buffer.from('{'))))[2], /^is no evidence: /);
    });

    test('finds its end without going through all of it', async () => {
      for (let n = 0; n < 5; n++) await record(`${n}`);
      const read: string[] = [];
      const counting = new Proxy(store, {
        get: (target, member: keyof ObjectStore) => {
          const value = target[member];
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            if (member === 'get') read.push(String(args[0]));
            return (value as (...given: unknown[]) => unknown).apply(target, args);
          };
        },
      });
      await recordEvidence(counting, deed('one more'));
      assert.deepEqual(
        read.filter((key) => key.startsWith(evidenceFolder)),
        [],
      );
      await store.delete(evidenceEndKey);
      await rebuildEvidenceEnd(store);
      assert.deepEqual(await verifyEvidence(store), { ok: true, records: 6 });
      assert.equal((await record('next')).sequence, 7);
    });
  });
}
