import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { type CostFacts, monthlyCost } from '#model/cost';
import type { CostLine, CostName } from '#model/cost-line';
import { walObjectsPerDay } from '#model/cost-wal';
import { listPrices, type Prices } from '#model/prices';

const mebi = 2 ** 20;
const facts: CostFacts = {
  databaseBytes: 300e9,
  walBytesPerDay: 30e9,
  ratio: 3,
  changedPerDay: 0.1,
  walChunkSeconds: 5,
  fulls: [
    { perMonth: 2, days: 15 },
    { perMonth: 1, days: 60 },
  ],
  incrementals: [{ perMonth: 30, days: 15 }],
  wal: [{ perMonth: 30, days: 15 }],
  chunkDays: 14,
  drillsPerMonth: 1,
  scrubsPerMonth: 0,
  dumps: [],
  schemaOnly: false,
  restoreTest: true,
  retentionsPerMonth: 0,
  goes: true,
  lockDays: 14,
  tiers: { infrequentAccess: 30, glacier: 90 },
  replicated: false,
};
const free = Object.fromEntries(Object.keys(listPrices).map((name) => [name, 0])) as Prices;
const find = (lines: readonly CostLine[], what: CostName): CostLine | undefined =>
  lines.find((line) => line.what === what);
const dollarsOf = (given: Partial<CostFacts>, prices: Partial<Prices>, what: CostName): number =>
  find(monthlyCost({ ...facts, ...given }, { ...free, ...prices }), what)!.dollars;
const total = (lines: readonly CostLine[]): number => lines.reduce((sum, { dollars }) => sum + dollars, 0);
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, expected), `${actual}, expected ${expected}`);

