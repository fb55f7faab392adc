import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drillVolumeGiB, restoreVolumeGiB } from '#model/volume-size';

const gibi = 1 << 30;

test('a drill gets a volume where the disk of a container is too small, with room for WAL and sorting', () => {
  assert.equal(drillVolumeGiB(0), null);
  assert.equal(drillVolumeGiB(133 * gibi), null);
  assert.equal(drillVolumeGiB(134 * gibi), 181);
  assert.equal(drillVolumeGiB(500 * gibi), 620);
  assert.equal(drillVolumeGiB(10_240 * gibi), 12_308);
});

test('a restore always gets one: what it restores has to stay', () => {
  assert.equal(restoreVolumeGiB(0), 20);
  assert.equal(restoreVolumeGiB(100 * gibi), 140);
});
