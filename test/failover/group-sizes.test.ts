import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptMinimum, minimumTag, sizesFor } from '#failover/group-sizes';
import fc from '#harness/fast-check';

test('however numbers follow each other, and wherever one is stopped, the minimum comes back with its number', () => {
  const change = fc.record({ desired: fc.nat({ max: 6 }), stopsAfter: fc.nat({ max: 3 }) });
  fc.assert(
    fc.property(fc.nat({ max: 6 }), fc.array(change), (own, changes) => {
      const group: { minimum: number; tag: number | undefined } = { minimum: own, tag: undefined };
      const put = (desired: number, stopsAfter: number) => {
        const { minimum, keep, forget } = sizesFor({ desired, minimum: group.minimum, kept: group.tag });
        assert.ok(minimum <= desired, 'AWS would refuse it');
        if (stopsAfter > 0 && keep !== undefined) group.tag = keep;
        if (stopsAfter > 1) group.minimum = minimum;
        if (stopsAfter > 2 && forget) group.tag = undefined;
      };
      for (const { desired, stopsAfter } of changes) put(desired, stopsAfter);
      put(6, 3);
      assert.deepEqual(group, { minimum: own, tag: undefined });
    }),
  );
});

test('a minimum that somebody has raised since is his', () => {
  assert.deepEqual(sizesFor({ desired: 5, minimum: 4, kept: 2 }), { minimum: 4, keep: undefined, forget: true });
  assert.deepEqual(sizesFor({ desired: 0, minimum: 4, kept: 2 }), { minimum: 0, keep: 4, forget: false });
});

test('a tag that is no number says nothing', () => {
  assert.equal(keptMinimum({ [minimumTag]: '3' }), 3);
  for (const tags of [{}, { [minimumTag]: '' }, { [minimumTag]: '-1' }, { [minimumTag]: 'two' }])
    assert.equal(keptMinimum(tags), undefined);
});
