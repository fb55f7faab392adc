import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLsn, lsn } from '#model/lsn';
import type { RecoveryFacts } from '#recovery/recovery-facts';
import { recoveryWindows } from '#recovery/windows';
import { at, backup, branch, facts, otherSystem, ourSystem, seg } from './recovery-scene.ts';

const full = backup({ from: '01:00', to: '01:10', start: seg(2, 0x28), stop: seg(2, 0x200) });
const incr = backup({
  from: '07:00',
  to: '07:05',
  start: seg(5, 0x28),
  stop: seg(5, 0x200),
  kind: 'incr',
  parent: full,
});
const noon = backup({ from: '13:00', to: '13:10', start: seg(8, 0x28), stop: seg(8, 0x200) });

const brief = (known: RecoveryFacts) =>
  recoveryWindows(known).map(({ from, toMicros, timeline, backups, gap, untilLsn }) => ({
    from: from.toISOString().slice(11, 16),
    to: new Date(Number(toMicros / 1000n)).toISOString().slice(11, 16),
    timeline,
    backups,
    until: formatLsn(lsn(untilLsn)),
    ...(gap === undefined ? {} : { gap }),
  }));

test('without backups there is no window', () => {
  assert.deepEqual(recoveryWindows(facts([])), []);
});

test('a window goes from the end of the first backup to the last WAL', () => {
  const known = facts([full, incr, noon], {
    wal: { 1: [[seg(2), seg(12)]] },
    reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '20:00' }],
  });
  assert.deepEqual(brief(known), [
    { from: '01:10', to: '20:00', timeline: 1, backups: [full.backup, incr.backup, noon.backup], until: '0/C000000' },
  ]);
  assert.equal(recoveryWindows(known)[0]!.systemId, ourSystem);
  assert.equal(recoveryWindows(known)[0]!.toMicros, at('20:00'));
});

test('a hole in the WAL makes two windows, and the first says which segment is missing', () => {
  const known = facts([full, incr, noon], {
    wal: {
      1: [
        [seg(2), seg(6)],
        [seg(7), seg(12)],
      ],
    },
    reaches: [
      { timeline: 1, from: seg(8, 0x28), first: '13:00', last: '20:00' },
      { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '08:00' },
    ],
  });
  assert.deepEqual(brief(known), [
    {
      from: '01:10',
      to: '08:00',
      timeline: 1,
      backups: [full.backup, incr.backup],
      until: '0/6000000',
      gap: '000000010000000000000006',
    },
    { from: '13:10', to: '20:00', timeline: 1, backups: [noon.backup], until: '0/C000000' },
  ]);
});

test('a backup whose parent is gone opens no window', () => {
  const reaches = [{ timeline: 1, from: seg(5, 0x28), first: '07:00', last: '20:00' }];
  assert.deepEqual(brief(facts([incr], { wal: { 1: [[seg(2), seg(12)]] }, reaches })), []);
});

test('a backup whose own WAL is not whole opens no window', () => {
  const known = facts([full, noon], {
    wal: {
      1: [
        [seg(2), seg(2, 0x100)],
        [seg(8), seg(12)],
      ],
    },
    reaches: [{ timeline: 1, from: seg(8, 0x28), first: '13:00', last: '20:00' }],
  });
  assert.deepEqual(brief(known), [
    { from: '13:10', to: '20:00', timeline: 1, backups: [noon.backup], until: '0/C000000' },
  ]);
});

test('right after a backup the window is its end, not less than nothing', () => {
  const known = facts([full], {
    wal: { 1: [[seg(2), seg(3)]] },
    reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '01:09' }],
  });
  assert.deepEqual(brief(known), [
    { from: '01:10', to: '01:10', timeline: 1, backups: [full.backup], until: '0/3000000' },
  ]);
});

test('after a promotion each timeline has its window, from the backups that lead to it', () => {
  const onTwo = backup({ from: '15:00', to: '15:10', start: seg(9, 0x28), stop: seg(9, 0x200), timeline: 2 });
  const known = facts([full, onTwo], {
    wal: { 1: [[seg(2), seg(7, 0x500)]], 2: [[seg(7), seg(12)]] },
    histories: [branch(2, [1, seg(7, 0x500)])],
    reaches: [
      { timeline: 1, from: seg(2, 0x28), first: '01:00', last: '12:00' },
      { timeline: 2, from: seg(2, 0x28), first: '12:05', last: '20:00' },
    ],
  });
  assert.deepEqual(brief(known), [
    { from: '01:10', to: '12:00', timeline: 1, backups: [full.backup], until: '0/7000500' },
    { from: '01:10', to: '20:00', timeline: 2, backups: [full.backup, onTwo.backup], until: '0/C000000' },
  ]);
});

test('windows of several systems are in order of time', () => {
  const reborn = backup({
    from: '13:00',
    to: '13:10',
    start: seg(3, 0x28),
    stop: seg(3, 0x200),
    systemId: otherSystem,
  });
  const known = facts(
    [full, reborn],
    {
      systemId: otherSystem,
      wal: { 1: [[seg(3), seg(12)]] },
      reaches: [{ timeline: 1, from: seg(3, 0x28), first: '13:00', last: '20:00' }],
    },
    { wal: { 1: [[seg(2), seg(8)]] }, reaches: [{ timeline: 1, from: seg(2, 0x28), first: '01:00', last: '12:00' }] },
  );
  assert.deepEqual(
    recoveryWindows(known).map((window) => window.systemId),
    [ourSystem, otherSystem],
  );
  assert.deepEqual(
    brief(known).map((window) => window.backups),
    [[full.backup], [reborn.backup]],
  );
});
