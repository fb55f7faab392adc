import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ledByGroup } from '#cli/ask-groups';
import { describeStatus } from '#cli/describe-status';
import { groupProblems, type SeenNow } from '#cli/group-problems';
import { bySql, groupOf, now, standingOf } from '#harness/move-scene';
import type { FailoverStanding } from '#model/failover-standing';

const group = groupOf();
const sites: FailoverStanding['sites'] = [
  { site: 'east', state: 'primary', why: null },
  { site: 'west', state: 'standby', why: null },
];
const seen: SeenNow = { now, move: undefined, running: new Set(), seenFrom: undefined, watchedSince: undefined };
const since = '2026-11-20T02:00:00.000Z';
const problems = (standing: Partial<FailoverStanding> | undefined, more: Partial<SeenNow> = {}, of = group) =>
  groupProblems(of, standing && standingOf({ sites, ...standing }), { ...seen, ...more });

test('of a group that is well nothing is wrong', () => {
  assert.deepEqual(problems({ alone: null }), []);
  assert.deepEqual(problems({}), [], 'as an earlier version kept it');
});

test('no primary is wrong from the first look on, with the move and the runbook', () => {
  const gone = { since, looks: 1, why: 'east does not answer', proposed: null };
  assert.deepEqual(problems({ gone }), [
    {
      ...{ source: 'orders', since, what: 'shop has NO PRIMARY that takes writes: east does not answer' },
      todo: 'lifeboat failover shop (before that: lifeboat runbook failover)',
    },
  ]);
  const told = { kind: 'primary-gone', source: 'orders', since, what: '', todo: '', dedupe: 'x' } as const;
  assert.equal(problems({ gone, findings: [told] }).length, 1, 'once');
});

test('what was proposed is to be answered while it waits, and the move asked for anew once it has ended', () => {
  const gone = { since, looks: 9, why: 'east does not answer', proposed: 'propose-shop-1' };
  assert.match(problems({ gone }, { running: new Set(['propose-shop-1']) })[0]!.todo, /executions propose-shop-1$/);
  assert.match(problems({ gone })[0]!.todo, /^lifeboat failover shop /);
});

describe('no standby that streams', () => {
  const alone = (site: string) => ({ since, site, why: 'is fenced' });

  test('is wrong, with what makes it one again, wherever the primary is', () => {
    for (const site of ['east', 'west']) {
      const [{ what, todo }] = problems({ alone: alone(site) }) as [ReturnType<typeof problems>[number]];
      assert.match(what, new RegExp(`^shop has NO STANDBY that streams: ${site} is fenced; until one does, nothing`));
      assert.equal(todo, 'lifeboat failback shop');
    }
  });

  test('is made by hand where nothing of ours can', () => {
    const hand = groupOf({}, { east: bySql(5432), west: bySql(5433) });
    assert.match(
      problems({ alone: alone('west') }, {}, hand)[0]!.todo,
      /^make west a standby by hand, since control is sql$/,
    );
    assert.match(problems({ alone: alone('east') }, {}, hand)[0]!.todo, /sql; then: lifeboat failback shop$/);
  });

  test('is still wrong while somebody is at work on it, who is named', () => {
    const [problem] = problems({ alone: alone('west') }, { move: 'home-again' });
    assert.equal(
      problem!.todo,
      'home-again is at work on it: lifeboat executions home-again; if that fails: lifeboat failback shop',
    );
  });
});

test('what people were told of is wrong, too: two primaries, names that lead elsewhere', () => {
  const findings = (['two-primaries', 'names-astray'] as const).map((kind) => ({
    ...{ kind, source: 'orders', since, what: `it is ${kind}`, todo: 'do it', dedupe: kind },
  }));
  assert.deepEqual(
    problems({ findings }).map(({ what }) => what),
    ['it is two-primaries', 'it is names-astray'],
  );
});

test('what was seen long ago says so, and so does what was never seen', () => {
  const at = new Date(now.getTime() - 20 * 60_000).toISOString();
  assert.match(
    problems({ at })[0]!.what,
    /^nobody has looked at shop for 20m: what is told of it may be wrong by now$/,
  );
  for (const never of [undefined, { at: new Date(0).toISOString(), sites: [] }])
    assert.match(problems(never)[0]!.what, /^nobody has looked at shop yet$/);
  const started = new Date(now.getTime() - 30_000).toISOString();
  assert.deepEqual(problems(undefined, { watchedSince: started }), [], 'a daemon has just begun');
  assert.deepEqual(problems(undefined, { seenFrom: 'eu-west-1' }), [], 'the stack there looks');
});

test('a server that cannot be reached leads to the group that can move', () => {
  const problem = { source: 'orders', what: 'the server cannot be reached: no', since, todo: 'lifeboat init --check' };
  assert.match(ledByGroup(problem, [group]).todo, /where the primary is gone: lifeboat failover shop$/);
  assert.equal(ledByGroup(problem, []), problem);
  assert.equal(ledByGroup({ ...problem, what: 'a gap' }, [group]).todo, problem.todo);
});

test('the line of a group says in capitals what is wrong with it', () => {
  const lineOf = (standing: Partial<FailoverStanding>) =>
    describeStatus({
      ...{ now, sources: [], groups: [standingOf({ sites, ...standing })], daemon: undefined, stack: undefined },
      ...{ services: [], next: [], running: [], questions: [], ended: [], problems: [] },
    }).split('\n')[0];
  const two = sites.map((site) => ({ ...site, state: 'primary' as const }));
  assert.equal(lineOf({ sites: two }), 'group     shop: TWO PRIMARIES, at east and west (seen 30s ago)');
  assert.equal(
    lineOf({ alone: { since, site: 'west', why: 'is fenced' } }),
    `group     shop: the primary is at east, with NO STANDBY since ${since} (seen 30s ago)`,
  );
});
