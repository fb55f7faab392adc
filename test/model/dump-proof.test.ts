import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import type { DumpId } from '#model/dump-id';
import { type DumpProof, dumpNotProven, standingOfDump } from '#model/dump-proof';

const dump = '20261120T051345123Z-dump' as DumpId;

type Said = 'verified' | 'proven' | 'damaged' | 'unrestorable' | 'wrong' | 'not carried out';

/** One record of each word, one second after the other. */
const records = (...said: Said[]): DumpProof[] => said.map((word, index) => record(word, index));

function record(said: Said, second: number): DumpProof {
  const at = new Date(Date.UTC(2026, 10, 20) + second * 1000).toISOString();
  const none = { source: 'orders', dump, execution: null, startedAt: at, finishedAt: at };
  const failed = dumpNotProven({ ...none, failure: { name: 'DrillFailed', message: 'no disk' } });
  if (said === 'not carried out') return failed;
  if (said === 'verified' || said === 'proven') return { ...failed, verdict: said, ok: true, failure: null };
  const broken: DumpProof = { ...failed, verdict: 'broken' };
  if (said === 'damaged') return { ...broken, failure: { name: 'ObjectDamaged', message: 'a bit has changed' } };
  if (said === 'unrestorable') return { ...broken, failure: { name: 'RestoreFailed', message: 'pg_restore failed' } };
  return { ...broken, failure: null, checks: [{ check: 'count', ok: false, detail: '0, expected 3', durationMs: 1 }] };
}

const stateOf = (...said: Said[]) => standingOfDump(records(...said)).state;

test('a dump is committed, then verified, then proven', () => {
  assert.deepEqual(standingOfDump([]), { state: 'committed', provedAt: null, failure: null });
  assert.equal(stateOf('verified'), 'verified');
  assert.equal(stateOf('verified', 'proven'), 'proven');
  assert.equal(stateOf('proven', 'verified'), 'proven');
});

test('a dump is broken by its bytes, its restore or a check, and says why', () => {
  assert.equal(standingOfDump(records('proven', 'damaged')).failure, 'a bit has changed');
  assert.equal(standingOfDump(records('verified', 'unrestorable')).failure, 'pg_restore failed');
  assert.deepEqual(standingOfDump(records('wrong')), {
    state: 'broken',
    provedAt: record('wrong', 0).finishedAt,
    failure: 'count: 0, expected 3',
  });
});

test('what was found to be as written later is what it was before, but not what could not be restored', () => {
  assert.equal(stateOf('damaged', 'verified'), 'verified');
  assert.equal(stateOf('proven', 'damaged', 'verified'), 'proven');
  assert.equal(stateOf('verified', 'unrestorable', 'verified'), 'broken');
  assert.equal(stateOf('unrestorable', 'damaged', 'verified'), 'broken');
  assert.equal(stateOf('wrong', 'verified', 'proven'), 'proven');
  assert.equal(stateOf('unrestorable', 'proven', 'damaged', 'verified'), 'proven');
});

test('what could not be carried out changes nothing', () => {
  assert.equal(stateOf('not carried out'), 'committed');
  assert.equal(stateOf('proven', 'not carried out'), 'proven');
});

test('of two at the same instant the bad one decides', () => {
  for (const two of [
    [record('proven', 0), record('damaged', 0)],
    [record('damaged', 0), record('proven', 0)],
  ])
    assert.equal(standingOfDump(two).state, 'broken');
});

const words: Said[] = ['verified', 'proven', 'damaged', 'unrestorable', 'wrong', 'not carried out'];

test('property: the order in which records are read does not matter, and the last bad one is never forgotten', () => {
  const said = fc.array(fc.constantFrom(...words), { maxLength: 8 });
  fc.assert(
    fc.property(said, fc.infiniteStream(fc.nat()), (list, keys) => {
      const all = records(...list);
      const shuffled = all.map((one) => ({ one, at: keys.next().value! })).sort((a, b) => a.at - b.at);
      assert.deepEqual(standingOfDump(shuffled.map(({ one }) => one)), standingOfDump(all));
      const told = list.filter((word) => word !== 'not carried out');
      const state = standingOfDump(all).state;
      if (['damaged', 'unrestorable', 'wrong'].includes(told.at(-1) ?? '')) assert.equal(state, 'broken');
      if (state === 'proven') assert.ok(told.includes('proven'));
    }),
  );
});
