import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localSourceRoles, shortSourceName, sourceRoleArn } from '#model/source-role';

test("a role's ARN is the prefix and the source", () => {
  const prefix = 'arn:aws:iam::123456789012:role/lifeboat-prod-eu-central-1-';
  assert.equal(sourceRoleArn(prefix, 'orders'), 'arn:aws:iam::123456789012:role/lifeboat-prod-eu-central-1-orders');
  assert.equal(sourceRoleArn(localSourceRoles, 'a'), 'arn:aws:iam::000000000000:role/lifeboat-local-a');
});

test('a long name is cut, and what it is cut to never changes', () => {
  assert.equal(shortSourceName('eighteen-character'), 'eighteen-character');
  assert.equal(shortSourceName('nineteen-characters'), 'nineteen--ed11bf47');
});

test('the longest stack, region and source fit into 64 characters', () => {
  const role = `lifeboat-${'s'.repeat(21)}-ap-southeast-1-${shortSourceName('x'.repeat(63))}`;
  assert.equal(role.length, 64);
  assert.match(role, /^[\w+=,.@-]{1,64}$/);
});

test('long names that begin alike do not collide', () => {
  const names = Array.from(
    { length: 20_000 },
    (_, index) => `${'customer-'.repeat(6)}db-${String(index).padStart(6, '0')}`,
  );
  assert.ok(names.every((name) => name.length === 63));
  assert.equal(new Set(names.map(shortSourceName)).size, names.length);
});
