import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { StoreUnavailable } from '#model/failure';
import type { WrappedKey } from '#model/wrapped-key';
import { type KeyRing, keyFileRing, masterKeyId } from '#pipeline/data-key';
import { rememberKeys } from '#pipeline/remembered-keys';

const context = 'orders/20261120T051345123Z-full';

/** A ring that counts what it is asked, and fails as often as told. */
function countingRing() {
  const key = randomBytes(32);
  const ring = keyFileRing([{ id: masterKeyId(key), key }]);
  const counting = {
    asked: 0,
    failures: 0,
    create: ring.create,
    async unwrap(wrapped: WrappedKey, use: string) {
      counting.asked++;
      if (counting.failures-- > 0) throw new StoreUnavailable('busy', { operation: 'unwrap', subject: use });
      return ring.unwrap(wrapped, use);
    },
  } satisfies KeyRing & { asked: number; failures: number };
  return counting;
}

test('a wrapped key is unwrapped once, also by many at the same time', async () => {
  const ring = countingRing();
  const { dataKey, wrapped } = await ring.create(context);
  const remembering = rememberKeys(ring);
  const opened = await Promise.all(Array.from({ length: 20 }, () => remembering.unwrap({ ...wrapped }, context)));
  assert.ok(opened.every((one) => one.equals(dataKey)));
  assert.equal(ring.asked, 1);
});

test('what was made here is not unwrapped at all', async () => {
  const ring = countingRing();
  const remembering = rememberKeys(ring);
  const { dataKey, wrapped } = await remembering.create(context);
  assert.ok((await remembering.unwrap(wrapped, context)).equals(dataKey));
  assert.equal(ring.asked, 0);
});

test('for another use it is another key', async () => {
  const ring = countingRing();
  const remembering = rememberKeys(ring);
  const { wrapped } = await remembering.create(context);
  await assert.rejects(remembering.unwrap(wrapped, 'orders/20261121T051345123Z-full'), { name: 'ObjectDamaged' });
});

test('what failed is tried again', async () => {
  const ring = countingRing();
  const { dataKey, wrapped } = await ring.create(context);
  const remembering = rememberKeys(ring);
  ring.failures = 1;
  await assert.rejects(remembering.unwrap(wrapped, context), StoreUnavailable);
  assert.ok((await remembering.unwrap(wrapped, context)).equals(dataKey));
});

test('of too many the oldest are forgotten', async () => {
  const ring = countingRing();
  const remembering = rememberKeys(ring, 3);
  const made = await Promise.all(Array.from({ length: 4 }, () => ring.create(context)));
  for (const { wrapped } of made) await remembering.unwrap(wrapped, context);
  for (const { wrapped } of made.slice(1)) await remembering.unwrap(wrapped, context);
  assert.equal(ring.asked, 4);
  await remembering.unwrap(made[0]!.wrapped, context);
  assert.equal(ring.asked, 5);
});
