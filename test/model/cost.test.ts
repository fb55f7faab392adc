import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { type CostFacts, type CostLine, monthlyCost, walObjectsPerDay } from '#model/cost';
import { listPrices } from '#model/prices';

const facts: CostFacts = {
  databaseBytes: 300e9,
  walBytesPerDay: 30e9,
  ratio: 3,
  changedPerDay: 0.1,
  walChunkSeconds: 5,
  fullsPerMonth: 3,
  incrementalsPerMonth: 30,
  drillsPerMonth: 1,
  keepDays: 120,
  tiers: { infrequentAccess: 30, glacier: 90 },
  replicated: false,
};
const free = Object.fromEntries(Object.keys(listPrices).map((name) => [name, 0])) as typeof listPrices;
const dollarsOf = (lines: readonly CostLine[], what: CostLine['what']): number =>
  lines.find((line) => line.what === what)!.dollars;
const total = (lines: readonly CostLine[]): number => lines.reduce((sum, { dollars }) => sum + dollars, 0);

describe('what a source costs in a month', () => {
  test('is storage by the days in each class', () => {
    // 3 fulls of 100 GB, 30 incrementals of 10 GB and 300 GB of WAL in 30 days are 30 GB a day
    const [storage] = monthlyCost(facts, {
      ...free,
      standardGbMonth: 1,
      infrequentAccessGbMonth: 10,
      glacierGbMonth: 100,
    });
    assert.equal(storage!.dollars, 30 * 30 * 1 + 30 * 60 * 10 + 30 * 30 * 100);
    assert.equal(storage!.basis, '900 GB Standard, 1800 GB Standard-IA, 900 GB Glacier Flexible Retrieval');
  });

  test('is all in Standard for what never gets old enough to move', () => {
    const lines = monthlyCost(
      { ...facts, keepDays: 30 },
      { ...free, standardGbMonth: 1, toInfrequentAccessThousand: 9 },
    );
    assert.equal(dollarsOf(lines, 'storage'), 900);
    assert.equal(dollarsOf(lines, 'transitions'), 0);
  });

  test('is nothing where nothing has a price', () => {
    assert.equal(total(monthlyCost({ ...facts, replicated: true }, free)), 0);
  });

  test('has a second region only where there is one', () => {
    assert.equal(
      monthlyCost(facts, listPrices).some(({ what }) => what === 'second region'),
      false,
    );
    assert.ok(dollarsOf(monthlyCost({ ...facts, replicated: true }, listPrices), 'second region') > 0);
  });

  test('counts a chunk of WAL for each few seconds, and a segment for each that is full', () => {
    assert.equal(walObjectsPerDay({ walBytesPerDay: 0, walChunkSeconds: 5 }), 17_280);
    assert.equal(walObjectsPerDay({ walBytesPerDay: 160 * 2 ** 20, walChunkSeconds: 60 }), 1_450);
    const busy = 86_400 * 16 * 2 ** 20;
    assert.equal(walObjectsPerDay({ walBytesPerDay: busy, walChunkSeconds: 5 }), 86_400);
  });

  test('does not fall when there is more of anything', () => {
    const more = fc.constantFrom<keyof CostFacts>(
      ...(['databaseBytes', 'walBytesPerDay', 'changedPerDay', 'fullsPerMonth', 'drillsPerMonth', 'keepDays'] as const),
    );
    fc.assert(
      fc.property(more, fc.integer({ min: 1, max: 10 }), (name, factor) => {
        const larger = { ...facts, [name]: (facts[name] as number) * factor };
        assert.ok(total(monthlyCost(larger, listPrices)) >= total(monthlyCost(facts, listPrices)) - 1e-9, name);
      }),
    );
  });
});
