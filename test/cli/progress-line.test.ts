import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStanding, drawStanding } from '#cli/progress-line';

const MiB = 1_048_576;

test('with a total, the share, the rate and the time left are told', () => {
  const standing = { doneBytes: 300 * MiB, totalBytes: 1000 * MiB, elapsedMs: 3_000 };
  assert.equal(describeStanding(standing), '300 MiB of 0.977 GiB (30 %), 100 MiB/s, 7s left');
});

test('without a total, or beyond one that was too small, what is done and the rate', () => {
  assert.equal(
    describeStanding({ doneBytes: 2 * MiB, totalBytes: undefined, elapsedMs: 1_000 }),
    '2.00 MiB, 2.00 MiB/s',
  );
  assert.equal(describeStanding({ doneBytes: 2 * MiB, totalBytes: MiB, elapsedMs: 1_000 }), '2.00 MiB, 2.00 MiB/s');
});

test('what is counted need not be bytes', () => {
  const standing = { doneBytes: 300, totalBytes: undefined, elapsedMs: 2_000, unit: 'objects' };
  assert.equal(describeStanding(standing), '300 objects, 150 objects/s');
});

test('at the beginning and at the end nothing is left to say', () => {
  assert.equal(describeStanding({ doneBytes: 0, totalBytes: MiB, elapsedMs: 0 }), '0 B of 1.00 MiB (0 %), 0 B/s');
  assert.equal(
    describeStanding({ doneBytes: MiB, totalBytes: MiB, elapsedMs: 1_000 }),
    '1.00 MiB of 1.00 MiB (100 %), 1.00 MiB/s',
  );
  assert.equal(describeStanding({ doneBytes: 0, totalBytes: 0, elapsedMs: 5 }), '0 B, 0 B/s');
});

test('a share is never rounded up to done', () => {
  assert.match(describeStanding({ doneBytes: 999, totalBytes: 1000, elapsedMs: 1 }), /\(99 %\)/);
});

test('a bar fills from the left and the line keeps off the last column', () => {
  const half = { doneBytes: MiB, totalBytes: 2 * MiB, elapsedMs: 1_000 };
  assert.equal(
    drawStanding('backup', half, 200),
    'backup [##########..........] 1.00 MiB of 2.00 MiB (50 %), 1.00 MiB/s, 1s left',
  );
  assert.equal(drawStanding('backup', half, 20), 'backup [##########.');
  assert.equal(drawStanding('wal', { ...half, totalBytes: undefined }, 200), 'wal 1.00 MiB, 1.00 MiB/s');
});
