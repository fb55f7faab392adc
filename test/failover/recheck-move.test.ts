import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MoveFacts } from '#failover/move-facts';
import { planMove } from '#failover/plan-move';
import type { MoveRequest } from '#failover/planned-move';
import { recheckMove } from '#failover/recheck-move';
import { absent, behind, groupOf, movable, now, primary, silent, standby, wellFacts } from '#harness/move-scene';

const plan = (facts: Partial<MoveFacts>, request: MoveRequest = {}) =>
  planMove(groupOf(), wellFacts(facts), request, { now });

function approved(facts: Partial<MoveFacts>, request?: MoveRequest) {
  const outcome = plan(facts, request);
  assert.ok(outcome.ready);
  return { group: 'shop', planHash: outcome.move.planHash, decided: outcome.decided };
}

const late: Partial<MoveFacts> = { sites: [primary('east'), standby('west', { lsn: behind(400 << 20) })] };
const gone: Partial<MoveFacts> = { sites: [silent('east'), standby('west', { streams: false })] };

test('what is as it was approved goes on', () => {
  assert.equal(recheckMove(plan(gone), approved(gone)).to, 'west');
});

test('what was forced stays approved when less stands against it', () => {
  const yes = approved(late, { force: true });
  const { planHash, planText } = recheckMove(plan({}, { force: true }), yes);
  assert.equal(planHash, yes.planHash);
  assert.match(planText, new RegExp(`plan ${planHash}$`));
});

const changes: [
  what: string,
  before: Partial<MoveFacts>,
  by_now: Partial<MoveFacts>,
  said: RegExp,
  request?: MoveRequest,
][] = [
  ['the primary is back', gone, {}, /the primary answers again at east/],
  ['a proposal, and the primary is back', gone, {}, /the primary answers again: east takes writes/, { proposed: true }],
  ['the primary is gone by now', {}, gone, /the primary at east does not answer any more/],
  [
    'the standby is behind',
    {},
    { sites: [primary('east'), standby('west', { lsn: behind(400 << 20) })] },
    /west has received 400 MiB less than east/,
  ],
  ['the standby is gone', {}, { sites: [primary('east'), silent('west')] }, /west does not answer: connect/],
  [
    'it was moved meanwhile',
    {},
    { sites: [standby('east'), primary('west')], movables: [] },
    /it would go from west to east, and was to go from east to west/,
  ],
  ['the standby was thrown away', {}, { sites: [primary('east'), absent('west')] }, /no standby is at west/],
  [
    'another fence',
    {},
    { sites: [primary('east', {}, { strength: 'soft', how: 'by SQL' }), standby('west')] },
    /the fence of east is another: soft, by local/,
  ],
  [
    'the plan file',
    {},
    { movables: [movable('names', 'to-east', { wanted: { east: 'to-east', west: 'elsewhere' } })] },
    /it moves names file \/srv\/names to elsewhere/,
  ],
  [
    'forced in spite of a lag, and the names cannot be put either',
    late,
    { ...late, movables: [movable('names', 'to-east', { problems: ['no such zone'] })] },
    /in spite of more than was shown: names/,
    { force: true },
  ],
];
for (const [what, before, byNow, said, request] of changes) {
  test(`refused when ${what}`, () => {
    assert.throws(() => recheckMove(plan(byNow, request), approved(before, request)), {
      name: 'PlanChanged',
      message: said,
    });
  });
}

test('two primaries are told as such, and not as a plan that changed', () => {
  const two = plan({ sites: [primary('east'), primary('west', { timeline: 2 })] });
  assert.throws(() => recheckMove(two, approved(gone)), {
    name: 'TwoPrimaries',
    message: /east and west both take writes/,
  });
});

test('where nobody knows any more what was approved, it is said what it would be now', () => {
  assert.throws(() => recheckMove(plan({}), { group: 'shop', planHash: '0'.repeat(64) }), {
    name: 'PlanChanged',
    message: /by now it is a failover from east to west, and the primary answers at east/,
    hint: /nothing was touched/,
  });
});
