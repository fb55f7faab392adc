import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgePrimary, type PrimaryLook } from '#failover/judge-primary';
import fc from '#harness/fast-check';
import { absent, bySql, groupOf, now, primary, silent, standby } from '#harness/move-scene';
import type { FailoverGroup } from '#model/failover-group';
import type { FailoverStanding } from '#model/failover-standing';

const proposing = groupOf({ proposeAfter: '3m' });
const well: PrimaryLook['sites'] = [primary('east'), standby('west')];
const gone: PrimaryLook['sites'] = [silent('east'), standby('west', { streams: false })];
const minute = (count: number) => new Date(now.getTime() + count * 60_000);

/** A watch that looks by itself: what it told, and what it proposed. */
class Watch {
  standing: FailoverStanding | undefined;
  readonly told: string[] = [];
  readonly proposed: string[] = [];
  readonly group: FailoverGroup;

  constructor(group = proposing) {
    this.group = group;
  }

  look(at: number, sites: PrimaryLook['sites'], more: Partial<PrimaryLook> = {}): void {
    const look = { sites, witnesses: [], moving: null, names: [], ...more };
    const { standing, changes, proposal } = judgePrimary(this.group, this.standing, look, minute(at));
    this.standing = standing;
    this.told.push(...changes.raised.map(({ kind }) => kind), ...changes.ended.map(({ kind }) => `over: ${kind}`));
    if (proposal) this.proposed.push(proposal.execution);
  }
}

test('an outage is told after three looks and proposed once, when it has lasted', () => {
  const watch = new Watch();
  watch.look(0, well);
  for (const at of [1, 2]) watch.look(at, gone);
  assert.deepEqual([watch.told, watch.proposed], [[], []]);
  watch.look(3, gone);
  assert.deepEqual([watch.told, watch.proposed], [['primary-gone'], []]);
  for (const at of [4, 5, 6, 7, 8]) watch.look(at, gone);
  assert.deepEqual(watch.proposed, ['propose-shop-20261120T030100Z']);
  watch.look(9, well);
  assert.deepEqual(watch.told, ['primary-gone', 'over: primary-gone']);
  assert.equal(watch.standing?.gone, null);
});

test('a flap is neither told nor proposed', () => {
  const watch = new Watch(groupOf({ proposeAfter: '1s' }));
  for (let at = 0; at < 30; at++) watch.look(at, at % 3 === 2 ? well : gone);
  assert.deepEqual([watch.told, watch.proposed], [[], []]);
});

test('the next outage is proposed under another name', () => {
  const watch = new Watch();
  for (let at = 0; at < 20; at++) watch.look(at, at === 10 ? well : gone);
  assert.deepEqual(watch.proposed, ['propose-shop-20261120T030000Z', 'propose-shop-20261120T031100Z']);
});

test('without proposeAfter nobody is asked, and it is told all the same', () => {
  const watch = new Watch(groupOf());
  for (let at = 0; at < 60; at++) watch.look(at, gone);
  assert.deepEqual([watch.told, watch.proposed], [['primary-gone'], []]);
});

test('looks that lie far apart are no row; what was proposed stays proposed', () => {
  const watch = new Watch();
  for (const at of [0, 10, 20, 30]) watch.look(at, gone);
  assert.deepEqual([watch.told, watch.proposed, watch.standing?.gone?.looks], [[], [], 1]);
  for (const at of [31, 32, 33, 34]) watch.look(at, gone);
  assert.deepEqual(watch.proposed, ['propose-shop-20261120T033000Z']);
  for (const at of [100, 101, 102, 103, 104, 105]) watch.look(at, gone);
  assert.equal(watch.proposed.length, 1);
  assert.deepEqual(watch.told, ['primary-gone']);
});

describe('a question that nobody could say yes to is not asked', () => {
  const cases: [string, FailoverGroup, PrimaryLook['sites'], number][] = [
    ['neither answers', proposing, [silent('east'), silent('west')], 0],
    ['nothing is at west, and it can be restored there', proposing, [silent('east'), absent('west')], 1],
    [
      'nothing is at west, nor can be',
      groupOf({ proposeAfter: '3m' }, { west: bySql(5433) }),
      [silent('east'), absent('west')],
      0,
    ],
  ];
  for (const [what, group, sites, proposals] of cases) {
    test(what, () => {
      const watch = new Watch(group);
      watch.look(0, well);
      for (let at = 1; at < 10; at++) watch.look(at, sites);
      assert.deepEqual([watch.told, watch.proposed.length], [['primary-gone'], proposals]);
    });
  }

  test('and it is as soon as the standby answers', () => {
    const watch = new Watch();
    for (let at = 0; at < 10; at++) watch.look(at, at < 8 ? [silent('east'), silent('west')] : gone);
    assert.equal(watch.proposed.length, 1);
  });
});

test('while an execution moves the group nothing is counted, told or proposed', () => {
  const watch = new Watch();
  watch.look(0, well);
  const moved: PrimaryLook['sites'] = [silent('east', { fenced: true }), standby('west', { streams: false })];
  for (let at = 1; at < 20; at++) watch.look(at, moved, { moving: 'one', names: [{ what: 'db', leadsTo: ['east'] }] });
  assert.deepEqual([watch.told, watch.proposed, watch.standing?.gone], [[], [], null]);
  watch.look(20, moved);
  assert.deepEqual([watch.standing?.gone?.since, watch.standing?.gone?.looks], [minute(20).toISOString(), 1]);
});

