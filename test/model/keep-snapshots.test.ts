import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { planSnapshots, type SnapshotFacts } from '#model/keep-snapshots';
import type { ManagedSnapshot } from '#model/managed-facts';
import type { RetentionRules } from '#model/retention-rules';
import { ownTags, snapshotName } from '#model/snapshot-name';

const [home, away] = ['eu-central-1', 'eu-west-1'];
const now = new Date('2026-11-20T12:00:00Z');
const dayMs = 86_400_000;
const source = { name: 'ledger', database: { type: 'instance' as const, id: 'ledger-db' } };
const arnOf = (machine: string, name: string, stack = 'lifeboat-prod_') =>
  `arn:aws:states:${home}:111122223333:execution:${stack}${machine}:${name}`;

/** Of ours, so many days old; `n3` is three days old. */
function snapshot(ageDays: number, given: Partial<ManagedSnapshot> = {}, region = home): ManagedSnapshot {
  const name = `n${String(ageDays).replace('.', '-')}`;
  const id = snapshotName('ledger', name);
  return {
    ...{ id, arn: `arn:aws:rds:${region}:111122223333:snapshot:${id}`, of: 'ledger-db', type: 'manual' },
    ...{ status: 'available', createdAt: new Date(now.getTime() - ageDays * dayMs), engine: 'postgres' },
    ...{ engineVersion: '16.4', sizeGiB: 100, encrypted: true },
    tags: ownTags('ledger', arnOf('rds-snapshot', name)),
    ...given,
  };
}

const rules = (given: Partial<RetentionRules> = {}): RetentionRules => ({
  ...{ windowDays: 7, daily: 0, weekly: 0, monthly: 0, yearly: 0 },
  ...given,
});
const facts = (snapshots: ManagedSnapshot[], given: Partial<SnapshotFacts> = {}): SnapshotFacts => ({
  ...{ source, timezone: 'UTC', execution: arnOf('retention', 'night'), asked: [], making: [] },
  places: [{ region: home, snapshots }],
  ...given,
});
const ages = (days: readonly number[]) => days.map((day) => snapshot(day));
const short = (id: string) => id.replace('lifeboat-ledger-', '');
const gone = (given: SnapshotFacts, by: Partial<RetentionRules> = {}): string[] =>
  planSnapshots(given, rules(by), now).goes.map(({ snapshot: id, region }) =>
    region === home ? short(id) : `${region} ${short(id)}`,
  );
const rulesOf = (given: SnapshotFacts, id: string, by: Partial<RetentionRules> = {}) =>
  planSnapshots(given, rules(by), now).keeps.find(({ snapshot: kept }) => short(kept) === id)?.rules;

test('what is older than the window goes, but for the newest before it, so that its first day is covered, too', () => {
  assert.deepEqual(gone(facts(ages([20, 9, 8, 7, 6, 1]))), ['n20', 'n9', 'n8']);
  assert.deepEqual(rulesOf(facts(ages([20, 9, 8, 7, 6, 1])), 'n7'), ['window']);
});

test('generations are those of the zone: the last of a day there', () => {
  // at half past midnight in Berlin it is still the day before in UTC
  const late = snapshot(0, { id: snapshotName('ledger', 'late'), createdAt: new Date('2026-10-31T23:30:00Z') });
  const early = snapshot(0, { id: snapshotName('ledger', 'early'), createdAt: new Date('2026-10-31T22:30:00Z') });
  const named = [late, early].map((one) => ({
    ...one,
    tags: ownTags('ledger', arnOf('rds-snapshot', short(one.id))),
  }));
  const all = [...named, ...ages([7, 1])];
  assert.deepEqual(gone(facts(all, { timezone: 'Europe/Berlin' }), { monthly: 2 }), ['late']);
  assert.deepEqual(gone(facts(all, { timezone: 'UTC' }), { monthly: 2 }), ['early']);
});

