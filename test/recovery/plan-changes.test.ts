import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planChanges } from '#recovery/plan-changes';

test('each field that differs is named with what it was and is', () => {
  const before = JSON.stringify({ source: 'main', chain: ['a', 'b'], from: '0/1', gone: 1 });
  const now = JSON.stringify({ source: 'main', chain: ['c'], from: '0/2', more: true });
  assert.deepEqual(planChanges(before, now), [
    'chain was ["a","b"] and is ["c"]',
    'from was 0/1 and is 0/2',
    'gone was 1 and is nothing',
    'more was nothing and is true',
  ]);
});

test('the same plan has no changes', () => {
  assert.deepEqual(planChanges('{"a":[1]}', '{"a":[1]}'), []);
});
