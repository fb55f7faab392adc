import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, formatLsn } from '#model/lsn';
import { parseTarget } from '#model/recovery-target';
import { drillPoint } from '#recovery/drill-point';
import { planRecovery } from '#recovery/plan-recovery';
import { at, backup, facts, seg } from './recovery-scene.ts';

const early = backup({ from: '01:00', to: '01:10', start: seg(2, 0x28), stop: seg(2, 0x200) });
const noon = backup({ from: '13:00', to: '13:10', start: seg(8, 0x28), stop: seg(8, 0x200) });
const day = facts([early, noon], {
  wal: { 1: [[seg(2), seg(12)]] },
  reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '20:00', lastCommit: '18:00' }],
});
const random = (seed: string) => drillPoint(day, { target: 'random', seed })!;

test('the newest point is the last record, from the newest backup', () => {
  const lsn = formatLsn(advance(seg(12), -64));
  const target = { lsn, action: 'promote', timeline: '1', backup: noon.backup };
  assert.deepEqual(drillPoint(day, { target: 'newest', seed: 'x' }), { backup: noon.backup, target });
});

test('a given backup is drilled to its own end, known or not', () => {
  const target = { immediate: true, backup: early.backup };
  assert.deepEqual(drillPoint(facts([]), { backup: early.backup }), { backup: early.backup, target });
});

test('without a backup there is nothing to choose', () => {
  assert.equal(drillPoint(facts([]), { target: 'random', seed: 'x' }), undefined);
  assert.equal(drillPoint(facts([]), { target: 'newest', seed: 'x' }), undefined);
});

test('a backup that nothing can be restored from is chosen all the same, to be found broken', () => {
  const hopeless = facts([early], { wal: {}, reaches: [] });
  const target = { immediate: true, backup: early.backup };
  assert.deepEqual(drillPoint(hopeless, { target: 'random', seed: 'x' }), { backup: early.backup, target });
  assert.deepEqual(drillPoint(hopeless, { target: 'newest', seed: 'x' }), { backup: early.backup, target });
});

test('where the latest point is behind a gap, the newest backup that can be restored is', () => {
  const gapped = facts([early, noon], {
    wal: {
      1: [
        [seg(2), seg(9)],
        [seg(10), seg(12)],
      ],
    },
    reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '14:00', lastCommit: '13:30' }],
  });
  const chosen = drillPoint(gapped, { target: 'newest', seed: 'x' });
  assert.deepEqual(chosen, { backup: noon.backup, target: { immediate: true, backup: noon.backup } });
});

test('a random instant is the same for the same seed', () => {
  assert.deepEqual(random('a'), random('a'));
  assert.notDeepEqual(random('a'), random('b'));
});

test('random instants are spread over the whole window, can be planned, and use the newest backup before them', () => {
  const hours = new Map<number, number>();
  for (let seed = 0; seed < 2000; seed++) {
    const { backup: base, target } = random(`seed ${seed}`);
    const outcome = planRecovery(day, parseTarget(target));
    assert.ok(outcome.possible, JSON.stringify(target));
    assert.equal(outcome.plan.chain.at(-1), base);
    const { point } = parseTarget(target);
    const micros = point.kind === 'time' ? point.micros : at('19:00');
    const hour = Number((micros - at('00:00')) / 3_600_000_000n);
    hours.set(hour, (hours.get(hour) ?? 0) + 1);
    if (point.kind === 'time') assert.equal(base, micros >= at('13:10') ? noon.backup : early.backup);
  }
  // from 01:10 to 20:00; after the last commit at 18:00 every instant is the same state
  for (let hour = 2; hour < 18; hour++) {
    const share = (hours.get(hour) ?? 0) / 2000;
    assert.ok(share > 0.03 && share < 0.08, `${hour}: ${share}`);
  }
});