test('what was gone before a move is counted anew behind it, and proposed no second time', () => {
  const watch = new Watch();
  for (const at of [0, 1]) watch.look(at, gone);
  watch.look(2, gone, { moving: 'one' });
  for (const at of [3, 4, 5]) watch.look(at, gone);
  assert.deepEqual([watch.proposed, watch.standing?.gone?.since], [[], minute(3).toISOString()]);
  watch.look(6, gone);
  assert.deepEqual(watch.proposed, ['propose-shop-20261120T030300Z']);
  for (const at of [7, 8]) watch.look(at, gone, { moving: 'two' });
  for (const at of [9, 10, 11, 12, 13, 14]) watch.look(at, gone);
  assert.deepEqual([watch.proposed.length, watch.standing?.gone?.looks], [1, 6]);
});

test('two primaries are told at the first look, also while somebody moves, and once', () => {
  const watch = new Watch();
  for (const at of [0, 1, 2])
    watch.look(at, [primary('east'), primary('west', { timeline: 2 })], { moving: at > 0 ? 'one' : null });
  assert.deepEqual(watch.told, ['two-primaries']);
  assert.match(watch.standing!.findings[0]!.todo, /stop the server of the other one at once and keep its data/);
  watch.look(3, [primary('east', {}, { fenced: true }), primary('west', { timeline: 2 })]);
  assert.deepEqual(watch.told, ['two-primaries', 'over: two-primaries']);
});

test('names that lead to a server that is fenced are told, until they follow; what cannot be read changes nothing', () => {
  const watch = new Watch();
  const after: PrimaryLook['sites'] = [silent('east', { fenced: true }), primary('west', { timeline: 2 })];
  const to = (...leadsTo: string[]) => ({ names: [{ what: 'file /srv/endpoint', leadsTo }] });
  watch.look(0, after, to('east'));
  assert.deepEqual(watch.told, ['names-astray']);
  assert.match(
    watch.standing!.findings[0]!.what,
    /endpoint lead clients of shop to east, which is fenced, and the primary is at west/,
  );
  watch.look(1, after, { names: null });
  watch.look(2, after, to('east'));
  assert.deepEqual(watch.told, ['names-astray']);
  watch.look(3, after, to('west'));
  assert.deepEqual(watch.told, ['names-astray', 'over: names-astray']);
  watch.look(4, after, to('east', 'west'));
  watch.look(5, after, to());
  assert.equal(watch.told.length, 2, 'a name that is the same for both, or leads elsewhere, is not judged');
});

test('whatever happens, each outage is proposed once at most, only after three looks and the time, and never while a primary is seen', () => {
  const look = fc.record({
    pause: fc.constantFrom(1, 1, 1, 1, 2, 7),
    sites: fc.constantFrom(well, gone, gone, gone, [silent('east'), silent('west')] as const),
    moving: fc.constantFrom(null, null, null, null, 'one'),
  });
  let proposals = 0;
  fc.assert(
    fc.property(fc.array(look, { maxLength: 60 }), (looks) => {
      const watch = new Watch();
      let [at, row, since] = [0, 0, 0];
      let proposed = 0;
      for (const { pause, sites, moving } of looks) {
        at += pause;
        watch.look(at, sites, { moving });
        row = sites === well || moving ? 0 : row + 1;
        if (row === 1) since = at;
        if (sites === well) proposed = 0;
        const made = watch.proposed.length - proposals;
        proposals += made;
        proposed += made;
        assert.ok(proposed <= 1);
        if (made > 0) assert.ok(row >= 3 && at - since >= 3 && !moving);
      }
      proposals = 0;
    }),
    { numRuns: 2_000 },
  );
});

describe('a primary without a standby that streams', () => {
  const alone: PrimaryLook['sites'] = [primary('east'), standby('west', { streams: false })];

  test('is kept from the first look on, with since when and why; nobody is told', () => {
    const watch = new Watch();
    watch.look(0, well);
    assert.equal(watch.standing?.alone, null);
    for (const at of [1, 2, 3, 4]) watch.look(at, alone);
    assert.deepEqual(watch.standing?.alone, {
      ...{ since: minute(1).toISOString(), site: 'west', why: 'answers as a standby, and does not stream' },
    });
    assert.deepEqual(watch.told, []);
    watch.look(5, well);
    assert.equal(watch.standing?.alone, null);
  });

  test('is one whatever the other site is, and begins anew when that changes sides', () => {
    const watch = new Watch();
    for (const [at, other] of [
      absent('west'),
      silent('west', { fenced: true }),
      primary('west', {}, { fenced: true }),
    ].entries()) {
      watch.look(at, [primary('east'), other]);
      assert.equal(watch.standing?.alone?.since, minute(0).toISOString());
    }
    watch.look(3, [silent('east', { fenced: true }), primary('west')]);
    assert.deepEqual([watch.standing?.alone?.site, watch.standing?.alone?.since], ['east', minute(3).toISOString()]);
  });

  test('is none where there is no primary, or where there are two', () => {
    const watch = new Watch();
    for (const sites of [gone, [primary('east'), primary('west')] as const]) {
      watch.look(0, sites);
      assert.equal(watch.standing?.alone, null);
    }
  });
});
