import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, beforeEach, describe, test } from 'node:test';
import { commitBackup } from '#catalog/backups';
import { indexObject } from '#catalog/index-object';
import { readStanding } from '#catalog/standing';
import { readVerifiedWal, rebuildVerifiedWal, type VerifiedWal } from '#catalog/wal-projection';
import { storeKinds } from '#harness/stores';
import {
  damagedStore,
  position,
  StoredWal,
  sceneSegment,
  sceneSource,
  sceneSystem,
  someKeyRing,
} from '#harness/verified-scene';
import { KeyUnusable, StoreUnavailable } from '#model/failure';
import { type Manifest, parseManifest } from '#model/manifest';
import { parseObjectKey, type ReadBackObject } from '#model/object-key';
import type { WalHeader } from '#pipeline/wal-header';
import { writeContainer } from '#pipeline/write-container';
import { readBack } from '#recovery/read-back';
import { backupObjectKey, manifestKey, verifiedFolder, verifiedWalKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const options = { now: () => new Date('2026-11-20T06:00:00Z'), signal: AbortSignal.timeout(60_000) };
const time = new Date('2026-11-20T05:13:45Z');
const source = sceneSource;

const stretchesOf = (wal: VerifiedWal, timeline = 1): string[] =>
  wal.systems
    .flatMap(({ timelines }) => timelines.filter((one) => one.timeline === timeline))
    .flatMap(({ stretches }) => stretches.map(({ start, end }) => `${start}..${end}`));

function shuffled<T>(items: readonly T[], seed: number): T[] {
  return items
    .map((item, index) => ({ item, rank: Math.sin(seed * 97 + index * 131) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

for (const [name, open] of storeKinds) {
  describe(`in ${name}`, () => {
    let store: ObjectStore;
    let close: () => Promise<void>;
    const keyRing = someKeyRing();
    beforeEach(async () => {
      await close?.();
      ({ store, close } = await open());
    });
    after(() => close());

    const verify = (object: ReadBackObject, where = store) => readBack({ store: where, keyRing }, object, options);
    const wal = () => readVerifiedWal(store, source);

    test('WAL is verified as far as it has no hole, in whichever order and however often its events come', async () => {
      const stored = new StoredWal(store, keyRing);
      const objects = [
        await stored.put(position(3), position(3, 0x4000), time),
        await stored.put(position(3, 0x4000), position(3, 0x9000), time),
        await stored.put(position(3, 0x9000), position(4), time),
        await stored.put(position(3), position(4), time),
        await stored.put(position(4), position(4, 0x100), time),
      ];
      let expected: VerifiedWal | undefined;
      for (const seed of [1, 2, 3]) {
        const events = shuffled([...objects, ...objects], seed);
        await Promise.all(
          events.map((object, index) => (index % 3 === 0 ? indexObject(store, object) : verify(object))),
        );
        for (const object of objects) await indexObject(store, object);
        const outcome = await wal();
        assert.deepEqual(stretchesOf(outcome), ['0/300000..0/400100']);
        assert.deepEqual(outcome, expected ?? outcome);
        expected = outcome;
        await store.delete(verifiedWalKey(source));
      }
      await rebuildVerifiedWal(store, source);
      assert.deepEqual(await wal(), expected);
    });

    test('a hole is kept, and closed by the event that comes late', async () => {
      const stored = new StoredWal(store, keyRing);
      const [first, late, last] = [
        await stored.put(position(3), position(4), time),
        await stored.put(position(4), position(5), time),
        await stored.put(position(5), position(6), time),
      ];
      await verify(first!);
      await verify(last!);
      assert.deepEqual(stretchesOf(await wal()), ['0/300000..0/400000', '0/500000..0/600000']);
      assert.equal(await indexObject(store, late!), 'not verified yet');
      assert.equal((await verify(late!)).outcome, 'verified');
      assert.deepEqual(stretchesOf(await wal()), ['0/300000..0/600000']);
      assert.equal((await verify(late!)).outcome, 'known');
    });

    test('who died between the record and the catalog is made up for by the other event', async () => {
      const object = await new StoredWal(store, keyRing).put(position(3), position(4), time);
      await verify(object);
      await store.delete(verifiedWalKey(source));
      assert.equal(await indexObject(store, object), 'indexed');
      assert.deepEqual(stretchesOf(await wal()), ['0/300000..0/400000']);
    });

    test('damage is recorded once and does not count as WAL', async () => {
      const object = await new StoredWal(store, keyRing).put(position(3), position(3, 0x1000), time);
      const damaged = damagedStore(store, object.key);
      const outcome = await verify(object, damaged);
      assert.deepEqual([outcome.ok, outcome.outcome], [false, 'damaged']);
      assert.match(outcome.damage[0]!, new RegExp(`^${object.key} `));
      assert.equal((await verify(object)).ok, false);
      assert.equal((await Array.fromAsync(store.list(verifiedFolder(source)))).length, 1);
      const { damaged: list } = await wal();
      assert.deepEqual(
        list.map(({ key }) => key),
        [object.key],
      );
      assert.deepEqual(stretchesOf(await wal()), []);
      assert.equal(await indexObject(store, object), 'damaged');
    });

    test('bytes that were damaged on their way once are no damage', async () => {
      const object = await new StoredWal(store, keyRing).put(position(3), position(3, 0x1000), time);
      assert.equal((await verify(object, damagedStore(store, object.key, 1))).outcome, 'verified');
    });

    test('an object under another one’s key, cut short or followed by more is damaged', async () => {
      const stored = new StoredWal(store, keyRing);
      const object = await stored.put(position(3), position(3, 0x1000), time);
      const { body } = await store.get(object.key);
      const bytes = Buffer.concat(await Array.fromAsync(body));
      const folder = object.key.slice(0, object.key.lastIndexOf('/') + 1);
      const wrong: [string, Buffer][] = [
        ['000000010000000000000004.00000000-00001000', bytes],
        ['000000010000000000000003.00000000-00002000', bytes],
        ['000000010000000000000003.00001000-00002000', bytes.subarray(0, -1)],
        ['000000010000000000000003.partial', bytes],
        ['000000010000000000000005', Buffer.alloc(0)],
      ];
      for (const [name, content] of wrong) {
        await store.put(folder + name, content);
        assert.equal((await verify(parseObjectKey(folder + name)!)).outcome, 'damaged', name);
      }
      await store.put(object.key, Buffer.concat([bytes, Buffer.of(1)]));
      const after = await verify(object);
      assert.match(after.damage.join(), /goes on after its last frame/);
      assert.equal((await wal()).damaged.length, wrong.length + 1);
    });

    test('an object with fewer bytes of WAL than its key says is damaged', async () => {
      const object = parseObjectKey(
        `${source}/wal/${sceneSystem}/00000001/000000010000000000000003.00000000-00001000`,
      )!;
      const header: WalHeader = {
        ...{ format: 'lifeboat/1', kind: 'wal', cipher: 'none', serial: 0, source, systemId: sceneSystem, timeline: 1 },
        ...{ start: '0/300000', end: '0/301000', segmentSize: sceneSegment, time: time.toISOString() },
      };
      await store.put(object.key, writeContainer(header, undefined, [Buffer.alloc(0xfff)], 1));
      const outcome = await readBack({ store, keyRing: undefined }, object, options);
      assert.deepEqual(outcome.damage, [`${object.key} holds 4095 bytes of WAL, expected 4096`]);
    });

    test('WAL in clear is refused where the plan says that it is encrypted, and so is a key that is not ours', async () => {
      const object = await new StoredWal(store).put(position(3), position(3, 0x1000), time);
      await assert.rejects(verify(object), KeyUnusable);
      const other = await new StoredWal(store, someKeyRing()).put(position(4), position(4, 0x1000), time);
      await assert.rejects(verify(other), KeyUnusable);
      assert.deepEqual(await Array.fromAsync(store.list(verifiedFolder(source))), []);
    });

    test('what expired meanwhile is no damage', async () => {
      const object = await new StoredWal(store, keyRing).put(position(3), position(3, 0x1000), time);
      await store.delete(object.key);
      assert.deepEqual(await verify(object), { key: object.key, ok: true, outcome: 'gone', damage: [] });
      assert.equal(await indexObject(store, object), 'gone');
      const half = await new StoredWal(store, keyRing).put(position(4), position(4, 0x1000), time);
      const vanishing = damagedStore(store, half.key);
      const get = vanishing.get.bind(vanishing);
      let reads = 0;
      const expiring = new Proxy(store, {
        get: (target, name: keyof ObjectStore) =>
          name === 'get'
            ? async (...args: Parameters<ObjectStore['get']>) => {
                const read = await get(...args);
                if (args[0] === half.key && !args[1]?.range && ++reads === 2) await store.delete(half.key);
                return read;
              }
            : typeof target[name] === 'function'
              ? target[name].bind(target)
              : target[name],
      });
      assert.equal((await verify(half, expiring)).outcome, 'gone');
    });

    test('a store that does not answer is no damage', async () => {
      const object = await new StoredWal(store, keyRing).put(position(3), position(3, 0x1000), time);
      const dead = new Proxy(store, {
        get: (target, name: keyof ObjectStore) =>
          name === 'get'
            ? async () => {
                throw new StoreUnavailable('get: 503', { operation: 'get', subject: object.key });
              }
            : typeof target[name] === 'function'
              ? target[name].bind(target)
              : target[name],
      });
      await assert.rejects(verify(object, dead), StoreUnavailable);
      assert.deepEqual(await Array.fromAsync(store.list(verifiedFolder(source))), []);
    });

    test('a history is read back with its ancestors, and one that is none is damaged', async () => {
      const stored = new StoredWal(store, keyRing);
      await verify(await stored.putHistory(2, '1\t0/350000\tno recovery target specified\n'));
      const [system] = (await wal()).systems;
      assert.deepEqual(system!.timelines, [
        {
          timeline: 2,
          ancestors: [{ timeline: 1, switchpoint: '0/350000', reason: 'no recovery target specified' }],
          stretches: [],
        },
      ]);
      assert.equal((await verify(await stored.putHistory(3, 'nonsense'))).outcome, 'damaged');
    });

    describe('a manifest', () => {
      const golden = parseManifest(readFileSync(new URL('../golden/manifest.json', import.meta.url), 'utf8'), 'golden');
      const manifest = (): Manifest => {
        const index = Buffer.from('the index');
        return {
          ...golden,
          source,
          parts: golden.parts.map((part) => ({ ...part, storedBytes: part.name.length })),
          index: {
            name: 'index.jsonl',
            storedBytes: index.length,
            sha256: createHash('sha256').update(index).digest('hex'),
          },
          serverManifest: { ...golden.serverManifest, storedBytes: 3 },
        };
      };
      async function commit(): Promise<ReadBackObject> {
        const backup = manifest();
        const put = (name: string, content: string) =>
          store.put(backupObjectKey(source, backup.backup, name), Buffer.from(content));
        for (const { name } of backup.parts) await put(name, name);
        await put('index.jsonl', 'the index');
        await put(backup.serverManifest.name, 'abc');
        await commitBackup(store, backup);
        return parseObjectKey(manifestKey(source, backup.backup))!;
      }

      test('is verified when everything is there that it names, and gets into the catalog', async () => {
        const object = await commit();
        assert.equal((await verify(object)).outcome, 'verified');
        assert.equal(await indexObject(store, object), 'indexed');
        const { backups } = await readStanding(store, source);
        assert.deepEqual(
          backups.map(({ state }) => state),
          ['committed'],
        );
      });

      test('is damaged, and its backup broken, when a part is missing or short, or the index is another one', async () => {
        const object = await commit();
        const { backup, parts } = manifest();
        await indexObject(store, object);
        await store.delete(backupObjectKey(source, backup, parts[0]!.name));
        await store.put(backupObjectKey(source, backup, 'backup_manifest.json'), Buffer.from('ab'));
        await store.put(backupObjectKey(source, backup, 'index.jsonl'), Buffer.from('An index!'));
        const { damage } = await verify(object);
        assert.equal(damage.length, 3);
        assert.match(
          damage.join('\n'),
          /is missing\n.*backup_manifest\.json has 2 bytes, the manifest says 3\n.*has SHA-256/,
        );
        const [standing] = (await readStanding(store, source)).backups;
        assert.deepEqual([standing!.state, standing!.reason.endsWith('(and 2 more)')], ['broken', true]);
      });

      test('of another backup, or that is none, is damaged', async () => {
        const text = Buffer.from(JSON.stringify({ ...manifest(), source: 'customers' }));
        const key = manifestKey(source, manifest().backup);
        await store.put(key, text);
        const outcome = await verify(parseObjectKey(key)!);
        assert.match(outcome.damage.join(), /is the manifest of customers\//);
        await store.put(key, Buffer.from('{'));
        assert.match((await verify(parseObjectKey(key)!)).damage.join(), /it is not JSON/);
        assert.equal(await indexObject(store, parseObjectKey(key)!), 'damaged');
      });
    });
  });
}
