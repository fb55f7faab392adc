import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { answerChars } from '#model/answer-chars';

test('few may say what they want, a thousand next to nothing', () => {
  assert.equal(answerChars(1, 300), 300);
  assert.equal(answerChars(100, 300), 300);
  assert.equal(answerChars(401, 500), 56);
  assert.equal(answerChars(1_000, 300), 0);
});

test('all together stay below 256 KiB with the longest names, however their words are written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 0, max: 500 }), (count, most) => {
      const message = '🛟'.repeat(answerChars(count, most));
      const answer = { source: 'x'.repeat(63), ok: false, name: 'x'.repeat(60), message };
      assert.ok((Buffer.byteLength(JSON.stringify(answer)) + 1) * count < 256 * 1024);
    }),
  );
});
