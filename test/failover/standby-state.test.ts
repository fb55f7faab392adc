import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteFacts } from '#failover/site-facts';
import { standbyState } from '#failover/standby-state';
import { type Lsn, lsn } from '#model/lsn';

const fence = { strength: 'hard', fenced: false, possible: true, how: '' } as const;

function facts(site: string, role: 'primary' | 'standby', position: Lsn | null, streams = true): SiteFacts {
  const standby = role === 'standby';
  return {
    ...{ site, fence },
    server: {
      ...{ state: 'answers', systemId: '1', role, timeline: 1, lsn: position, received: null, replayedAt: null },
      ...{ streams: standby && streams, readsBucket: false, clock: new Date(0) },
    },
  };
}

const primary = facts('west', 'primary', lsn(5_000n));
const silent: SiteFacts = { site: 'east', server: { state: 'silent', why: 'refused' }, fence };

test('a standby that streams has caught up when it is not further behind than allowed', () => {
  const at = (position: bigint) => standbyState(facts('east', 'standby', lsn(position)), primary, 1_000);
  assert.deepEqual(at(4_000n), { state: 'streams', lagBytes: 1_000, caughtUp: true });
  assert.deepEqual(at(3_999n), { state: 'streams', lagBytes: 1_001, caughtUp: false });
  assert.deepEqual(at(6_000n), { state: 'streams', lagBytes: 0, caughtUp: true });
});

test('a standby that does not stream has not caught up, however close it is', () => {
  const state = standbyState(facts('east', 'standby', lsn(5_000n), false), primary, 1_000);
  assert.deepEqual(state, { state: 'disconnected', lagBytes: 0, caughtUp: false });
});

test('where positions are not told, that it streams has to do', () => {
  const state = standbyState(facts('east', 'standby', null), primary, 1_000);
  assert.deepEqual(state, { state: 'streams', lagBytes: null, caughtUp: true });
});

test('a primary and what does not answer have not caught up', () => {
  assert.deepEqual(
    [facts('east', 'primary', lsn(9_000n)), silent].map((one) => standbyState(one, primary, 1_000)),
    [
      { state: 'primary', lagBytes: null, caughtUp: false },
      { state: 'silent', lagBytes: null, caughtUp: false },
    ],
  );
});
