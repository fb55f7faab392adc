import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { putRewrap, rewrapKeys, wrapDigest } from '#catalog/key-wraps';
import { type OpenedStore, storeKinds } from '#harness/stores';
import { KeyUnusable, StoreRefused, StoreUnavailable } from '#model/failure';
import type { WrappedKey } from '#model/wrapped-key';
import { type DataKey, type KeyRing, keyFileRing, masterKeyId, type WrappingRing } from '#pipeline/data-key';
import { withRewraps } from '#recovery/rewrapped-ring';
import type { ObjectStore } from '#store/object-store';

const context = 'orders/20261120T051345123Z-full';
const at = new Date('2026-11-20T06:00:00Z');

let opened: OpenedStore;
let store: ObjectStore;
let lists: number;
beforeEach(async () => {
  opened = await storeKinds[0]![1]();
  lists = 0;
  store = new Proxy(opened.store, {
    get(target, name: keyof ObjectStore) {
      if (name === 'list') lists++;
      const member = target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
});
afterEach(() => opened.close());

function someRing(): WrappingRing & { id: string } {
  const key = randomBytes(32);
  return { ...keyFileRing([{ id: masterKeyId(key), key }]), id: masterKeyId(key) };
}

async function rewrap(original: WrappedKey, dataKey: DataKey, by: WrappingRing): Promise<WrappedKey> {
  const wrapped = await by.wrap(dataKey, context);
  assert.ok(await putRewrap(store, { context, original, wrapped, at }));
  return wrapped;
}

test('what the ring opens as it is stored is not looked for', async () => {
  const ring = someRing();
  const { dataKey, wrapped } = await ring.create(context);
  assert.ok((await withRewraps(ring, store).unwrap(wrapped, context)).equals(dataKey));
  assert.equal(lists, 0);
});

test('what it does not is opened by a re-wrap; the original key has to be of no use only once', async () => {
  const [old, ring] = [someRing(), someRing()];
  const asked: string[] = [];
  const watched: KeyRing = {
    create: ring.create,
    unwrap(wrapped, use) {
      asked.push(wrapped.keyId === ring.id ? 'new' : 'old');
      return ring.unwrap(wrapped, use);
    },
  };
  const made = [await old.create(context), await old.create(context)];
  for (const { dataKey, wrapped } of made) await rewrap(wrapped, dataKey, ring);
  const reading = withRewraps(watched, store);
  for (const { dataKey, wrapped } of made) assert.ok((await reading.unwrap(wrapped, context)).equals(dataKey));
  assert.deepEqual(asked, ['old', 'new', 'new']);
});

test('a re-wrap that the ring does not hold, or that is damaged, is passed over', async () => {
  const [old, other, ring] = [someRing(), someRing(), someRing()];
  const { dataKey, wrapped } = await old.create(context);
  for (const by of [ring, other]) await rewrap(wrapped, dataKey, by);
  for (const name of ['file-0000000000000000', 'file-zzzzzzzzzzzzzzzz']) {
    await store.put(`orders/keys/${wrapDigest(wrapped)}/${name}.json`, Buffer.from('{}'));
  }
  assert.equal((await rewrapKeys(store, wrapped, context)).length, 4);
  assert.ok((await withRewraps(ring, store).unwrap(wrapped, context)).equals(dataKey));
});

test('the newest re-wrap is tried first', async () => {
  const { wrapped } = await someRing().create(context);
  const names = ['a', 'b', 'c'].map((name) => `orders/keys/${wrapDigest(wrapped)}/file-${name}.json`);
  const seconds = [2, 3, 1];
  const list = async function* () {
    for (const [index, key] of names.entries())
      yield { key, size: 2, etag: 'e', lastModified: new Date(seconds[index]!) };
  };
  const dated = new Proxy(store, { get: (target, name: keyof ObjectStore) => (name === 'list' ? list : target[name]) });
  assert.deepEqual(await rewrapKeys(dated, wrapped, context), [names[1], names[0], names[2]]);
});

test('a re-wrap of another data key opens nothing', async () => {
  const [old, ring] = [someRing(), someRing()];
  const [mine, another] = [await old.create(context), await old.create(context)];
  await rewrap(another.wrapped, another.dataKey, ring);
  const from = `orders/keys/${wrapDigest(another.wrapped)}/file-${ring.id}.json`;
  const { body } = await store.get(from);
  const to = `orders/keys/${wrapDigest(mine.wrapped)}/file-${ring.id}.json`;
  await store.put(to, Buffer.concat(await Array.fromAsync(body)));
  await assert.rejects(withRewraps(ring, store).unwrap(mine.wrapped, context), KeyUnusable);
});

test('without a re-wrap, or the right to look for one, the key is told that is missing', async () => {
  const [old, ring] = [someRing(), someRing()];
  const { wrapped } = await old.create(context);
  const message = new RegExp(`was encrypted with key ${old.id}`);
  await assert.rejects(withRewraps(ring, store).unwrap(wrapped, context), { name: 'KeyUnusable', message });
  const refusing = failing(new StoreRefused('list: 403', { operation: 'list', subject: 'orders/keys/' }));
  await assert.rejects(withRewraps(ring, refusing).unwrap(wrapped, context), { name: 'KeyUnusable', message });
  const silent = failing(new StoreUnavailable('list: 503', { operation: 'list', subject: 'orders/keys/' }));
  await assert.rejects(withRewraps(ring, silent).unwrap(wrapped, context), StoreUnavailable);
});

test('who holds the key and does not answer is not needed where a re-wrap opens', async () => {
  const [old, ring] = [someRing(), someRing()];
  const { dataKey, wrapped } = await old.create(context);
  const down: KeyRing = {
    create: ring.create,
    async unwrap(one, use) {
      if (one.keyId !== ring.id) throw new StoreUnavailable('KMS: 503', { operation: 'unwrap', subject: use });
      return ring.unwrap(one, use);
    },
  };
  await assert.rejects(withRewraps(down, store).unwrap(wrapped, context), { name: 'StoreUnavailable', message: /KMS/ });
  await rewrap(wrapped, dataKey, ring);
  assert.ok((await withRewraps(down, store).unwrap(wrapped, context)).equals(dataKey));
});

function failing(failure: Error): ObjectStore {
  // biome-ignore lint/correctness/useYield: it fails before it has anything
  const list = async function* () {
    throw failure;
  };
  return new Proxy(opened.store, { get: (target, name: keyof ObjectStore) => (name === 'list' ? list : target[name]) });
}
