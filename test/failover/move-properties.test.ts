import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Known, MoveFacts, WitnessFacts } from '#failover/move-facts';
import { planMove } from '#failover/plan-move';
import type { MoveRequest } from '#failover/planned-move';
import type { SiteFacts } from '#failover/site-facts';
import fc from '#harness/fast-check';
import {
  absent,
  ago,
  groupOf,
  movable,
  now,
  primary,
  silent,
  standby,
  standingOf,
  wellFacts,
} from '#harness/move-scene';
import { lsn } from '#model/lsn';

const groups = [
  groupOf(),
  groupOf({
    automatic: true,
    proposeAfter: '2m',
    witnesses: [
      { kind: 'http', url: 'http://witness.example/' },
      { kind: 'alarm', alarm: 'gone', region: 'eu-west-1' },
    ],
  }),
];

const positions = fc.bigInt({ min: 0n, max: 1n << 34n }).map((bytes) => lsn(bytes));
const known = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Known<T>> =>
  fc.oneof(
    { weight: 5, arbitrary: value.map((one): Known<T> => ({ known: true, value: one })) },
    { weight: 1, arbitrary: fc.constant<Known<T>>({ known: false, why: 'no answer in 15 s' }) },
  );
const fence = fc.record({
  strength: fc.constantFrom('hard' as const, 'soft' as const),
  fenced: fc.boolean(),
  possible: fc.boolean(),
  how: fc.constant('it is stopped'),
});
const answer = fc.record({
  systemId: fc.constantFrom('7710121666982256801', '7710121666982256801', '7'),
  timeline: fc.constantFrom(1, 1, 2, null),
  lsn: fc.option(positions),
  received: fc.option(positions),
  replayedAt: fc.option(fc.integer({ min: 0, max: 600 }).map(ago)),
  streams: fc.boolean(),
  readsBucket: fc.boolean(),
});
const siteOf = (name: string): fc.Arbitrary<SiteFacts> =>
  fc
    .tuple(fc.constantFrom('primary', 'standby', 'standby', 'silent', 'absent'), answer, fence)
    .map(([kind, more, kept]) => {
      if (kind === 'primary') return primary(name, more, kept);
      if (kind === 'standby') return { ...standby(name, more), fence: kept };
      return { ...(kind === 'silent' ? silent(name) : absent(name)), fence: kept };
    });
const witness: fc.Arbitrary<WitnessFacts> = fc.record({
  what: fc.string({ maxLength: 80 }),
  kind: fc.constantFrom('http', 'alarm', 'route53'),
  says: fc.constantFrom('gone' as const, 'gone' as const, 'there' as const, 'unknown' as const),
  detail: fc.string(),
});
const part = fc.constantFrom('names' as const, 'capacity' as const, 'settings' as const);
const facts: fc.Arbitrary<MoveFacts> = fc.record({
  sites: fc.tuple(siteOf('east'), siteOf('west')),
  bucket: known(
    fc.option(
      fc.record({
        backups: fc.nat(3),
        systemId: fc.constantFrom('7710121666982256801', null),
        timeline: fc.constantFrom(1, 2, null),
        end: fc.option(positions),
        at: fc.option(fc.integer({ min: 0, max: 9_000 }).map(ago)),
      }),
    ),
  ),
  replication: known(fc.constant(null)),
  proof: known(fc.option(fc.record({ backup: fc.string(), at: fc.constant(ago(1)) }))),
  movables: fc.array(
    fc
      .tuple(
        part,
        fc.constantFrom('to-east', 'to-west', 'x'),
        fc.array(fc.string({ maxLength: 400 }), { maxLength: 2 }),
      )
      .map(([of, current, problems]) => movable(of, current, { problems })),
    { maxLength: 30 },
  ),
  witnesses: fc.array(witness, { maxLength: 12 }),
  measured: known(fc.constant([])),
  standing: known(
    fc.option(
      fc
        .record({ looks: fc.nat(5), seconds: fc.nat(400), at: fc.nat(900), moved: fc.option(fc.nat(7_200)) })
        .map(({ looks, seconds, at, moved }) =>
          standingOf({
            at: ago(at).toISOString(),
            gone: { since: ago(seconds).toISOString(), looks: looks + 1, why: '', proposed: null },
            automatic: moved === null ? null : { at: ago(moved).toISOString(), execution: 'other' },
          }),
        ),
      { nil: undefined },
    ),
  ),
});
const request: fc.Arbitrary<MoveRequest> = fc
  .tuple(
    fc.constantFrom({}, {}, { planned: true }, { rehearse: true }, { force: true }, { proposed: true }),
    fc.constantFrom({}, {}, { to: 'east' }, { to: 'west' }),
    fc.constantFrom({}, { reason: 'r'.repeat(500) }),
  )
  .map((parts) => Object.assign({}, ...parts));

const check = (holds: (facts: MoveFacts, request: MoveRequest, group: (typeof groups)[number]) => void) =>
  fc.assert(
    fc.property(facts, request, fc.constantFrom(...groups), (some, asked, group) => holds(some, asked, group)),
    { numRuns: 3_000 },
  );

const at = { now };
const moves = ['failover', 'switchover'];

