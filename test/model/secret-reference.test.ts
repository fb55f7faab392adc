import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSecretReference, parseSecretReference } from '#model/secret-reference';

test('a secret is referred to by the name of a variable or the path of a file', () => {
  assert.deepEqual(parseSecretReference('env:DB_PASSWORD'), { from: 'env', name: 'DB_PASSWORD' });
  assert.deepEqual(parseSecretReference('file:/run/secrets/db password'), {
    from: 'file',
    path: '/run/secrets/db password',
  });
});

test('a reference is printed as it was written', () => {
  for (const text of ['env:A1', 'file:~/secret'])
    assert.equal(formatSecretReference(parseSecretReference(text)!), text);
});

for (const text of ['hunter2', 'env:', 'env:1A', 'env:A-B', 'file:', 'file: /x', 'ENV:A', 'https://hooks.example/x']) {
  test(`"${text}" is not a reference`, () => assert.equal(parseSecretReference(text), undefined));
}
