import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { listRewraps, putRewrap, readRewrap, rewrapKeys } from '#catalog/key-wraps';
import { type OpenedStore, storeKinds } from '#harness/stores';
import { ObjectDamaged } from '#model/failure';
import type { WrappedKey } from '#model/wrapped-key';
import { readObject } from '#store/read-object';

const read = (name: string): string => readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8');
const goldenText = read('rewrap.json');
const golden = JSON.parse(goldenText);
const original: WrappedKey = JSON.parse(read('wrapped-keys.json'))['a key file, of a backup'].wrapped;
const { context, wrapped } = golden as { context: string; wrapped: WrappedKey };
const key = 'orders/keys/95ca5930bd853310c670122c5e369c93/kms-mrk-0123456789abcdef0123456789abcdef.json';
const at = new Date(golden.at);

let opened: OpenedStore;
beforeEach(async () => {
  opened = await storeKinds[0]![1]();
});
afterEach(() => opened.close());

test('a re-wrap is put where the golden one lies, as it is, and only once', async () => {
  const { store } = opened;
  assert.ok(await putRewrap(store, { context, original, wrapped, at }));
  const stored = await readObject(store, key, { maxBytes: 1 << 20 });
  assert.equal(
    stored.toString(),
    goldenText,
    're-wraps like test/golden/rewrap.json lie in buckets: keep reading them',
  );
  assert.ok(!(await putRewrap(store, { context, original, wrapped, at: new Date() })));
  assert.deepEqual(await rewrapKeys(store, original, context), [key]);
  assert.deepEqual(await readRewrap(store, key, original, context), wrapped);
  assert.deepEqual(
    await listRewraps(store, 'orders'),
    new Map([[key.split('/')[2]!, new Set(['kms-mrk-0123456789abcdef0123456789abcdef'])]]),
  );
});

test('what is not there is no damage, and what is no re-wrap is not listed', async () => {
  const { store } = opened;
  assert.equal(await readRewrap(store, key, original, context), undefined);
  await store.put('orders/keys/README.txt', Buffer.from('a note'));
  await store.put('orders/keysmith/a.json', Buffer.from('{}'));
  assert.deepEqual(await listRewraps(store, 'orders'), new Map());
});

const changes: [what: string, change: object][] = [
  ['of another use', { context: 'orders/20261121T051345123Z-full' }],
  ['of another data key', { original: '0'.repeat(64) }],
  ['by another key than its name says', { wrapped: { ...wrapped, keyId: wrapped.keyId.replace('mrk-0', 'mrk-1') } }],
  ['of another format', { format: 'lifeboat-rewrap/2' }],
  ['with a field more', { by: 'somebody' }],
];
for (const [what, change] of changes) {
  test(`one ${what} is damage`, async () => {
    const { store } = opened;
    await store.put(key, Buffer.from(JSON.stringify({ ...golden, ...change })));
    await assert.rejects(readRewrap(store, key, original, context), (failure: unknown) => {
      assert.ok(failure instanceof ObjectDamaged);
      assert.equal(failure.subject, key);
      return true;
    });
  });
}
