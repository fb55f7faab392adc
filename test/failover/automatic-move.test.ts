import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MoveFacts } from '#failover/move-facts';
import { planMove } from '#failover/plan-move';
import { recheckMove } from '#failover/recheck-move';
import {
  ago,
  behind,
  groupOf,
  known,
  now,
  primary,
  silent,
  standby,
  standingOf,
  unknown,
  wellFacts,
} from '#harness/move-scene';
import type { FailoverStanding } from '#model/failover-standing';

const witnesses = [
  { kind: 'http', url: 'http://witness.example/' },
  { kind: 'alarm', alarm: 'gone', region: 'eu-west-1' },
];
const group = groupOf({ automatic: true, proposeAfter: '2m', witnesses });
const says = (kind: string, what: 'gone' | 'there' | 'unknown') => ({ what: kind, kind, says: what, detail: '' });
const standing = (more: Partial<FailoverStanding> = {}) =>
  known(standingOf({ gone: { since: ago(130).toISOString(), looks: 3, why: '', proposed: 'p' }, ...more }));
const outage: Partial<MoveFacts> = {
  sites: [silent('east'), standby('west', { streams: false })],
  witnesses: [says('http', 'gone'), says('alarm', 'gone')],
  standing: standing(),
};
const plan = (facts: Partial<MoveFacts>, request = { proposed: true }, execution?: string) =>
  planMove(group, wellFacts({ ...outage, ...facts }), request, { now, execution });
const isAutomatic = (...asked: Parameters<typeof plan>) => {
  const outcome = plan(...asked);
  return outcome.ready && outcome.move.automatic;
};

test('nobody is asked when all of it agrees', () => assert.equal(isAutomatic({}), true));

const gone = { since: ago(130).toISOString(), looks: 3, why: '', proposed: 'p' };
const automatic = (secondsAgo: number) => ({ automatic: { at: ago(secondsAgo).toISOString(), execution: 'that' } });
const asked: [what: string, facts: Partial<MoveFacts>][] = [
  ['one witness is silent', { witnesses: [says('http', 'gone'), says('alarm', 'unknown')] }],
  ['both are of one kind', { witnesses: [says('http', 'gone'), says('http', 'gone')] }],
  [
    'a third one sees the primary',
    { witnesses: [says('http', 'gone'), says('alarm', 'gone'), says('route53', 'there')] },
  ],
  ['we have not looked three times', { standing: standing({ gone: { ...gone, looks: 2 } }) }],
  ['it has not been gone for so long', { standing: standing({ gone: { ...gone, since: ago(119).toISOString() } }) }],
  ['the last look is old', { standing: standing({ at: ago(400).toISOString() }) }],
  [
    'an execution has moved it since',
    { standing: standing({ moved: { at: ago(60).toISOString(), execution: 'that' } }) },
  ],
  ['the row is of the other primary', { standing: standing({ primary: 'west' }) }],
  ['nobody has looked', { standing: known(undefined) }],
  ['what was seen is not known', { standing: unknown('503') }],
  ['the last one was within the hour', { standing: standing(automatic(3_599)) }],
  ['the fence is soft', { sites: [silent('east', { strength: 'soft' }), outage.sites![1]] }],
  ['nobody knows how far the standby is behind', { bucket: unknown('503') }],
  ['the old primary answers, fenced', { sites: [primary('east', {}, { fenced: true }), outage.sites![1]] }],
];
for (const [what, facts] of asked) {
  test(`somebody is asked when ${what}`, () => {
    const outcome = plan(facts);
    assert.ok(outcome.ready, 'it can be planned');
    assert.equal(outcome.move.automatic, false);
  });
}

test('a standby above the limit is not moved to at all', () => {
  assert.equal(
    plan({ sites: [silent('east'), standby('west', { lsn: behind(1 << 30), streams: false })] }).ready,
    false,
  );
});

test('a move that a person starts is never automatic', () => {
  const outcome = planMove(group, wellFacts(outage), {}, { now });
  assert.ok(outcome.ready && !outcome.move.automatic);
});

test('what this execution has noted itself does not count against it', () => {
  const moved = { at: ago(5).toISOString(), execution: 'that' };
  const facts = { standing: standing({ ...automatic(5), moved }) };
  assert.deepEqual([isAutomatic(facts, undefined, 'this'), isAutomatic(facts, undefined, 'that')], [false, true]);
});

test('a plan that nobody was asked for changes when the witnesses do not agree any more', () => {
  const first = plan({});
  assert.ok(first.ready);
  const approved = { group: 'shop', planHash: first.move.planHash, decided: first.decided };
  assert.equal(recheckMove(plan({}), approved).automatic, true);
  assert.throws(() => recheckMove(plan({ witnesses: [] }), approved), {
    name: 'PlanChanged',
    message: /the witnesses and our own look do not agree any more/,
  });
});

test('what a person said yes to stays approved when by now nobody would be asked', () => {
  const first = plan({ witnesses: [] });
  assert.ok(first.ready);
  const { planHash } = first.move;
  const again = recheckMove(plan({}), { group: 'shop', planHash });
  assert.deepEqual([again.automatic, again.planHash], [false, planHash]);
  assert.equal(again.planText.split('\n').at(-1), `plan ${planHash}`);
});
