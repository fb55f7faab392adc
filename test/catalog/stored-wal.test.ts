import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { followStoredWal } from '#catalog/stored-wal';
import { lsn } from '#model/lsn';
import { segmentName } from '#model/wal-segment';
import { timelineFolder } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const segmentSize = 1 << 20;
const system = { source: 'main', systemId: '7', segmentSize, from: lsn(BigInt(segmentSize)) };
let folder: string;
let store: ObjectStore;
/** keys that listings gave away */
let listed: string[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-stored-'));
  const own = await createDirectoryStore(folder);
  listed = [];
  store = Object.assign(Object.create(own) as ObjectStore, {
    url: own.url,
    put: own.put.bind(own),
    folders: own.folders.bind(own),
    async *list(...given: Parameters<ObjectStore['list']>) {
      for await (const object of own.list(...given)) {
        listed.push(object.key);
        yield object;
      }
    },
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = async (...numbers: number[]) => {
  for (const number of numbers) {
    const name = segmentName({ timeline: 1, number: BigInt(number) }, segmentSize);
    await store.put(`${timelineFolder('main', '7', 1)}${name}`, Buffer.from('wal'));
  }
};
const even = (count: number) => Array.from({ length: count }, (_, index) => 2 * index + 2);

test('what comes late closes its hole, and what comes after is found', async () => {
  await put(1, 2, 4, 5);
  const before = await followStoredWal(store, null, system);
  assert.equal(before.timelines[0]!.stretches.length, 2);
  await put(3, 6);
  const { timelines } = await followStoredWal(store, before, system);
  assert.deepEqual(timelines[0]!.stretches, [{ start: '0/100000', end: '0/700000' }]);
});

test('however many holes there are, a look costs the newest of them and what has arrived since', async () => {
  await put(...even(200));
  const before = await followStoredWal(store, null, system);
  assert.equal(before.timelines[0]!.stretches.length, 200);
  listed.length = 0;
  await put(401, 399);
  const { timelines } = await followStoredWal(store, before, system);
  assert.equal(timelines[0]!.stretches.length, 199);
  assert.ok(listed.length < 150, `${listed.length} objects were listed`);
});
