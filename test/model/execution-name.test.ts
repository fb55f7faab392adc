import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executionName } from '#model/execution-name';

test('a name has the words, and is the same for the same', () => {
  const name = executionName('verified', '20261120T051345123Z-full', 'main');
  assert.equal(name, 'verified-20261120T051345123Z-full-main');
});

test('a long name stays within 80 letters and tells its words apart', () => {
  const [a, b] = ['a', 'b'].map((last) => executionName('verified', '20261120T051345123Z-full', 'x'.repeat(62) + last));
  assert.equal(a!.length, 80);
  assert.notEqual(a, b);
});

test('what a name may not hold is replaced', () => {
  assert.equal(executionName('a b', 'c:d/e'), 'a_b-c_d_e');
});
