import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseRebuild } from '#failover/choose-rebuild';
import { type Lsn, lsn } from '#model/lsn';
import type { TimelineHistory } from '#model/timeline';
import type { ClusterState } from '#postgres/control-file';

const at = (position: number): Lsn => lsn(BigInt(position));

const path = (timeline: number, ...left: [timeline: number, at: number][]): TimelineHistory => ({
  timeline,
  ancestors: left.map(([ancestor, position]) => ({ timeline: ancestor, switchpoint: at(position), reason: '' })),
});

function ended(state: ClusterState, checkpoint: number, minRecoveryPoint = 0) {
  return {
    state,
    checkpoint: at(checkpoint),
    timeline: 1,
    minRecoveryPoint: at(minRecoveryPoint),
    minRecoveryPointTimeline: minRecoveryPoint === 0 ? 0 : 1,
    backupStartPoint: at(0),
  };
}

const one = path(1);
const two = path(2, [1, 1000]);

describe('the way in which a server can follow the primary', () => {
  test('is none but a word where its last record is the last one that both have', () => {
    assert.deepEqual(chooseRebuild(ended('shut down', 900), one, two), { how: 'followed' });
    const left = { at: at(1000), timeline: 1 };
    assert.deepEqual(chooseRebuild(ended('shut down in recovery', 500, 1000), one, two), { how: 'followed', left });
  });

  test('is taking back what it wrote beyond the fork, where its checkpoint begins there or later', () => {
    for (const checkpoint of [1000, 1001]) {
      const choice = chooseRebuild(ended('shut down', checkpoint), one, two);
      assert.deepEqual(choice, { how: 'rewound', divergedAt: at(1000), timeline: 1, end: at(checkpoint) });
    }
    const standby = chooseRebuild(ended('shut down in recovery', 500, 1001), one, two);
    assert.deepEqual(standby, { how: 'rewound', divergedAt: at(1000), timeline: 1, end: at(1001) });
  });

  test('is taking back to where the two timelines part, however many lie in between', () => {
    const own = path(3, [1, 800]);
    const choice = chooseRebuild({ ...ended('shut down', 700), timeline: 3 }, own, two);
    assert.deepEqual(choice, { how: 'rewound', divergedAt: at(800), timeline: 1, end: at(700) });
    const later = chooseRebuild(ended('shut down', 900), path(2, [1, 500]), path(4, [1, 500], [2, 950]));
    assert.deepEqual(later, { how: 'followed' });
  });

  test('is unknown until a crash is recovered from', () => {
    for (const state of ['in production', 'in archive recovery', 'shutting down', 'in crash recovery'] as const)
      assert.deepEqual(chooseRebuild(ended(state, 10), one, two), { how: 'settled first' });
  });

  test('is following again for a standby on the timeline that the primary writes', () => {
    assert.deepEqual(chooseRebuild(ended('shut down in recovery', 10, 5000), one, one), { how: 'followed' });
  });

  test('is the bucket for one that was a primary on that same timeline, for a copy that was never complete, for strangers', () => {
    assert.equal(chooseRebuild(ended('shut down', 10), one, one).how, 'restored');
    assert.equal(chooseRebuild({ ...ended('shut down', 10), backupStartPoint: at(5) }, one, two).how, 'restored');
    assert.equal(chooseRebuild(ended('shut down', 10), path(7), two).how, 'restored');
  });
});
