import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aboutInput } from '#model/about-input';

test('an input says what it is about: a source, the sources of a lane, or a step', () => {
  const sources = ['a', 'b', 'c', 'd'].map((source) => ({ source }));
  const told: [unknown, string | undefined][] = [
    [{ item: { source: 'orders', kind: 'full' }, requestedBy: 'x' }, 'orders'],
    [{ source: 'orders', kind: 'full' }, 'orders'],
    [{ sources: sources.slice(0, 1) }, 'a'],
    [{ sources: sources.slice(0, 3) }, 'a, b, c'],
    [{ sources }, 'a, b and 2 more'],
    [{ item: { step: 'parts-0-3', parts: { from: 0, to: 3 }, wal: false }, source: 'orders' }, 'step parts-0-3'],
    [{ source: 'orders', backup: 'x', parts: { from: 0, to: 3 }, wal: false }, 'step parts-0-3'],
    [{ source: 'orders', backup: 'x', parts: { from: 0, to: 3 }, wal: true }, 'step all'],
    [{ source: 'orders', backup: 'x', parts: null, wal: true }, 'step wal'],
  ];
  for (const [input, about] of told) assert.equal(aboutInput(input), about);
});

test('an input of anything else says nothing', () => {
  for (const input of [undefined, null, 'orders', 1, [], {}, { sources: [] }, { source: 1 }, { item: null }])
    assert.equal(aboutInput(input), undefined);
});
