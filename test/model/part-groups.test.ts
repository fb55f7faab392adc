import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { groupParts } from '#model/part-groups';

const sizes = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { maxLength: 300 });

test('every part is in one group, in order, and there are no more groups than allowed', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 2_000_000 }),
      (parts, maxGroups, groupBytes) => {
        const groups = groupParts(parts, { maxGroups, groupBytes });
        assert.ok(groups.length <= maxGroups);
        let next = 0;
        for (const { from, to } of groups) {
          assert.equal(from, next);
          assert.ok(to > from);
          next = to;
        }
        assert.equal(next, parts.length);
      },
    ),
  );
});

test('groups differ by no more than their largest parts', () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 40 }), (parts, maxGroups) => {
      const total = parts.reduce((sum, bytes) => sum + bytes, 0);
      const count = Math.min(maxGroups, Math.max(1, Math.ceil(total / 1000)));
      const largest = Math.max(0, ...parts);
      for (const { from, to } of groupParts(parts, { maxGroups, groupBytes: 1000 })) {
        const bytes = parts.slice(from, to).reduce((sum, size) => sum + size, 0);
        assert.ok(bytes <= total / count + largest, `${bytes} of ${total} in ${count} groups`);
      }
    }),
  );
});

test('no parts, parts without bytes, and few bytes', () => {
  assert.deepEqual(groupParts([], { maxGroups: 40, groupBytes: 10 }), []);
  assert.deepEqual(groupParts([0, 0], { maxGroups: 40, groupBytes: 10 }), [{ from: 0, to: 2 }]);
  assert.deepEqual(groupParts([1, 0], { maxGroups: 1, groupBytes: 1 }), [{ from: 0, to: 2 }]);
  assert.deepEqual(groupParts([4, 5], { maxGroups: 40, groupBytes: 10 }), [{ from: 0, to: 2 }]);
  assert.deepEqual(groupParts([10, 10], { maxGroups: 40, groupBytes: 10 }), [
    { from: 0, to: 1 },
    { from: 1, to: 2 },
  ]);
});
