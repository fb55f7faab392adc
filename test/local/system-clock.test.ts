import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#local/clock';

test('what is longer than a timer can count is not over at once, and whoever does not want to wait for it gets the reason', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const asleep = systemClock.sleep(2 ** 31, stop.signal);
  const first = await Promise.race([asleep, new Promise((resolve) => setTimeout(resolve, 30, 'still asleep'))]);
  assert.equal(first, 'still asleep');
  stop.abort(reason);
  await assert.rejects(asleep, (thrown) => thrown === reason);
  await assert.rejects(systemClock.sleep(5, stop.signal), (thrown) => thrown === reason);
});

test('it sleeps as long as it is told', async () => {
  const before = systemClock.now();
  await systemClock.sleep(25);
  assert.ok(systemClock.now() - before >= 24);
  await systemClock.sleep(-5);
});
