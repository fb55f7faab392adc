import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownInTime } from '#runtime/known-in-time';

test('what is answered in time is known', async () => {
  assert.deepEqual(await knownInTime(60_000, async () => 7), { known: true, value: 7 });
});

test('what fails says why, on one line', async () => {
  const failing = () => Promise.reject(new Error('no\nway'));
  assert.deepEqual(await knownInTime(60_000, failing), { known: false, why: 'no way' });
  assert.deepEqual(await knownInTime(60_000, () => { throw new TypeError(''); }), { known: false, why: 'TypeError' }); // biome-ignore format: short
});

test('what hears nothing of its signal is left to itself, and is told to end', async () => {
  let heard: AbortSignal | undefined;
  const never = (signal: AbortSignal) => {
    heard = signal;
    return new Promise<never>(() => undefined);
  };
  assert.deepEqual(await knownInTime(10, never), { known: false, why: 'no answer in 0.01 s' });
  assert.equal(heard?.aborted, true);
});
