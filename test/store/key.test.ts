import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { compareKeys } from '#store/key';

test('keys are ordered by their bytes in UTF-8', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '.', 'ä', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
  });
  fc.assert(
    fc.property(key, key, (a, b) => {
      assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});
