import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MoveFacts } from '#failover/move-facts';
import { moveHash } from '#failover/move-hash';
import { type MoveOutcome, planMove } from '#failover/plan-move';
import type { MoveRequest, PlannedMove } from '#failover/planned-move';
import {
  absent,
  ago,
  behind,
  bySql,
  end,
  groupOf,
  known,
  movable,
  now,
  primary,
  silent,
  standby,
  standingOf,
  unknown,
  wellFacts,
} from '#harness/move-scene';
import { lsn } from '#model/lsn';

const group = groupOf();
const plan = (facts: Partial<MoveFacts>, request: MoveRequest = {}, of = group): MoveOutcome =>
  planMove(of, wellFacts(facts), request, { now });

function ready(outcome: MoveOutcome): PlannedMove {
  assert.ok(outcome.ready, outcome.ready ? '' : outcome.reasons.join('; '));
  return outcome.move;
}

function reasons(outcome: MoveOutcome): string[] {
  assert.ok(!outcome.ready, 'there is a plan');
  return outcome.reasons;
}

const gone = { sites: [silent('east'), standby('west', { streams: false })] } as const;

describe('what kind of a move it is', () => {
  const moves: [what: string, facts: Partial<MoveFacts>, request: MoveRequest, expected: Partial<PlannedMove>][] = [
    ['the primary answers', {}, {}, { mode: 'failover', from: 'east', to: 'west', gently: false, rebuildAfter: false }],
    ['the primary is gone', gone, {}, { mode: 'failover', from: 'east', to: 'west', lostBytes: 0 }],
    ['planned', {}, { planned: true }, { mode: 'switchover', gently: true, lostBytes: 0, rebuildAfter: true }],
    ['a rehearsal', {}, { rehearse: true }, { mode: 'rehearsal', from: 'east', to: 'west', gently: false }],
    ['to the primary itself', {}, { to: 'east' }, { mode: 'finish', from: 'west', to: 'east' }],
    [
      'west was promoted, and the names lead to east yet',
      { sites: [silent('east', { fenced: true }), primary('west', { timeline: 2 })] },
      {},
      { mode: 'finish', from: 'east', to: 'west' },
    ],
    [
      'west was promoted, the names follow, and capacity does not',
      {
        sites: [silent('east', { fenced: true }), primary('west', { timeline: 2 })],
        movables: [movable('names', 'to-west'), movable('capacity', 'to-east')],
      },
      {},
      { mode: 'finish', from: 'east', to: 'west' },
    ],
    [
      'west is the primary, all follows, and east is a standby again',
      {
        sites: [standby('east'), primary('west')],
        movables: [movable('names', 'to-west'), movable('capacity', 'to-west')],
      },
      {},
      { mode: 'failover', from: 'west', to: 'east' },
    ],
    [
      'capacity that somebody scaled is no half move, where the standby can take over',
      { movables: [movable('names', 'to-east'), movable('capacity', '7')] },
      {},
      { mode: 'failover', from: 'east', to: 'west' },
    ],
    [
      'no standby lives at west',
      { sites: [silent('east'), absent('west')] },
      { to: 'west' },
      { mode: 'failover', restore: true, lostBytes: null },
    ],
  ];
  for (const [what, facts, request, expected] of moves) {
    test(what, () => {
      const move = ready(plan(facts, request));
      const found = Object.fromEntries(Object.keys(expected).map((key) => [key, move[key as keyof PlannedMove]]));
      assert.deepEqual(found, expected);
    });
  }

  test('which site it goes to has to be said where nothing tells, and the watch may tell', () => {
    const both = [silent('east'), silent('west')] as const;
    assert.match(reasons(plan({ sites: both }))[0]!, /it has to be said which one to move to: east does not answer/);
    assert.match(reasons(plan({ sites: both, standing: known(standingOf()) }))[0]!, /^west does not answer/);
    const fenced = { sites: [standby('east', { streams: false }), standby('west', { streams: false })] } as const;
    assert.match(reasons(plan(fenced))[0]!, /has to be said/);
    assert.equal(ready(plan({ ...fenced, standing: known(standingOf({ primary: 'east' })) })).to, 'west');
  });

  const stored = { backups: 3, systemId: '7710121666982256801', timeline: 2, end, at: ago(2) };
  const ledToWest = [movable('names', 'to-west')];

  test('the rest of a move does not lead to a primary of before another promotion, forced or not', () => {
    const back = { sites: [primary('east'), silent('west')], movables: ledToWest, bucket: known(stored) } as const;
    for (const request of [{}, { to: 'east' }, { to: 'east', force: true }])
      assert.match(
        reasons(plan(back, request))[0]!,
        /^east takes writes on timeline 1, and the bucket has WAL of timeline 2/,
      );
    const seen = { ...back, sites: [primary('east'), primary('west', { timeline: 2 }, { fenced: true })] } as const;
    assert.match(
      reasons(plan({ ...seen, bucket: unknown('no answer') }, { to: 'east' }))[0]!,
      /and west is on timeline 2/,
    );
  });

  test('and it goes on to a primary that nothing newer is known of', () => {
    const promoted = { sites: [silent('east', { fenced: true }), primary('west', { timeline: 2 })] } as const;
    for (const bucket of [known(stored), known({ ...stored, systemId: '7', timeline: 9 }), unknown('no answer')])
      assert.equal(ready(plan({ ...promoted, bucket })).mode, 'finish');
  });

  describe('a standby of a clone, which has the same system and timeline,', () => {
    const east = (slot: string | null, name: string) => primary('east', { followers: [{ slot, name }] });
    const west = (slot: string | null, name: string | null) => standby('west', { follows: { slot, name } });
    const cases: [what: string, sites: MoveFacts['sites'], isClone: boolean][] = [
      [
        'is one that east has no stream through the slot of',
        [east('lifeboat_west', 'west'), west('other', 'west')],
        true,
      ],
      ['is one that east streams to nobody', [primary('east', { followers: [] }), west('lifeboat_west', 'west')], true],
      ['without a slot it is one whose name east does not know', [east(null, 'reports'), west(null, 'west')], true],
      ['is none that has the slot at east', [east('lifeboat_west', 'x'), west('lifeboat_west', 'west')], false],
      ['is none whose name east knows', [east(null, 'west'), west(null, 'west')], false],
      ['is not seen where one of them does not tell', [primary('east'), west('other', 'west')], false],
    ];
    for (const [what, sites, isClone] of cases) {
      test(what, () => {
        const outcome = plan({ sites }, { planned: true });
        if (isClone) assert.match(reasons(outcome)[0]!, /it follows another server, perhaps a clone/);
        else assert.equal(ready(outcome).mode, 'switchover');
      });
    }

    test('is not taken for one that follows a newer timeline', () => {
      const sites = [primary('east', { timeline: 2, followers: [] }), west('lifeboat_west', 'west')] as const;
      assert.match(reasons(plan({ sites }))[0]!, /west is behind: on timeline 1, and east on 2/);
    });
  });

  test('a planned move promises that nothing is lost only where the fence cannot be evaded', () => {
    const textOf = (strength: 'hard' | 'soft', request: MoveRequest) =>
      ready(plan({ sites: [primary('east', {}, { strength }), standby('west')] }, request)).planText;
    assert.match(textOf('hard', { planned: true }), /loses +nothing, if it completes/);
    assert.match(textOf('soft', { planned: true }), /loses +nothing of clients that follow the rules.*may lose them/);
    assert.match(textOf('hard', {}), /--planned` loses nothing/);
    assert.match(textOf('soft', {}), /--planned` loses less/);
  });

  test('what is rebuilt afterwards is what can be', () => {
    const sql = groupOf({}, { east: bySql(5432) });
    assert.equal(ready(plan({}, { planned: true }, sql)).rebuildAfter, false);
  });
});

