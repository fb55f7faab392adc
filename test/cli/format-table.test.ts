import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from '#cli/format-table';

test('cells of a column begin below each other, and no line ends in blanks', () => {
  assert.equal(formatTable([['a', 'bb', 'c'], ['aaa', 'b', ''], []]), 'a    bb  c\naaa  b\n');
});
