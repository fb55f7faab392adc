import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '#model/nearest';

test('the nearest word is told when a few letters differ', () => {
  assert.equal(nearest('shedules', ['slot', 'schedules', 'checks']), 'schedules');
  assert.equal(nearest('Bucket', ['bucket', 'sources']), 'bucket');
});

test('nothing is told when every known word is something else', () => {
  assert.equal(nearest('retention', ['bucket', 'sources']), undefined);
  assert.equal(nearest('x', []), undefined);
});
