import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import type { CostName } from '#model/cost-line';
import { type ManagedCostFacts, managedCost } from '#model/cost-managed';
import { listPrices, type Prices } from '#model/prices';

const facts: ManagedCostFacts = {
  type: 'instance',
  databaseBytes: 100e9,
  ratio: 4,
  changedPerDay: 0.02,
  snapshots: [{ perMonth: 30, days: 10 }],
  copied: true,
  dumps: [],
  schemaOnly: false,
  restoreTest: true,
  retentionsPerMonth: 0,
  goes: true,
  lockDays: 14,
  tiers: {},
  replicated: false,
};
const free = Object.fromEntries(Object.keys(listPrices).map((name) => [name, 0])) as Prices;
const lineOf = (given: Partial<ManagedCostFacts>, prices: Partial<Prices>, what: CostName) =>
  managedCost({ ...facts, ...given }, { ...free, ...prices }).find((line) => line.what === what);
const dollarsOf = (given: Partial<ManagedCostFacts>, prices: Partial<Prices>, what: CostName): number =>
  lineOf(given, prices, what)!.dollars;
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, expected), `${actual}, expected ${expected}`);

describe('what a database that RDS runs costs us in a month', () => {
  test('is what its snapshots hold beyond its own size', () => {
    // ten of them: the first one, and 2 GB for each day
    near(dollarsOf({}, { snapshotGbMonth: 1 }, 'snapshots'), 20);
    assert.equal(lineOf({}, free, 'snapshots')!.basis, '10.0 of them are 120 GB, 20 GB of it beyond what is free');
    near(dollarsOf({ type: 'cluster' }, { clusterSnapshotGbMonth: 1 }, 'snapshots'), 20);
  });

  test('is nothing for what has room in the size of the database', () => {
    near(dollarsOf({ snapshots: [{ perMonth: 1, days: 30 }] }, { snapshotGbMonth: 1 }, 'snapshots'), 0);
    near(dollarsOf({ snapshots: [] }, { snapshotGbMonth: 1 }, 'snapshots'), 0);
  });

  test('takes no snapshot for larger than the database, however long ago the one before it was', () => {
    // one a year for ten years: ten in full, and one is free
    near(dollarsOf({ snapshots: [{ perMonth: 1 / 12, days: 3600 }] }, { snapshotGbMonth: 1 }, 'snapshots'), 900);
  });

  test('has of rare old ones what changed since, at most all of it', () => {
    const snapshots = [
      { perMonth: 29, days: 10 },
      { perMonth: 1, days: 370 },
    ];
    // a tenth a day for ten days; of each month beyond, the whole database
    near(dollarsOf({ snapshots, changedPerDay: 0.1 }, { snapshotGbMonth: 1 }, 'snapshots'), 100 + 1200);
  });

  test('has nothing free in the other region, and a transfer of what is new', () => {
    near(dollarsOf({}, { snapshotGbMonth: 1 }, 'copies'), 120);
    near(dollarsOf({}, { otherRegionGb: 1 }, 'copies'), 30 * 2);
    assert.equal(lineOf({ copied: false }, listPrices, 'copies'), undefined);
  });

  test('copies all of a cluster each time', () => {
    near(dollarsOf({ type: 'cluster' }, { clusterSnapshotGbMonth: 1 }, 'copies'), 1000);
    near(dollarsOf({ type: 'cluster' }, { otherRegionGb: 1 }, 'copies'), 3000);
  });

  test('has a machine that looks each minute until snapshot and copy are there, and a watch', () => {
    // 2 GB are there within a minute
    near(dollarsOf({}, { transitionThousand: 1000 }, 'machines'), 30 * (10 + 4 + 2 + 3));
    near(dollarsOf({ copied: false }, { transitionThousand: 1000 }, 'machines'), 30 * (10 + 4));
    near(dollarsOf({}, { lambdaMillion: 1e6 }, 'machines'), 30 * (3 + 1) + 43_200);
    // 100 GB take 17
    near(dollarsOf({ type: 'cluster' }, { transitionThousand: 1000 }, 'machines'), 30 * (10 + 4 + 2 + 17 * 3));
    near(dollarsOf({}, { metricMonth: 1 }, 'cloudwatch'), 5);
    near(dollarsOf({}, { alarmMonth: 1 }, 'cloudwatch'), 3);
  });

  test('has dumps in the bucket like any other source, and in its copy', () => {
    const given = { dumps: [{ perMonth: 3, days: 16 }], replicated: true, retentionsPerMonth: 30 };
    near(dollarsOf(given, { standardGbMonth: 1 }, 'storage'), 3 * 25);
    near(dollarsOf(given, { standardGbMonth: 1 }, 'second region'), 3 * 25);
    near(dollarsOf(given, { otherRegionGb: 1 }, 'second region'), 3 * 25);
    near(dollarsOf(given, { fargateCpuHour: 3600 }, 'dumps'), 3 * (2 + 4) * (1000 + 60));
    near(dollarsOf(given, { getThousand: 1000 }, 'retention'), 30 * (2 * 1.6 + 20) + 3);
    near(dollarsOf(given, { kmsKeyMonth: 1 }, 'kms'), 3);
    const without = managedCost(facts, listPrices).map(({ what }) => what);
    assert.deepEqual(without, ['snapshots', 'copies', 'machines', 'cloudwatch']);
  });

  test('does not fall when more is kept or changed', () => {
    const days = fc.integer({ min: 1, max: 2000 });
    const cost = (given: Partial<ManagedCostFacts>) =>
      managedCost({ ...facts, ...given }, listPrices).reduce((sum, { dollars }) => sum + dollars, 0);
    const type = fc.constantFrom('instance' as const, 'cluster' as const);
    fc.assert(
      fc.property(
        type,
        days,
        days,
        days,
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (type, a, b, c, changedPerDay) => {
          const snapshots = (longest: number) => [
            { perMonth: 26, days: a },
            { perMonth: 4, days: longest },
          ];
          const [less, more] = [Math.min(b, c), Math.max(b, c)];
          const before = cost({ type, snapshots: snapshots(less) });
          assert.ok(cost({ type, snapshots: snapshots(more) }) >= before - 1e-6);
          const given = { type, snapshots: snapshots(less), changedPerDay };
          assert.ok(cost({ ...given, changedPerDay: changedPerDay + 0.1 }) >= cost(given) - 1e-6);
        },
      ),
    );
  });
});