describe('what a source costs in a month', () => {
  test('is what is kept of backups, of WAL, and of the chunks that hold the same WAL until they go', () => {
    const prices = { standardGbMonth: 1, infrequentAccessGbMonth: 10 };
    const fulls = (2 * 100 * (15 + 14) + 100 * 30 + 10 * 100 * (30 + 14)) / 30;
    const incrementals = (30 * 10 * (15 + 14)) / 30;
    near(dollarsOf({}, prices, 'storage'), fulls + incrementals + 10 * (15 + 14) + 10 * (14 + 14));
    // who fills a segment sooner than a chunk is due has none
    near(dollarsOf({ walChunkSeconds: 60 }, prices, 'storage'), fulls + incrementals + 10 * (15 + 14));
  });

  test('has dumps in it, as large as the database', () => {
    const storage = (given: Partial<CostFacts>) => dollarsOf(given, { standardGbMonth: 1 }, 'storage');
    const dumps = [{ perMonth: 4, days: 16 }];
    near(storage({ dumps }) - storage({}), (4 * 100 * (16 + 14)) / 30);
    near(storage({ dumps, schemaOnly: true }), storage({}));
  });

  test('has what goes early only where it goes, and where there are classes', () => {
    near(
      dollarsOf({ fulls: [{ perMonth: 3, days: 40 }] }, { infrequentAccessGbMonth: 1 }, 'deleted early'),
      (300 * 6) / 30,
    );
    for (const given of [{ goes: false }, { tiers: {} }])
      assert.equal(find(monthlyCost({ ...facts, ...given }, listPrices), 'deleted early'), undefined);
  });

  test('counts moves of parts and of whole segments, and of no chunk', () => {
    const stays = {
      fulls: [{ perMonth: 3, days: 60 }],
      incrementals: [],
      wal: [{ perMonth: 30, days: 60 }],
      chunkDays: 60,
    };
    const objects = (3 * 300e9) / (128 * mebi) + (30 * 30e9) / (16 * mebi);
    near(dollarsOf(stays, { toInfrequentAccessThousand: 1 }, 'transitions'), objects / 1000);
    near(dollarsOf(stays, { toGlacierThousand: 1 }, 'transitions'), 0);
  });

  test('has requests for each object of WAL and each piece of a part', () => {
    const wal = { fulls: [], incrementals: [], walBytesPerDay: 0 };
    near(dollarsOf(wal, { putThousand: 1 }, 'requests'), (3 * 30 * 17_280) / 1000);
    near(dollarsOf(wal, { getThousand: 1 }, 'requests'), (12 * 30 * 17_280) / 1000);
    const both = { ...wal, fulls: [{ perMonth: 1, days: 15 }] };
    const pieces = 100e9 / (8 * mebi) + (2 * 300e9) / (128 * mebi);
    near(
      dollarsOf(both, { putThousand: 1 }, 'requests') - dollarsOf(wal, { putThousand: 1 }, 'requests'),
      pieces / 1000,
    );
  });

  test('has a receiver on Fargate always, and tasks by their size', () => {
    const none = { fulls: [], incrementals: [], drillsPerMonth: 0 };
    near(dollarsOf(none, { fargateCpuHour: 1 }, 'fargate'), 720 / 4);
    near(dollarsOf(none, { fargateGbHour: 1 }, 'fargate'), 720 / 2);
    const one = { ...none, fulls: [{ perMonth: 1, days: 15 }] };
    const seconds = 2 * (300e9 / 150e6 + 60) + (300e9 / 125e6 + 60) + 4 * (300e9 / 240e6 + 60);
    near(dollarsOf(one, { fargateCpuHour: 3600 }, 'fargate') - 180 * 3600, seconds);
  });

  test('restores on a disk of the task, or on a volume where that is too small', () => {
    const drill = { fulls: [], incrementals: [], drillsPerMonth: 1 };
    const hours = (bytes: number) => (bytes / 240e6 + 60) / 3600;
    near(dollarsOf({ ...drill, databaseBytes: 10e9 }, { fargateDiskGbHour: 1 }, 'fargate'), 180 * hours(10e9));
    const volume = { ...drill, databaseBytes: 1000 * 2 ** 30 };
    near(dollarsOf(volume, { fargateDiskGbHour: 1 }, 'fargate'), 0);
    near(dollarsOf(volume, { volumeGbMonth: 720 }, 'fargate'), hours(1000 * 2 ** 30) * ((1220 * 2 ** 30) / 1e9));
    near(dollarsOf(volume, { volumeMbpsMonth: 720 }, 'fargate'), hours(1000 * 2 ** 30) * 375);
  });

  test('has functions, machines, numbers and keys', () => {
    const idle = { fulls: [], incrementals: [], drillsPerMonth: 0, walBytesPerDay: 0 };
    near(dollarsOf(idle, { lambdaMillion: 1e6 }, 'lambda'), 2 * 30 * 17_280 + 43_200);
    near(dollarsOf(idle, { lambdaGbSecond: 1 }, 'lambda'), (2 * 30 * 17_280 * 0.3 + 43_200) / 4);
    near(dollarsOf(idle, { eventMillion: 1e6 }, 'machines'), 30 * 17_280);
    near(dollarsOf({ ...facts, drillsPerMonth: 2 }, { transitionThousand: 1000 }, 'machines'), 33 * 61 + 2 * 20);
    near(dollarsOf({}, { metricMonth: 1 }, 'cloudwatch'), 21);
    near(dollarsOf({ dumps: [{ perMonth: 1, days: 9 }] }, { alarmMonth: 1 }, 'cloudwatch'), 11);
    near(dollarsOf(idle, { logGb: 1 }, 'cloudwatch'), (2 * 30 * 17_280 + 43_200) / 1e6);
    near(dollarsOf(idle, { kmsKeyMonth: 1 }, 'kms'), 3);
    const taken = { ...idle, fulls: [{ perMonth: 4, days: 9 }], dumps: [{ perMonth: 2, days: 9 }] };
    near(dollarsOf(taken, { kmsTenThousand: 10_000 }, 'kms'), 30 * 17_280 + 10 * 6);
    near(dollarsOf(idle, { kmsTenThousand: 10_000 }, 'kms'), 30 * 17_280);
  });

  test('reads with scrubs what is in no archive, once a month', () => {
    const stays = { fulls: [{ perMonth: 1, days: 120 }], incrementals: [], scrubsPerMonth: 30 };
    // 90 days before Glacier, 60 of them in Standard-IA
    near(dollarsOf(stays, { infrequentAccessReadGb: 1 }, 'scrub'), (100 * 60) / 30);
    near(dollarsOf(stays, { fargateCpuHour: 3600 }, 'scrub'), (300e9 * 3) / 125e6 + 30 * 60);
    assert.equal(find(monthlyCost(facts, listPrices), 'scrub'), undefined);
  });

  test('takes dumps by one task and proves them by another', () => {
    const dumps = [{ perMonth: 4, days: 16 }];
    const cpu = { fargateCpuHour: 3600 };
    near(dollarsOf({ dumps }, cpu, 'dumps'), 4 * (2 * (3000 + 60) + 4 * (3000 + 60)));
    near(dollarsOf({ dumps, restoreTest: false }, cpu, 'dumps'), 4 * (2 * (3000 + 60) + 4 * (2400 + 60)));
    near(dollarsOf({ dumps }, { transitionThousand: 1000 }, 'dumps'), 4 * 13);
    const own = { dumps, databaseBytes: 10e9, restoreTest: false };
    near(dollarsOf(own, { fargateDiskGbHour: 3600 }, 'dumps'), 4 * 180 * (80 + 60));
    const volumeGb = ((Math.ceil((300e9 * 1.2) / 2 ** 30) + 20) * 2 ** 30) / 1e9;
    near(dollarsOf({ dumps }, { volumeGbMonth: 720 * 3600 }, 'dumps'), 4 * (3000 + 60) * volumeGb);
    near(dollarsOf({ dumps }, { putThousand: 1000 }, 'dumps'), 4 * (100e9 / (8 * mebi) + (2 * 300e9) / (128 * mebi)));
    assert.equal(find(monthlyCost(facts, listPrices), 'dumps'), undefined);
  });

  test('pays retention for lists, gets and its task, and deletes for nothing', () => {
    const given = {
      ...{ fulls: [{ perMonth: 1, days: 30 }], incrementals: [], wal: [{ perMonth: 30, days: 10 }] },
      ...{ walBytesPerDay: 100 * 16 * mebi, walChunkSeconds: 864, chunkDays: 10, retentionsPerMonth: 30 },
    };
    // 1,000 segments; a hundred a day are as many as chunks would be, so there are none
    near(dollarsOf(given, { putThousand: 1000 }, 'retention'), 30 * (4 * 1 + 2 * (300e9 / (128 * mebi) / 1000) + 10));
    near(dollarsOf(given, { getThousand: 1000 }, 'retention'), 30 * (2 + 20) + 1 + 2 * 3000);
    near(dollarsOf(given, { transitionThousand: 1000 }, 'retention'), 30 * 9);
    const lists = 30 * (4 + 2 * (300e9 / (128 * mebi) / 1000) + 10);
    const deletes = 300e9 / (128 * mebi) + 2 * 3000;
    near(dollarsOf(given, { fargateCpuHour: 3600 }, 'retention'), 30 * 60 + lists * 0.1 + deletes / 1000);
    assert.match(find(monthlyCost({ ...facts, ...given }, free), 'retention')!.basis, /8k deletes \(which are free\)$/);
    assert.equal(find(monthlyCost(facts, listPrices), 'retention'), undefined);
  });

  test('has storage once more in a second region, and what is sent there', () => {
    const given = { replicated: true, walChunkSeconds: 60 };
    near(
      dollarsOf(given, { standardGbMonth: 1 }, 'second region'),
      dollarsOf(given, { standardGbMonth: 1 }, 'storage'),
    );
    near(dollarsOf(given, { otherRegionGb: 1 }, 'second region'), 3 * 100 + 30 * 10 + 30 * 10);
    assert.equal(find(monthlyCost(facts, listPrices), 'second region'), undefined);
  });

  test('is nothing where nothing has a price', () => {
    const all = { scrubsPerMonth: 30, dumps: [{ perMonth: 4, days: 16 }], retentionsPerMonth: 30, replicated: true };
    assert.equal(total(monthlyCost({ ...facts, ...all }, free)), 0);
  });

  test('counts a chunk of WAL for each few seconds, and a segment for each that is full', () => {
    assert.equal(walObjectsPerDay({ walBytesPerDay: 0, walChunkSeconds: 5 }), 17_280);
    assert.equal(walObjectsPerDay({ walBytesPerDay: 160 * mebi, walChunkSeconds: 60 }), 1_450);
    assert.equal(walObjectsPerDay({ walBytesPerDay: 86_400 * 16 * mebi, walChunkSeconds: 5 }), 86_400);
  });

  test('does not fall when there is more of anything', () => {
    const names = [
      'databaseBytes',
      'walBytesPerDay',
      'changedPerDay',
      'drillsPerMonth',
      'scrubsPerMonth',
      'retentionsPerMonth',
      'chunkDays',
    ] as const;
    const kinds = ['fulls', 'incrementals', 'wal', 'dumps'] as const;
    const all = {
      ...facts,
      scrubsPerMonth: 30,
      retentionsPerMonth: 30,
      dumps: [{ perMonth: 4, days: 16 }],
      walChunkSeconds: 1,
    };
    const cost = (given: CostFacts) => total(monthlyCost(given, listPrices));
    const factor = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...names), factor, (name, times) => {
        assert.ok(cost({ ...all, [name]: all[name] * times }) >= cost(all) - 1e-9, name);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...kinds), factor, factor, (kind, times, longer) => {
        // a version below a marker can be dearer than in the colder class that it did not reach
        const unlocked = { ...all, lockDays: 0 };
        const stays = all[kind].map(({ perMonth, days }) => ({ perMonth: perMonth * times, days: days * longer }));
        assert.ok(cost({ ...unlocked, [kind]: stays }) >= cost(unlocked) - 1e-9, kind);
      }),
    );
  });
});