test('the newest available one stays however old it is, in each region by itself', () => {
  const places = [
    { region: home, snapshots: ages([400, 300]) },
    { region: away, snapshots: [snapshot(400, {}, away), snapshot(350, {}, away)] },
  ];
  assert.deepEqual(gone(facts([], { places })), ['n400', `${away} n400`]);
  assert.deepEqual(gone(facts(ages([400]))), []);
});

test('one that is not available is no newest one, keeps nothing and does not go', () => {
  for (const status of ['creating', 'failed', 'inaccessible-encryption-credentials'])
    assert.deepEqual(gone(facts([snapshot(300), snapshot(200, { status })])), [], status);
  const making = snapshot(30, { status: 'creating', createdAt: undefined });
  assert.deepEqual(rulesOf(facts([making]), 'n30'), ['not available']);
});

describe('is never touched:', () => {
  const old = snapshot(300);
  const newer = snapshot(1);
  const foreign: [what: string, one: ManagedSnapshot][] = [
    ['an automated one', { ...old, type: 'automated' }],
    ['one that AWS Backup made', { ...old, type: 'awsbackup' }],
    ['one that another account shares', { ...old, type: 'shared' }],
    ["somebody's without tags", { ...old, tags: {} }],
    ["another source's", { ...old, tags: { ...old.tags, 'lifeboat:source': 'books' } }],
    ["another database's", { ...old, of: 'orders-db' }],
    ['one that somebody has named otherwise', { ...old, id: 'before-the-migration' }],
    ["one of another execution's name", { ...old, id: snapshotName('ledger', 'other') }],
    ['a copy that somebody made with its tags', { ...old, id: `${old.id}-copy` }],
    ['one with only the tag of the source', { ...old, tags: { 'lifeboat:source': 'ledger' } }],
    ["another machine's", { ...old, tags: ownTags('ledger', arnOf('rds-restore', 'n300')) }],
    ["another stack's", { ...old, tags: ownTags('ledger', arnOf('rds-snapshot', 'n300', 'lifeboat-test_')) }],
    ["a daemon's", { ...old, tags: ownTags('ledger', arnOf('rds-snapshot', 'n300', '')) }],
  ];
  for (const [what, one] of foreign) {
    test(what, () => {
      const plan = planSnapshots(facts([one, newer]), rules(), now);
      assert.deepEqual([plan.goes, plan.keeps.length], [[], 1]);
    });
  }

  const kept: [what: string, given: SnapshotFacts, rule: string][] = [
    [
      'one that is held',
      facts([snapshot(300, { tags: { ...old.tags, 'lifeboat:hold': 'audit' } }), snapshot(9), newer]),
      'held',
    ],
    [
      'one that a question names',
      facts([old, snapshot(9), newer], { asked: [`from snapshot ${old.id}`] }),
      'asked about',
    ],
    [
      'any while a restore is being made',
      facts([old, snapshot(9), newer], { making: ['ledger-back'] }),
      'restored from',
    ],
    [
      'one whose copy is being made',
      facts([], {
        places: [
          { region: home, snapshots: [old, snapshot(9), newer] },
          { region: away, snapshots: [snapshot(300, { status: 'creating', createdAt: undefined }, away)] },
        ],
      }),
      'copied',
    ],
    [
      'one that somebody copies under another name',
      facts([
        old,
        snapshot(9),
        newer,
        snapshot(0.5, { id: 'by-hand', tags: {}, status: 'pending', createdAt: undefined, copyOf: old.arn }),
      ]),
      'copied',
    ],
  ];
  for (const [what, given, rule] of kept) {
    test(what, () => {
      assert.ok(!gone(given).includes('n300'));
      assert.deepEqual(rulesOf(given, 'n300'), [rule]);
    });
  }

  test('one whose execution may still be at work, though the window is a day', () => {
    assert.deepEqual(gone(facts(ages([1.9, 1.5, 0])), { windowDays: 1 }), []);
    assert.deepEqual(gone(facts(ages([2.1, 1.5, 0])), { windowDays: 1 }), ['n2-1']);
  });
});

