import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type OpenedStore, storeKinds } from '#harness/stores';
import { position, StoredWal, sceneSegment, sceneSource, sceneSystem, someKeyRing } from '#harness/verified-scene';
import { StoreUnavailable } from '#model/failure';
import { encodeHeader } from '#pipeline/container';
import { WalReader } from '#recovery/read-wal';
import type { ObjectStore } from '#store/object-store';

let opened: OpenedStore;
beforeEach(async () => {
  opened = await storeKinds[0]![1]();
});
afterEach(() => opened.close());

const [start, end] = [position(1), position(1, 256)];
const place = {
  source: sceneSource,
  systemId: sceneSystem,
  timeline: 1,
  start,
  end,
  segmentSize: sceneSegment,
};

test('who holds the key and could not be asked is asked again, and then no more', async () => {
  const ring = someKeyRing();
  const { key } = await new StoredWal(opened.store, ring).put(start, end, new Date());
  let asked = 0;
  const busyOnce = new WalReader(opened.store, {
    create: ring.create,
    async unwrap(wrapped, context) {
      if (++asked === 1) throw new StoreUnavailable('KMS is busy', { operation: 'unwrap', subject: context });
      return ring.unwrap(wrapped, context);
    },
  });
  await assert.rejects(busyOnce.readAll(key, place), StoreUnavailable);
  for (let time = 0; time < 3; time++) assert.equal((await busyOnce.readAll(key, place)).length, 256);
  assert.equal(asked, 2);
});

test('a wrapped key that is none is damage of the object, and nobody is asked for it', async () => {
  const ring = someKeyRing();
  const header = { format: 'lifeboat/1', kind: 'wal', cipher: 'aes-256-gcm', serial: 0, ...place, start: '0/100000' };
  const wrapped = { method: 'file', keyId: '../key', wrapped: 7 };
  const key = `${sceneSource}/wal/${sceneSystem}/00000001/000000010000000000000001`;
  const content = JSON.parse(JSON.stringify({ ...header, end: '0/200000', key: wrapped }));
  await opened.store.put(key, encodeHeader(content));
  const reader = new WalReader(opened.store, ring);
  const damage = { name: 'ObjectDamaged', subject: key };
  await assert.rejects(reader.header(key), { ...damage, message: /has a wrapped key that is none$/ });
  await assert.rejects(reader.readAll(key, place), { ...damage, message: /has a wrapped key that was changed$/ });
});

test('a header is read in one request, and a long one in two', async () => {
  const lengths: (number | undefined)[] = [];
  const watched = new Proxy(opened.store, {
    get(target, name: keyof ObjectStore) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'get') return member.bind(target);
      return (...args: Parameters<typeof target.get>) => {
        lengths.push(args[1]?.range?.length);
        return target.get(...args);
      };
    },
  });
  const header = { format: 'lifeboat/1', kind: 'wal', cipher: 'none', serial: 0, source: 'orders' } as const;
  const long = { ...header, remark: 'x'.repeat(20_000) };
  await opened.store.put('orders/short', Buffer.concat([encodeHeader(header), Buffer.alloc(100_000)]));
  await opened.store.put('orders/long', Buffer.concat([encodeHeader(long), Buffer.alloc(100_000)]));
  const reader = new WalReader(watched, undefined);
  assert.deepEqual({ ...(await reader.header('orders/short')) }, header);
  assert.deepEqual({ ...(await reader.header('orders/long')) }, long);
  assert.deepEqual(lengths, [4096, 4096, encodeHeader(long).length]);
});
