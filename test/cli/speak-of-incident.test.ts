import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeTelling, exitCodeOfTelling } from '#cli/speak-of-incident';

const told = {
  incident: '20261120-be36',
  message: 'incident-20261120-be36-start',
  kind: 'start',
  results: [],
} as const;
const telling = { told: [{ ...told, results: [] }], remark: null };

test('where the plan has no channel for it, it is said that nobody was told', () => {
  assert.deepEqual(describeTelling(telling, '20261120-be36'), ['told (start)  NOBODY: the plan has no channel for it']);
  assert.deepEqual(describeTelling(telling, '20261120-0000'), []);
  assert.equal(exitCodeOfTelling(telling), 0);
});