test("a copy has its original's instant, so both regions keep the same ones", () => {
  // copied 20 hours later, n12 is of the next week
  const days = [20, 13, 12, 11, 9, 6, 1];
  const copies = days.map((day) =>
    snapshot(day, { createdAt: new Date(now.getTime() - day * dayMs + 20 * 3_600_000) }, away),
  );
  const places = [
    { region: home, snapshots: ages(days) },
    { region: away, snapshots: copies },
  ];
  const plan = planSnapshots(facts([], { places }), rules({ weekly: 3 }), now);
  const idsIn = (region: string) => plan.goes.filter((one) => one.region === region).map((one) => one.snapshot);
  assert.deepEqual(idsIn(home).map(short), ['n20', 'n13', 'n11']);
  assert.deepEqual(idsIn(away), idsIn(home));
});

test('what another stack has made of the same source is told, and that a restore holds everything up', () => {
  const other = { ...snapshot(300), tags: ownTags('ledger', arnOf('rds-snapshot', 'n300', 'old_')) };
  const { notes } = planSnapshots(facts([other], { making: ['back'] }), rules(), now);
  assert.match(
    notes.join('\n'),
    /nothing goes in eu-central-1, since back is being made.*\n.*n300 in eu-central-1 stays: another stack/,
  );
});

test('whatever there is: everything of ours is kept or goes, the window stays, and each region keeps its newest', () => {
  const anything = fc.record({
    days: fc.uniqueArray(fc.integer({ min: 0, max: 800 }), { maxLength: 40 }),
    awayDays: fc.uniqueArray(fc.integer({ min: 0, max: 800 }), { maxLength: 40 }),
    windowDays: fc.integer({ min: 1, max: 60 }),
    ...{ daily: fc.nat(9), weekly: fc.nat(9), monthly: fc.nat(9), yearly: fc.nat(3) },
    broken: fc.nat(5),
  });
  fc.assert(
    fc.property(anything, ({ days, awayDays, broken, ...by }) => {
      const status = (day: number) => (broken > 0 && day % broken === 0 ? 'failed' : 'available');
      const places = [
        { region: home, snapshots: days.map((day) => snapshot(day, { status: status(day) })) },
        { region: away, snapshots: awayDays.map((day) => snapshot(day, { status: status(day) }, away)) },
      ];
      const plan = planSnapshots(facts([], { places }), by, now);
      for (const { region, snapshots } of places) {
        const kept = plan.keeps.filter((one) => one.region === region);
        const goes = plan.goes.filter((one) => one.region === region);
        const names = [...kept, ...goes].map(({ snapshot: id }) => id);
        assert.deepEqual(new Set(names), new Set(snapshots.map(({ id }) => id)));
        assert.equal(names.length, snapshots.length);
        for (const one of snapshots) {
          const isKept = kept.some(({ snapshot: id }) => id === one.id);
          if (one.status !== 'available' || one.createdAt!.getTime() > now.getTime() - by.windowDays * dayMs)
            assert.ok(isKept, one.id);
        }
        const good = snapshots.filter(({ status: is }) => is === 'available');
        const newest = good.sort((a, b) => Number(a.createdAt) - Number(b.createdAt)).at(-1);
        if (newest) assert.ok(kept.some(({ snapshot: id, rules: of }) => id === newest.id && of.includes('newest')));
        const atMost = by.daily + by.weekly + by.monthly + by.yearly + 2;
        const old = kept.filter(
          ({ at, rules: of }) => of[0] !== 'not available' && new Date(at!) <= new Date(plan.windowStart),
        );
        assert.ok(old.filter(({ rules: of }) => !of.includes('too young')).length <= atMost);
      }
    }),
  );
});

test('what was decided once more after it was carried out is nothing', () => {
  const days = Array.from({ length: 120 }, (_, day) => day);
  const by = { daily: 10, weekly: 5, monthly: 3 };
  const goes = new Set(gone(facts(ages(days)), by));
  assert.ok(goes.size > 80);
  assert.deepEqual(gone(facts(ages(days).filter(({ id }) => !goes.has(short(id)))), by), []);
});