describe('what stands against it', () => {
  const lag = 500 << 20;
  const against: [what: string, facts: Partial<MoveFacts>, request: MoveRequest, said: RegExp, forced: 'goes' | 'stays'][] = [
    ['it cannot be fenced', { ...gone, sites: [silent('east', { possible: false }), gone.sites[1]] }, {}, /cannot be fenced/, 'goes'],
    ['it cannot be fenced and takes writes', { sites: [primary('east', {}, { possible: false }), standby('west')] }, {}, /there would be two primaries/, 'stays'],
    ['too much is not received', { sites: [primary('east'), standby('west', { lsn: behind(lag) })] }, {}, /has received 500 MiB less than east: 16.0 MiB/, 'goes'],
    ['too much is not replayed', { sites: [primary('east'), standby('west', { lsn: behind(lag), received: end, replayedAt: now })] }, {}, /has replayed 500 MiB less/, 'goes'],
    ['too long behind', { sites: [primary('east'), standby('west', { lsn: behind(1), replayedAt: ago(600) })] }, {}, /west is 10m behind: 1m/, 'goes'],
    ['behind the bucket', { sites: [silent('east'), standby('west', { lsn: behind(lag), streams: false })] }, {}, /less than what is in the bucket/, 'goes'],
    ['another system', { sites: [primary('east'), standby('west', { systemId: '7' })] }, {}, /west is another system \(7\) than east/, 'stays'],
    ['another system than in the bucket', { sites: [silent('east'), standby('west', { systemId: '7' })] }, {}, /than the one in the bucket/, 'stays'],
    ['an old timeline', { sites: [primary('east', { timeline: 2 }), standby('west', { streams: false })] }, {}, /west is behind: on timeline 1/, 'goes'],
    ['a fork', { sites: [primary('east'), standby('west', { timeline: 2, streams: false })] }, {}, /west has forked/, 'goes'],
    ['an old timeline by the bucket', { ...gone, bucket: known({ backups: 1, systemId: '7710121666982256801', timeline: 3, end, at: null }) }, {}, /the bucket has WAL of 3/, 'goes'],
    ['a name that cannot be put', { movables: [movable('names', 'to-east', { problems: ['no such zone'] })] }, {}, /names cannot be put: no such zone/, 'goes'],
    ['no server at west', { sites: [primary('east'), silent('west')] }, {}, /^west does not answer: connect/, 'stays'],
    ['a fenced primary at west', { sites: [silent('east'), primary('west', {}, { fenced: true })] }, { to: 'west' }, /a primary that is fenced, and no standby/, 'stays'],
    ['nothing to restore from', { sites: [silent('east'), absent('west')], bucket: known({ backups: 0, systemId: null, timeline: null, end: null, at: null }) }, {}, /the bucket has no backup of orders/, 'stays'],
    ['a bucket that says nothing to restore from', { sites: [silent('east'), absent('west')], bucket: unknown('503') }, {}, /what the bucket has is not known: 503/, 'stays'],
    ['backups of another system to restore from', { sites: [primary('east', { systemId: '7' }), absent('west')] }, {}, /the backups are of system/, 'stays'],
  ]; // biome-ignore format: a table
  for (const [what, facts, request, said, forced] of against) {
    test(what, () => {
      assert.match(reasons(plan(facts, request)).join('\n'), said);
      const forcing = plan(facts, { ...request, force: true });
      assert.equal(forcing.ready, forced === 'goes', 'force');
      if (forcing.ready) assert.match(forcing.move.planText, /FORCED/);
    });
  }

  test('a control that leads to the other server stands against every move, whoever forces it, and both are named', () => {
    const at = (name: string) => ({ of: `/srv/${name}`, elsewhere: true as const, fenced: false, possible: false });
    const west = standby('west', { streams: false, dataDir: '/srv/west' });
    const crossed: [of: string, facts: MoveFacts['sites'], said: RegExp][] = [
      ['from', [silent('east', at('west')), west], /the control of east leads to \/srv\/west, .* the server of west/],
      [
        'to',
        [primary('east', { dataDir: '/srv/east' }), { ...standby('west'), fence: { ...west.fence, ...at('east') } }],
        /the control of west leads to \/srv\/east, .* the server of east/,
      ],
      [
        'to, where its data lies is not told',
        [primary('east'), { ...standby('west'), fence: { ...west.fence, ...at('east'), how: 'to port 7' } }],
        /west is no place to move to from east: to port 7/,
      ],
    ];
    for (const [of, sites, said] of crossed)
      for (const request of [{}, { force: true }, { to: 'west', planned: true, force: true }])
        assert.match(reasons(plan({ sites }, request)).join('\n'), said, of);
  });

  test('who forces something else has not said that it may go on without a fence', () => {
    const force = (facts: Partial<MoveFacts>) => ready(plan(facts, { force: true })).force;
    const late = [primary('east'), standby('west', { lsn: behind(lag) })] as const;
    const unfenced = [silent('east', { possible: false }), gone.sites[1]] as const;
    assert.deepEqual([force({ sites: late }), force(gone), force({ ...gone, sites: unfenced })], [false, false, true]);
  });

  test('a planned move needs a primary that answers and a standby that streams, and nobody forces it', () => {
    assert.match(reasons(plan(gone, { planned: true }))[0]!, /needs a primary that answers, and east does not answer/);
    const still = { sites: [primary('east'), standby('west', { streams: false })] } as const;
    assert.match(reasons(plan(still, { planned: true, force: true }))[0]!, /does not stream from east/);
    assert.match(reasons(plan({ sites: [primary('east'), absent('west')] }, { planned: true }))[0]!, /needs a standby/);
  });

  test('only a site whose files are here can be restored from the bucket', () => {
    const sql = groupOf({}, { west: bySql(5433) });
    assert.match(
      reasons(plan({ sites: [silent('east'), absent('west')] }, {}, sql))[0]!,
      /only a site with control: local/,
    );
  });

  test('two primaries are refused, whatever is asked for', () => {
    const sites = [primary('east'), primary('west', { timeline: 2 })] as const;
    for (const request of [
      {},
      { force: true },
      { planned: true },
      { rehearse: true },
      { to: 'west' },
      { to: 'east' },
    ]) {
      const outcome = plan({ sites }, request);
      assert.ok(!outcome.ready && 'twoPrimaries' in outcome);
      assert.match(outcome.reasons[0]!, /both take writes/);
    }
  });

  test('what is proposed is over when the primary answers', () => {
    assert.match(reasons(plan({}, { proposed: true }))[0]!, /^the primary answers again: east/);
  });

  test('every reason is said at once', () => {
    const facts = {
      sites: [silent('east', { possible: false }), standby('west', { lsn: behind(lag), streams: false, timeline: 0 })],
      movables: [movable('names', 'to-east', { problems: ['no such zone'] })],
    } as const;
    const said = reasons(plan(facts)).join('\n');
    for (const one of [/cannot be fenced/, /west is behind: on timeline 0/, /500 MiB less/, /no such zone/])
      assert.match(said, one);
  });

  test('neither proofs, copies, capacity nor settings stand against it: they are said', () => {
    const move = ready(
      plan({
        proof: known(null),
        replication: known({
          here: { region: 'eu-west-1', manifests: 3, newest: 'c' },
          there: { region: 'eu-central-1', manifests: 2, newest: 'b' },
        }),
        movables: [
          movable('capacity', 'to-east', { problems: ['quota 5'] }),
          movable('settings', '', { current: unknown('timeout') }),
        ],
        bucket: unknown('503'),
      }),
    );
    for (const said of [
      /ever proven/,
      /eu-west-1 has 3 backups .*eu-central-1 2/,
      /quota 5/,
      /could not be read: timeout/,
      /503/,
    ])
      assert.match(move.planText, said);
  });
});

