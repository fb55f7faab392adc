import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { earlyLine, type Lot, type StorageFacts, storageLine, transitionLine } from '#model/cost-storage';
import { listPrices, type Prices } from '#model/prices';

const free = Object.fromEntries(Object.keys(listPrices).map((name) => [name, 0])) as Prices;
const prices: Prices = {
  ...free,
  ...{ standardGbMonth: 1, infrequentAccessGbMonth: 10, glacierGbMonth: 100, deepArchiveGbMonth: 1000 },
  ...{ toInfrequentAccessThousand: 1, toGlacierThousand: 10, toDeepArchiveThousand: 100 },
};
const facts: StorageFacts = {
  tiers: { infrequentAccess: 30, glacier: 90, deepArchive: 180 },
  goes: true,
  lockDays: 14,
};
/** a GB a day */
const lot: Lot = { bytesPerMonth: 30e9, objectsPerMonth: 1000, days: 120, cold: true };

describe('what storage costs in a month', () => {
  test('is the days in each class, and those of the lock in the last one', () => {
    const { dollars, basis } = storageLine([lot], facts, prices);
    assert.equal(dollars, 30 * 1 + 60 * 10 + (30 + 14) * 100);
    assert.equal(
      basis,
      '30 GB Standard, 60 GB Standard-IA, 44 GB Glacier Flexible Retrieval; 14 GB of it deleted and not gone for 14 days',
    );
  });

  test('is in Standard for what goes on the day on which it would move, and for what never moves', () => {
    assert.equal(storageLine([{ ...lot, days: 30 }], facts, prices).dollars, 44);
    assert.equal(storageLine([{ ...lot, cold: false }], facts, prices).dollars, 134);
    assert.equal(
      transitionLine(
        [
          { ...lot, days: 30 },
          { ...lot, cold: false },
        ],
        facts,
        prices,
      ).dollars,
      0,
    );
  });

  test('has nothing deleted where nothing goes', () => {
    assert.equal(storageLine([lot], { ...facts, goes: false }, prices).dollars, 30 + 600 + 3000);
    assert.equal(earlyLine([lot], { ...facts, goes: false }, prices).dollars, 0);
  });

  test('is billed to the end of what a class asks for at least', () => {
    // 5 days in Standard-IA and 14 more below the marker, of 30
    assert.equal(earlyLine([{ ...lot, days: 35 }], facts, prices).dollars, 11 * 10);
    // 30 in Glacier and 14 more, of 90
    assert.equal(earlyLine([lot], facts, prices).dollars, 46 * 100);
    // 20 in Deep Archive and 14 more, of 180
    assert.equal(earlyLine([{ ...lot, days: 200 }], facts, prices).dollars, 146 * 1000);
    assert.equal(earlyLine([{ ...lot, days: 30 }], facts, prices).dollars, 0);
    assert.equal(earlyLine([{ ...lot, days: 46 }], facts, prices).dollars, 0);
  });

  test('has a move of each object to each class that it gets old enough for', () => {
    assert.equal(transitionLine([lot], facts, prices).dollars, 11);
    assert.equal(transitionLine([{ ...lot, days: 181 }], facts, prices).dollars, 111);
    assert.equal(transitionLine([lot], facts, prices).basis, '2k moves');
  });

  test('does not fall when more is kept, whatever the tiers, while deleted versions do not stay; nor with a lock while all is in Standard', () => {
    const total = (days: number, given: StorageFacts) =>
      [storageLine, earlyLine, transitionLine].reduce(
        (sum, line) => sum + line([{ ...lot, days }], given, listPrices).dollars,
        0,
      );
    const days = fc.integer({ min: 1, max: 1000 });
    const some = fc.constantFrom<StorageFacts>(
      { ...facts, lockDays: 0 },
      { tiers: { glacier: 1 }, goes: true, lockDays: 0 },
      { tiers: { infrequentAccess: 30, deepArchive: 60 }, goes: true, lockDays: 0 },
      { tiers: {}, goes: true, lockDays: 60 },
      { ...facts, goes: false },
    );
    fc.assert(
      fc.property(some, days, days, (given, a, b) => {
        assert.ok(total(Math.max(a, b), given) >= total(Math.min(a, b), given) - 1e-9);
      }),
    );
  });
});
