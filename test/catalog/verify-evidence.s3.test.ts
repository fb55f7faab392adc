import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { recordEvidence } from '#catalog/evidence';
import { signEvidence } from '#catalog/sign-evidence';
import { verifyEvidence } from '#catalog/verify-evidence';
import { dayOf, deed, ownSigner, storeSignedDays } from '#harness/signed-evidence';
import { type OpenedStore, storeKinds } from '#harness/stores';
import { digestOf } from '#model/evidence';
import { evidenceEndKey, evidenceHeadKey, evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

const owner = ownSigner();
const stranger = ownSigner();
const trust = { keys: [owner.publicKey], now: dayOf(24) };

for (const [name, open] of storeKinds) {
  describe(`signed evidence in ${name}`, () => {
    let opened: OpenedStore;
    let store: ObjectStore;
    let whole: Map<string, Buffer>;
    before(async () => {
      opened = await open();
      ({ store } = opened);
      await storeSignedDays(store, owner, 3);
      whole = await everything();
    });
    beforeEach(async () => {
      for (const key of (await everything()).keys()) await store.delete(key);
      for (const [key, bytes] of whole) await store.put(key, bytes);
    });
    after(() => opened.close());

    const bytesOf = (key: string) => readObject(store, key, { maxBytes: 1 << 20 });
    async function everything(): Promise<Map<string, Buffer>> {
      const keys = await Array.fromAsync(store.list(''), ({ key }) => key);
      return new Map(await Promise.all(keys.map(async (key) => [key, await bytesOf(key)] as const)));
    }
    const json = async (key: string) => JSON.parse((await bytesOf(key)).toString());
    const put = (key: string, content: object) => store.put(key, Buffer.from(`${JSON.stringify(content, null, 2)}\n`));
    const edit = async (key: string, change: object) => put(key, { ...(await json(key)), ...change });
    /** What the catalog says of the end is no secret: whoever may write to the bucket writes it, too. */
    const editEnd = async (change: object) => put(evidenceEndKey, { ...(await json(evidenceEndKey)), ...change });
    /** From a record on, as somebody without the key can. */
    async function chainAnew(from: number, to: number): Promise<void> {
      let previous = digestOf(await bytesOf(evidenceKey(from - 1)));
      for (let sequence = from; sequence <= to; sequence++) {
        await edit(evidenceKey(sequence), { sequence, previous });
        previous = digestOf(await bytesOf(evidenceKey(sequence)));
      }
      await editEnd({ sequence: to, digest: previous });
    }

    async function found(): Promise<string[]> {
      const check = await verifyEvidence(store, trust);
      return check.ok ? [] : check.findings.map(({ found: what, key }) => `${what} ${key}`);
    }

    test('is as it was written, and says how far it is signed', async () => {
      assert.deepEqual(await verifyEvidence(store, trust), {
        ok: true,
        records: 6,
        heads: {
          count: 3,
          newest: { date: '2026-11-23', sequence: 6, keyId: owner.keyId },
          trusted: true,
          daysWithout: [],
        },
      });
    });

    test('1: a record that was taken out is named', async () => {
      await store.delete(evidenceKey(3));
      assert.deepEqual(await found(), [`removed ${evidenceKey(3)}`]);
    });

    test('2: a record that was changed is named, and not the one behind it', async () => {
      await edit(evidenceKey(3), { who: 'nobody' });
      assert.deepEqual(await found(), [`changed ${evidenceKey(3)}`]);
      await store.put(evidenceKey(3), whole.get(evidenceKey(3))!);
      await edit(evidenceKey(6), { who: 'nobody' });
      assert.deepEqual(await found(), [`rewritten ${evidenceKey(6)}`, `changed ${evidenceKey(6)}`]);
    });

    test('3: a record that was put in is named, whether the others moved up or got new numbers', async () => {
      const shift = async (change: (sequence: number) => object) => {
        for (let sequence = 6; sequence >= 3; sequence--) {
          const bytes = whole.get(evidenceKey(sequence))!;
          await put(evidenceKey(sequence + 1), { ...JSON.parse(bytes.toString()), ...change(sequence + 1) });
        }
        await put(evidenceKey(3), { ...(await json(evidenceKey(3))), id: 'never', who: 'nobody' });
      };
      await shift(() => ({}));
      assert.deepEqual(await found(), [`inserted ${evidenceKey(3)}`]);
      await shift((sequence) => ({ sequence }));
      assert.deepEqual(await found(), [`inserted ${evidenceKey(3)}`]);
    });

    test('3b: so is an object that has no number', async () => {
      await put(`${evidenceKey(3).replace('.json', '')}-b.json`, {});
      assert.deepEqual(await found(), ['inserted evidence/000000000003-b.json']);
    });

    test('4: two that changed places are named', async () => {
      await store.put(evidenceKey(2), whole.get(evidenceKey(4))!);
      await store.put(evidenceKey(4), whole.get(evidenceKey(2))!);
      const check = await verifyEvidence(store, trust);
      assert.ok(!check.ok);
      assert.deepEqual([check.found, check.key], ['reordered', evidenceKey(2)]);
      assert.match(check.problem, /it and evidence\/000000000004\.json have changed places/);
    });

    test('5: a tail that was cut off is named, by the catalog and by what was signed', async () => {
      for (const sequence of [5, 6]) await store.delete(evidenceKey(sequence));
      assert.deepEqual(await found(), [`cut off ${evidenceKey(5)}`]);
      await editEnd({ sequence: 4, digest: digestOf(await bytesOf(evidenceKey(4))) });
      const check = await verifyEvidence(store, trust);
      assert.ok(!check.ok);
      assert.deepEqual([check.found, check.key], ['cut off', evidenceKey(5)]);
      assert.match(check.problem, /2026-11-23\.json signs records up to 6/);
    });

    test('6: a head that was changed is named, whatever of it was', async () => {
      for (const change of [{ sequence: 3 }, { digest: 'ab'.repeat(32) }, { at: '2026-11-22T00:11:00.000Z' }]) {
        await edit(evidenceHeadKey('2026-11-22'), change);
        assert.deepEqual(await found(), [`head changed ${evidenceHeadKey('2026-11-22')}`]);
      }
      await store.put(evidenceHeadKey('2026-11-22'), whole.get(evidenceHeadKey('2026-11-21'))!);
      assert.deepEqual(await found(), [`head changed ${evidenceHeadKey('2026-11-22')}`]);
    });

    test('7: a head that was taken out is named, the newest one, too', async () => {
      await store.delete(evidenceHeadKey('2026-11-22'));
      assert.deepEqual(await found(), [`head removed ${evidenceHeadKey('2026-11-23')}`]);
      await store.put(evidenceHeadKey('2026-11-22'), whole.get(evidenceHeadKey('2026-11-22'))!);
      await store.delete(evidenceHeadKey('2026-11-23'));
      assert.deepEqual(await found(), [`head removed ${evidenceHeadKey('2026-11-23')}`]);
    });

    test('8: a chain that somebody without the key made anew is named by the first signature that it does not fit', async () => {
      await edit(evidenceKey(3), { who: 'nobody' });
      await chainAnew(4, 6);
      const check = await verifyEvidence(store, trust);
      assert.ok(!check.ok);
      assert.deepEqual([check.found, check.key], ['rewritten', evidenceKey(4)]);
      assert.match(check.problem, /somewhere from record 3 on the chain was made anew/);
      assert.equal(check.records, 2);
      for (const day of [22, 23]) await store.delete(evidenceHeadKey(`2026-11-${day}`));
      const { head: _, ...end } = await json(evidenceEndKey);
      await put(evidenceEndKey, end);
      assert.deepEqual((await verifyEvidence(store)).ok, true, 'without signatures nobody sees it');
    });

    test('9: so is one with signatures of a key that is none of ours', async () => {
      await edit(evidenceKey(3), { who: 'nobody' });
      await chainAnew(4, 6);
      for (const day of [21, 22, 23]) await store.delete(evidenceHeadKey(`2026-11-${day}`));
      const { head: _, ...end } = await json(evidenceEndKey);
      await put(evidenceEndKey, end);
      assert.deepEqual(await found(), ['unsigned evidence-heads/']);
      await signEvidence(store, stranger, dayOf(23));
      const check = await verifyEvidence(store, trust);
      assert.ok(!check.ok);
      assert.deepEqual([check.found, check.key], ['head forged', evidenceHeadKey('2026-11-23')]);
      assert.ok((await verifyEvidence(store)).ok, 'which nobody sees who does not say whose signature counts');
    });

    test('10: a tail that went with all its signatures is told by the days since the newest one', async () => {
      for (const sequence of [3, 4, 5, 6]) await store.delete(evidenceKey(sequence));
      for (const day of [22, 23]) await store.delete(evidenceHeadKey(`2026-11-${day}`));
      const digest = digestOf(await bytesOf(evidenceHeadKey('2026-11-21')));
      await editEnd({
        sequence: 2,
        digest: digestOf(await bytesOf(evidenceKey(2))),
        head: { date: '2026-11-21', digest },
      });
      assert.deepEqual(await found(), [`unsigned ${evidenceHeadKey('2026-11-21')}`]);
    });

    test('nothing is signed behind a break, and what stands there is not signed again', async () => {
      await recordEvidence(store, deed('x'));
      await recordEvidence(store, deed('y'));
      await edit(evidenceKey(7), { who: 'nobody' });
      await assert.rejects(signEvidence(store, owner, dayOf(24)), {
        name: 'ObjectDamaged',
        message: /evidence is not signed: evidence\/000000000007\.json was changed/,
      });
      await edit(evidenceKey(6), { who: 'nobody' });
      await assert.rejects(signEvidence(store, owner, dayOf(24)), /000000000006\.json is not what was signed in/);
    });

    test('a day is signed once, by whoever comes first', async () => {
      await recordEvidence(store, deed('x'));
      const outcomes = await Promise.all([1, 2, 3].map(() => signEvidence(store, owner, dayOf(24))));
      assert.equal(outcomes.filter(({ again }) => !again).length, 1);
      assert.deepEqual(new Set(outcomes.map(({ key }) => key)), new Set([evidenceHeadKey('2026-11-24')]));
      const bytes = await bytesOf(evidenceHeadKey('2026-11-24'));
      assert.equal((await signEvidence(store, owner, dayOf(24))).again, true);
      assert.deepEqual(await bytesOf(evidenceHeadKey('2026-11-24')), bytes);
      assert.deepEqual(await found(), []);
    });

    test('a day without a new record is signed, too, and one on which nobody could is told', async () => {
      assert.deepEqual(await signEvidence(store, owner, dayOf(25)), {
        ...{ key: evidenceHeadKey('2026-11-25'), sequence: 6, again: false },
      });
      const check = await verifyEvidence(store, { ...trust, now: dayOf(25) });
      assert.deepEqual([check.ok, check.heads!.count, check.heads!.daysWithout], [true, 4, ['2026-11-24']]);
    });

    test('a head of today or of a day to come that the key did not sign is a failure, and nothing that was done', async () => {
      await recordEvidence(store, deed('x'));
      const end = await bytesOf(evidenceEndKey);
      for (const date of ['2026-11-24', '2999-01-01']) {
        await signEvidence(store, stranger, new Date(`${date}T00:10:00Z`));
        await store.put(evidenceEndKey, end);
        await assert.rejects(signEvidence(store, owner, dayOf(24)), {
          name: 'ObjectDamaged',
          message: new RegExp(`evidence-heads/${date}\\.json stands where .* is not signed by the key that signs`),
        });
        assert.deepEqual(await bytesOf(evidenceEndKey), end, 'nor is it noted');
        await store.delete(evidenceHeadKey(date));
      }
      await store.put(evidenceHeadKey('2999-01-01'), Buffer.from('{}'));
      await assert.rejects(signEvidence(store, owner, dayOf(24)), /2999-01-01\.json stands where/);
    });

    test('a clock that went back signs nothing older', async () => {
      await recordEvidence(store, deed('x'));
      assert.deepEqual(await signEvidence(store, owner, dayOf(19)), {
        ...{ key: evidenceHeadKey('2026-11-23'), sequence: 6, again: true },
      });
    });

    test('another key goes on where the first one ended, and both count', async () => {
      const next = ownSigner();
      await recordEvidence(store, deed('x'));
      await signEvidence(store, next, dayOf(24));
      const both = await verifyEvidence(store, { ...trust, keys: [next.publicKey, owner.publicKey] });
      assert.deepEqual([both.ok, both.heads!.newest!.keyId], [true, next.keyId]);
      const check = await verifyEvidence(store, { ...trust, keys: [next.publicKey] });
      assert.ok(!check.ok);
      assert.deepEqual(
        check.findings.map(({ found: what }) => what),
        ['head forged', 'head forged', 'head forged'],
      );
    });

    test('what is younger than two days need not be signed yet', async () => {
      for (const key of (await everything()).keys()) await store.delete(key);
      await recordEvidence(store, deed('x', { when: dayOf(22).toISOString() }));
      const at = async (now: Date) => (await verifyEvidence(store, { ...trust, now })).ok;
      assert.deepEqual([await at(dayOf(24)), await at(new Date(dayOf(24).getTime() + 1))], [true, false]);
    });

    test('with nothing recorded there is nothing to sign', async () => {
      for (const key of (await everything()).keys()) await store.delete(key);
      assert.deepEqual(await signEvidence(store, owner, dayOf(24)), { key: null, sequence: 0, again: false });
      assert.deepEqual(await found(), []);
    });
  });
}