test('the loss is what the old primary had and the standby has not, and not known where nobody can', () => {
  assert.equal(ready(plan({ sites: [primary('east'), standby('west', { lsn: behind(1_000) })] })).lostBytes, 1_000);
  assert.equal(
    ready(plan({ ...gone, sites: [gone.sites[0], standby('west', { lsn: behind(2_000) })] })).lostBytes,
    2_000,
  );
  assert.equal(ready(plan({ ...gone, bucket: unknown('503') })).lostBytes, null);
  const restored = ready(plan({ sites: [primary('east', { lsn: lsn(end + 500n) }), absent('west')] }));
  assert.equal(restored.lostBytes, 500);
  assert.match(restored.planText, /last commit that is stored \(2026-11-20T02:59:58.000Z, 2s ago\)/);
});

test('a standby that streams follows its primary, whatever its control file says of the timeline', () => {
  assert.ok(plan({ sites: [primary('east', { timeline: 2 }), standby('west')] }).ready);
});

describe('the hash', () => {
  const hashOf = (facts: Partial<MoveFacts>, request: MoveRequest = {}) => ready(plan(facts, request)).planHash;
  const first = hashOf({});
  const same: [string, Partial<MoveFacts>][] = [
    [
      'while both go on',
      { sites: [primary('east', { lsn: lsn(end + 9_000n) }), standby('west', { lsn: lsn(end + 8_000n) })] },
    ],
    [
      'while the old primary is found in another state',
      { sites: [primary('east', {}, { how: 'its postmaster is dead' }), standby('west')] },
    ],
    [
      'while the bucket fills',
      { bucket: known({ backups: 9, systemId: '7710121666982256801', timeline: 1, end: lsn(end + 1n), at: now }) },
    ],
    [
      'while capacity is scaled by others',
      {
        movables: wellFacts().movables.map((one) => (one.part === 'capacity' ? { ...one, current: known('9') } : one)),
      },
    ],
    ['when a witness changes its mind', { witnesses: [{ what: 'w', kind: 'http', says: 'gone', detail: '' }] }],
  ];
  for (const [what, facts] of same) test(`stays ${what}`, () => assert.equal(hashOf(facts), first));

  const others: [string, () => string][] = [
    ['the primary is gone', () => hashOf(gone)],
    ['the primary is fenced', () => hashOf({ sites: [primary('east', {}, { fenced: true }), standby('west')] })],
    ['it is planned', () => hashOf({}, { planned: true })],
    ['it is forced', () => hashOf({}, { force: true })],
    [
      'the control leads elsewhere',
      () => hashOf({ sites: [primary('east', {}, { of: '/srv/other' }), standby('west')] }),
    ],
    ['the fence is soft', () => hashOf({ sites: [primary('east', {}, { strength: 'soft' }), standby('west')] })],
    ['the fence works otherwise', () => ready(plan({}, {}, groupOf({}, { east: bySql(5432) }))).planHash],
    [
      'the timeline is another',
      () => hashOf({ sites: [primary('east', { timeline: 2 }), standby('west', { timeline: 2 })] }),
    ],
    [
      'a name gets another value',
      () => hashOf({ movables: [movable('names', 'to-east', { wanted: { east: 'to-east', west: 'x' } })] }),
    ],
  ];
  for (const [what, make] of others) test(`is another when ${what}`, () => assert.notEqual(make(), first));

  test('is another when it is forced in spite of something else', () => {
    const late = [primary('east'), standby('west', { lsn: lsn(end - (500n << 20n)) })] as const;
    const movables = [movable('names', 'to-east', { problems: ['no such zone'] })];
    const hashes = [{}, { sites: late }, { movables }, { sites: late, movables }].map((one) =>
      hashOf(one, { force: true }),
    );
    assert.equal(new Set(hashes).size, 4);
  });

  test('does not depend on the order in which the decision was put together', () => {
    const outcome = plan({});
    assert.ok(outcome.ready);
    const turned = Object.fromEntries(Object.entries(outcome.decided).reverse()) as typeof outcome.decided;
    assert.equal(moveHash(turned), outcome.move.planHash);
  });
});
