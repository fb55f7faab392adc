import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifySteps } from '#model/verify-steps';

const GiB = 2 ** 30;

test('a small backup is read by one task, with its WAL', () => {
  const all = { step: 'all', parts: { from: 0, to: 3 }, wal: true };
  assert.deepEqual(verifySteps([GiB, 5 * GiB, 10 * GiB]), [all]);
  assert.deepEqual(verifySteps([]), [{ step: 'all', parts: null, wal: true }]);
});

test('a large one by a task for about 16 GiB each, and one more for the WAL', () => {
  const steps = verifySteps(Array.from({ length: 256 }, () => GiB / 4));
  assert.deepEqual(
    steps.map(({ step }) => step),
    ['parts-0-64', 'parts-64-128', 'parts-128-192', 'parts-192-256', 'wal'],
  );
  assert.deepEqual(steps.at(-1), { step: 'wal', parts: null, wal: true });
});

test('a terabyte by 64 tasks, and a hundred of them by no more than 401', () => {
  assert.equal(verifySteps(Array.from({ length: 4096 }, () => GiB / 4)).length, 65);
  assert.equal(verifySteps(Array.from({ length: 409_600 }, () => GiB / 4)).length, 401);
});
