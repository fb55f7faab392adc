import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellWord } from '#notify/shell-word';

test('a name that a shell would take apart is quoted', () => {
  assert.equal(shellWord('full-main-20261120T051300Z'), 'full-main-20261120T051300Z');
  assert.equal(shellWord("a'; rm -rf (x)"), `'a'\\''; rm -rf (x)'`);
  assert.equal(shellWord(''), "''");
});
