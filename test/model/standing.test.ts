import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BackupId } from '#model/backup-id';
import { type BackupRecords, type DrillNote, standingsOf, type VerificationNote } from '#model/standing';

const full = '20261101T000000000Z-full' as BackupId;
const incr = '20261102T000000000Z-incr' as BackupId;

const at = (hour: number): string => `2026-11-02T${String(hour).padStart(2, '0')}:00:00.000Z`;
const read = (hour: number, ...damage: string[]): VerificationNote => ({
  ok: damage.length === 0,
  damage,
  at: at(hour),
  execution: null,
});
const drill = (hour: number, verdict: DrillNote['verdict'], message?: string): DrillNote => ({
  verdict,
  target: 'its end',
  failure: message === undefined ? null : { name: 'RestoreFailed', message },
  execution: null,
  finishedAt: at(hour),
  failedChecks: [],
});
const records = (known: Partial<BackupRecords>, backup = full): BackupRecords => ({
  backup,
  verification: null,
  drill: null,
  tried: null,
  ...known,
});
const standing = (known: Partial<BackupRecords>) => standingsOf([{ backup: full, parent: null }], [records(known)])[0]!;

describe('a backup', () => {
  test('is committed, verified once it was read back, proven once it was drilled', () => {
    assert.equal(standingsOf([{ backup: full, parent: null }], [])[0]!.state, 'committed');
    assert.equal(standing({ verification: read(1) }).state, 'verified');
    assert.equal(standing({ verification: read(1), drill: drill(2, 'proven') }).state, 'proven');
    assert.equal(standing({ drill: drill(2, 'proven') }).state, 'proven');
  });

  test('is broken by damage, whatever was shown before', () => {
    const broken = standing({ verification: read(3, 'part 7 is short', 'part 8 too'), drill: drill(2, 'proven') });
    assert.deepEqual([broken.state, broken.reason, broken.since], ['broken', 'part 7 is short (and 1 more)', at(3)]);
  });

  test('is broken by a drill that failed, and reading it back does not mend that', () => {
    const broken = standing({ verification: read(5), drill: drill(2, 'broken', 'PANIC') });
    assert.deepEqual([broken.state, broken.reason], ['broken', 'its drill to its end failed: PANIC']);
  });

  test('that answered a check wrongly is told by that check', () => {
    const wrong = { ...drill(2, 'broken'), failedChecks: ['query orders: found 0, expected t'] };
    assert.match(standing({ drill: wrong }).reason, /failed: query orders: found 0, expected t$/);
  });

  test('is proven by a drill after damage was seen', () => {
    assert.equal(standing({ verification: read(1, 'short'), drill: drill(2, 'proven') }).state, 'proven');
  });

  test('is broken when damage and success are of the same instant', () => {
    assert.equal(standing({ verification: read(2, 'short'), drill: drill(2, 'proven') }).state, 'broken');
  });

  test('is not broken by a drill that could not be carried out, which only shows', () => {
    const tried = drill(4, 'not carried out', 'no space');
    const verified = standing({ verification: read(1), tried });
    assert.deepEqual([verified.state, verified.tried], ['verified', { at: at(4), why: 'no space' }]);
    const proven = standing({ drill: drill(2, 'proven'), tried });
    assert.deepEqual([proven.state, proven.tried?.why], ['proven', 'no space']);
    assert.equal(standing({ drill: drill(5, 'proven'), tried }).tried, null);
  });
});

describe('an incremental backup', () => {
  const chain = [
    { backup: full, parent: null },
    { backup: incr, parent: full },
  ];
  const states = (...known: BackupRecords[]) => standingsOf(chain, known).map(({ state }) => state);

  test('is proven as itself, and its parent is not', () => {
    assert.deepEqual(states(records({ drill: drill(2, 'proven') }, incr)), ['committed', 'proven']);
  });

  test('is broken when damage was found in what it builds on', () => {
    const damaged = records({ verification: read(3, 'part 7 is short') });
    assert.deepEqual(states(damaged, records({ drill: drill(2, 'proven') }, incr)), ['broken', 'broken']);
    const [, child] = standingsOf(chain, [damaged]);
    assert.equal(child!.reason, `it builds on ${full}: part 7 is short`);
  });

  test('that was drilled after its parent was found damaged is proven', () => {
    const known = [records({ verification: read(3, 'short') }), records({ drill: drill(4, 'proven') }, incr)];
    assert.deepEqual(states(...known), ['broken', 'proven']);
  });

  test('is not broken by a drill of its parent that failed', () => {
    assert.deepEqual(states(records({ drill: drill(3, 'broken', 'PANIC') })), ['broken', 'committed']);
  });

  test('whose parents lead in a circle is judged all the same', () => {
    const circle = [
      { backup: full, parent: incr },
      { backup: incr, parent: full },
    ];
    assert.deepEqual(
      standingsOf(circle, []).map(({ state }) => state),
      ['committed', 'committed'],
    );
  });
});
