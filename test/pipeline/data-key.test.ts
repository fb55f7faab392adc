import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { KeyUnusable, ObjectDamaged } from '#model/failure';
import type { WrappedKey } from '#model/wrapped-key';
import { keyFileRing, type MasterKey, masterKeyId } from '#pipeline/data-key';

const context = 'orders/20261120T051345123Z-full';

function masterKey(): MasterKey {
  const key = randomBytes(32);
  return { id: masterKeyId(key), key };
}

const unusable = (pattern: RegExp) => (failure: unknown) => {
  assert.ok(failure instanceof KeyUnusable, String(failure));
  assert.match(failure.message, pattern);
  assert.equal(failure.subject, context);
  assert.match(failure.hint!, /encryption\.keyFile/);
  return true;
};

const damagedKey = (pattern: RegExp) => (failure: unknown) => {
  assert.ok(failure instanceof ObjectDamaged, String(failure));
  assert.match(failure.message, pattern);
  assert.equal(failure.subject, context);
  return true;
};

test('a key is called by the first 16 digits of its SHA-256', () => {
  assert.equal(masterKeyId(Buffer.alloc(32)), '66687aadf862bd77');
});

test('a wrapped key is unwrapped to what it was', async () => {
  const ring = keyFileRing([masterKey()]);
  const { dataKey, wrapped } = await ring.create(context);
  assert.equal(dataKey.length, 32);
  assert.equal(Buffer.from(wrapped.wrapped, 'base64').length, 60);
  assert.ok((await ring.unwrap(JSON.parse(JSON.stringify(wrapped)), context)).equals(dataKey));
});

test('each data key is new, and so is each nonce', async () => {
  const ring = keyFileRing([masterKey()]);
  const made = await Promise.all(Array.from({ length: 50 }, () => ring.create(context)));
  assert.equal(new Set(made.map(({ dataKey }) => dataKey.toString('hex'))).size, 50);
  const nonces = made.map(({ wrapped }) => Buffer.from(wrapped.wrapped, 'base64').subarray(0, 12).toString('hex'));
  assert.equal(new Set(nonces).size, 50);
});

test('after a rotation the first key wraps, and old keys still unwrap what they wrapped', async () => {
  const [oldest, old, current] = [masterKey(), masterKey(), masterKey()];
  const before = await keyFileRing([oldest]).create(context);
  const between = await keyFileRing([old, oldest]).create(context);
  const ring = keyFileRing([current, old, oldest]);
  const now = await ring.create(context);
  assert.deepEqual(
    [before, between, now].map(({ wrapped }) => wrapped.keyId),
    [oldest.id, old.id, current.id],
  );
  for (const { dataKey, wrapped } of [before, between, now]) {
    assert.ok((await ring.unwrap(wrapped, context)).equals(dataKey));
  }
});

test('a key that the ring does not hold is named, with those that it holds', async () => {
  const [lost, first, second] = [masterKey(), masterKey(), masterKey()];
  const { wrapped } = await keyFileRing([lost]).create(context);
  const message = `^${context} was encrypted with key ${lost.id}, the key file holds ${first.id}, ${second.id}$`;
  await assert.rejects(keyFileRing([first, second]).unwrap(wrapped, context), unusable(new RegExp(message)));
});

test('a key wrapped for one backup does not open another', async () => {
  const ring = keyFileRing([masterKey()]);
  const { wrapped } = await ring.create('orders/20261119T000000000Z-full');
  await assert.rejects(ring.unwrap(wrapped, context), damagedKey(/changed or made for something else/));
});

test('a master key under the name of another unwraps nothing', async () => {
  const [one, other] = [masterKey(), masterKey()];
  const { wrapped } = await keyFileRing([one]).create(context);
  const ring = keyFileRing([{ id: one.id, key: other.key }]);
  await assert.rejects(ring.unwrap(wrapped, context), damagedKey(/changed or made for something else/));
});

test('a flip of any bit of a wrapped key is noticed', async () => {
  const ring = keyFileRing([masterKey()]);
  const { wrapped } = await ring.create(context);
  const bytes = Buffer.from(wrapped.wrapped, 'base64');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const changed: WrappedKey = { ...wrapped, wrapped: flipped.toString('base64') };
    await assert.rejects(ring.unwrap(changed, context), damagedKey(/changed or made for something else/));
  }
});

for (const length of [0, 1, 44, 59, 61]) {
  test(`a wrapped key of ${length} bytes is none`, async () => {
    const master = masterKey();
    const wrapped: WrappedKey = { method: 'file', keyId: master.id, wrapped: Buffer.alloc(length).toString('base64') };
    const message = new RegExp(`has a wrapped key of ${length} bytes, expected 60`);
    await assert.rejects(keyFileRing([master]).unwrap(wrapped, context), damagedKey(message));
  });
}

test('no message shows a key', async () => {
  const master = masterKey();
  const { wrapped } = await keyFileRing([masterKey()]).create(context);
  await assert.rejects(keyFileRing([master]).unwrap(wrapped, context), (failure: Error) => {
    const told = `${failure.message} ${failure.stack} ${JSON.stringify(failure)}`;
    for (const form of ['hex', 'base64'] as const) assert.ok(!told.includes(master.key.toString(form)));
    return true;
  });
});
