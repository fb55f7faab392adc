import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { walSystems } from '#catalog/systems';
import { readInventory, type WalObjectReader } from '#catalog/wal-inventory';
import { formatLsn, lsn, parseLsn } from '#model/lsn';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const segmentSize = 16 << 20;
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-inventory-'));
after(() => rmSync(folder, { recursive: true }));

let store: ObjectStore;
let listed: string[];
let read: string[];
let bucket = 0;

beforeEach(async () => {
  const directory = await createDirectoryStore(join(folder, `${bucket++}`));
  listed = [];
  read = [];
  store = {
    ...bound(directory),
    async *list(prefix, options) {
      for await (const object of directory.list(prefix, options)) {
        listed.push(object.key.split('/').at(-1)!);
        yield object;
      }
    },
  };
});

function bound(directory: ObjectStore): ObjectStore {
  const { url } = directory;
  return {
    url,
    put: (...args) => directory.put(...args),
    head: (...args) => directory.head(...args),
    get: (...args) => directory.get(...args),
    list: (...args) => directory.list(...args),
    folders: (...args) => directory.folders(...args),
    delete: (...args) => directory.delete(...args),
    abortStaleUploads: (...args) => directory.abortStaleUploads(...args),
  };
}

const reader: WalObjectReader = {
  async segmentSize(key) {
    read.push(key);
    return segmentSize;
  },
  async history(key) {
    read.push(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await store.get(key)).body) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  },
};

async function put(keys: string[], content = 'x'): Promise<void> {
  for (const key of keys) await store.put(`orders/wal/${key}`, Buffer.from(content));
}

async function intervals(options: Parameters<typeof readInventory>[4] = {}, systemId = '77') {
  const inventory = await readInventory(store, reader, 'orders', systemId, options);
  return Object.fromEntries(
    [...inventory.timelines].map(([timeline, { intervals }]) => [
      timeline,
      intervals.map(({ start, end }) => `${formatLsn(start)}-${formatLsn(end)}`),
    ]),
  );
}

const segment = (hex: string, timeline = '00000001') => `77/${timeline}/${timeline}00000000${hex}`;

test('a source without WAL has an empty inventory', async () => {
  const inventory = await readInventory(store, reader, 'orders', '77');
  assert.equal(inventory.segmentSize, undefined);
  assert.equal(inventory.timelines.size, 0);
});

test('segments and chunks become intervals; overlapping chunks and those of complete segments add nothing', async () => {
  await put([
    segment('00000003'),
    segment('00000004'),
    segment('00000004.00000000-00001000'),
    segment('00000005.00000000-00001000'),
    segment('00000005.00000000-00000800'),
    segment('00000005.00000400-00002000'),
    segment('00000005.00003000-00004000'),
    segment('00000007'),
  ]);
  assert.deepEqual(await intervals(), {
    1: ['0/3000000-0/5002000', '0/5003000-0/5004000', '0/7000000-0/8000000'],
  });
});

test('partial segments, foreign names and objects of other timelines count for nothing', async () => {
  await put([
    segment('00000003'),
    segment('00000004.partial'),
    segment('00000005.tmp'),
    segment('00000006.00000000-FFFFFFFF'),
    '77/00000001/000000020000000000000004',
    '77/readme',
    '77/notes/000000010000000000000009',
  ]);
  assert.deepEqual(await intervals(), { 1: ['0/3000000-0/4000000'] });
});

test('timelines are told apart and their histories read', async () => {
  await put([segment('00000003'), segment('00000004', '00000002'), segment('00000006', '0000000A')]);
  await put(['77/00000002.history'], '1\t0/4000100\tno recovery target specified\n');
  await put(['77/0000000A.history'], '1\t0/4000100\tx\n2\t0/6000000\ty\n');
  const inventory = await readInventory(store, reader, 'orders', '77');
  assert.deepEqual([...inventory.timelines.keys()], [1, 2, 10]);
  assert.deepEqual(inventory.histories.get(2)?.ancestors, [
    { timeline: 1, switchpoint: parseLsn('0/4000100'), reason: 'no recovery target specified' },
  ]);
  assert.deepEqual(
    inventory.histories.get(10)?.ancestors.map(({ timeline }) => timeline),
    [1, 2],
  );
});

test('a history that is none is damage, and can be left out', async () => {
  await put(['77/00000002.history'], 'what is this');
  await assert.rejects(readInventory(store, reader, 'orders', '77'), {
    name: 'ObjectDamaged',
    subject: 'orders/wal/77/00000002.history',
  });
  const { histories } = await readInventory(store, reader, 'orders', '77', {
    unreadable: new Set(['00000002.history']),
  });
  assert.equal(histories.size, 0);
});

test('a history without WAL is known too', async () => {
  await put(['77/00000002.history'], '1\t0/4000100\tx\n');
  const inventory = await readInventory(store, reader, 'orders', '77');
  assert.deepEqual([...inventory.histories.keys()], [2]);
  assert.equal(inventory.timelines.size, 0);
});

test('what is known is not listed again, but what came after it and into its holes is', async () => {
  const names = ['1', '2', '3', '5', '6', '8'].map((digit) => segment(digit.padStart(8, '0')));
  await put(names);
  const listed = await readInventory(store, reader, 'orders', '77');
  const intervals = listed.timelines.get(1)!.intervals;
  const known = new Map([[1, intervals.slice(0, 2)]]);
  await put([segment('00000004')]);
  const again = await readInventory(store, reader, 'orders', '77', { known });
  const ends = again.timelines.get(1)!.intervals.map(({ start, end }) => `${formatLsn(start)} ${formatLsn(end)}`);
  assert.deepEqual(ends, ['0/1000000 0/7000000', '0/8000000 0/9000000']);
});

test('WAL that begins where we end, or later, is not listed', async () => {
  await put(['1', '2', '3'].map((digit) => segment(digit.padStart(8, '0'))));
  const { timelines } = await readInventory(store, reader, 'orders', '77', { until: lsn(0x3000000n) });
  assert.deepEqual(timelines.get(1)!.intervals, [{ start: 0x1000000n, end: 0x3000000n }]);
});

test('WAL before the position where we start costs nothing, but its segment is read whole', async () => {
  const names = Array.from({ length: 40 }, (_, number) => (number + 1).toString(16).toUpperCase().padStart(8, '0'));
  await put(names.map((name) => segment(name)));
  await put([segment('00000026.00000000-00000800'), segment('00000026', '00000002')]);
  listed = [];
  const from = parseLsn('0/27000800');
  assert.deepEqual(await intervals({ from, segmentSize }), { 1: ['0/27000000-0/29000000'], 2: [] });
  assert.ok(listed.length <= 6, `listed ${listed.join(', ')}`);
  assert.deepEqual(read, [], 'the segment size was known');
});

test('the first segment of all is not passed over', async () => {
  await put([segment('00000000'), segment('00000001')]);
  assert.deepEqual(await intervals({ from: parseLsn('0/10') }), { 1: ['0/0-0/2000000'] });
});

test('systems are told apart', async () => {
  await put([segment('00000003'), '9000000000000000001/00000001/000000010000000000000009', 'lost+found/x']);
  assert.deepEqual(await walSystems(store, 'orders'), ['77', '9000000000000000001']);
  assert.deepEqual(await intervals({}, '9000000000000000001'), { 1: ['0/9000000-0/A000000'] });
  assert.deepEqual(await walSystems(store, 'other'), []);
});
