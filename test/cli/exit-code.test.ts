import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeExitCodes, failureCode } from '#cli/exit-code';
import { exitCodes } from '#model/exit-code';
import { ObjectMissing } from '#model/failure';

test('help tells them all', () => {
  assert.equal(describeExitCodes().split('\n').length, exitCodes.length + 1);
});

test('wal-fetch ends with no code that PostgreSQL takes for the end of WAL', () => {
  const missing = new ObjectMissing('m', { operation: 'x', subject: 'y' });
  assert.equal(failureCode(missing, ['wal-fetch', '000000010000000000000003']), 255);
  assert.equal(failureCode(new TypeError('m'), ['--json', 'wal-fetch']), 255);
  assert.equal(failureCode(missing, ['restore']), 6);
});