test('what cannot be fenced is promoted beside only where a person has forced it, and never beside a server that takes writes', () => {
  let forced = 0;
  check((some, asked, group) => {
    const outcome = planMove(group, some, asked, at);
    if (!outcome.ready || !moves.includes(outcome.move.mode)) return;
    const old = some.sites.find(({ site }) => site === outcome.move.from)!;
    if (old.fence.fenced || old.fence.possible) return;
    forced += 1;
    assert.equal(asked.force, true);
    assert.notEqual(old.server.state === 'answers' && old.server.role, 'primary');
    assert.match(outcome.move.planText.split('\n')[1]!, /COULD NOT BE FENCED: it may still take writes/);
  });
  assert.ok(forced > 10, `${forced} of these were made`);
});

test('nothing is planned while both take writes, and no other system is ever promoted', () => {
  check((some, asked, group) => {
    const outcome = planMove(group, some, asked, at);
    const writing = some.sites.filter(
      ({ server, fence: { fenced } }) => server.state === 'answers' && server.role === 'primary' && !fenced,
    );
    if (writing.length === 2) assert.ok(!outcome.ready);
    if (!outcome.ready || !moves.includes(outcome.move.mode)) return;
    const ids = some.sites.flatMap(({ server }) => (server.state === 'answers' ? [server.systemId] : []));
    assert.equal(new Set(ids).size <= 1, true, ids.join(' '));
    const next = some.sites.find(({ site }) => site === outcome.move.to)!;
    assert.ok(next.server.state === 'absent' || (next.server.state === 'answers' && next.server.role === 'standby'));
    assert.equal(next.server.state === 'absent', outcome.move.restore);
  });
});

test('what is planned without force is within the limits by all that is known, and loses nothing where it is gentle', () => {
  check((some, asked, group) => {
    const outcome = planMove(group, some, asked, at);
    if (!outcome.ready || asked.force || outcome.move.restore) return;
    if (outcome.move.mode === 'failover') assert.ok((outcome.move.lostBytes ?? 0) <= group.limits.lagBytes);
    if (outcome.move.gently) assert.equal(outcome.move.lostBytes, 0);
  });
});

test('the hash is the same while WAL goes on and nothing else is', () => {
  let plans = 0;
  fc.assert(
    fc.property(facts, request, fc.nat(1 << 20), (some, asked, bytes) => {
      const grown = some.sites.map((one) => {
        const { server } = one;
        if (server.state !== 'answers') return one;
        const on = (position: typeof server.lsn) => position && lsn(position + BigInt(bytes));
        return { ...one, server: { ...server, lsn: on(server.lsn), received: on(server.received) } };
      }) as [SiteFacts, SiteFacts];
      const before = planMove(groups[0]!, some, asked, at);
      const after = planMove(groups[0]!, { ...some, sites: grown }, asked, at);
      if (!before.ready || !after.ready) return;
      plans += 1;
      assert.equal(before.move.planHash, after.move.planHash);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(plans > 200);
});

test('a plan is at most 4,000 characters, its last line is the hash, and what is forced is always in it', () => {
  check((some, asked, group) => {
    const outcome = planMove(group, some, asked, at);
    if (!outcome.ready)
      return void assert.ok(outcome.reasons.length > 0 && outcome.reasons.every((why) => why.length > 10));
    const { planText, planHash } = outcome.move;
    assert.ok(planText.length <= 4_000, `${planText.length}`);
    assert.equal(planText.split('\n').at(-1), `plan ${planHash}`);
  });
});

test('nobody is left out but where two kinds of witnesses and our own look say gone, and a hard fence and a near standby are there', () => {
  let automatic = 0;
  const calm = fc.record({ sites: fc.constant([silent('east'), standby('west', { streams: false })] as const) });
  fc.assert(
    fc.property(
      fc.oneof(
        facts,
        fc
          .tuple(facts, calm)
          .map(([some, site]) => ({ ...wellFacts(), ...site, witnesses: some.witnesses, standing: some.standing })),
      ),
      request,
      (some, asked) => {
        const outcome = planMove(groups[1]!, some as MoveFacts, asked, at);
        if (!outcome.ready || !outcome.move.automatic) return;
        automatic += 1;
        const { from, mode, force, restore, lostBytes } = outcome.move;
        const old = some.sites.find(({ site }) => site === from)!;
        const kinds = new Set(some.witnesses.filter(({ says }) => says === 'gone').map(({ kind }) => kind));
        assert.deepEqual([mode, force, restore, asked.proposed], ['failover', false, false, true]);
        assert.ok(kinds.size >= 2 && some.witnesses.every(({ says }) => says !== 'there'));
        assert.equal(old.server.state, 'silent');
        assert.ok(old.fence.strength === 'hard' && (old.fence.fenced || old.fence.possible));
        assert.ok(lostBytes !== null && lostBytes <= groups[1]!.limits.lagBytes);
        const { gone, automatic: last } = some.standing.known ? some.standing.value! : standingOf();
        assert.ok(gone!.looks >= 3 && now.getTime() - Date.parse(gone!.since) >= 120_000);
        assert.ok(last === null || now.getTime() - Date.parse(last.at) >= 3_600_000);
      },
    ),
    { numRuns: 20_000 },
  );
  assert.ok(automatic > 3, `${automatic} were automatic`);
});
