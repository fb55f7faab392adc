import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlan } from '#model/plan';
import { verifyRequest } from '#model/verify-request';

const plan = (bucket: string) =>
  parsePlan(
    `bucket: ${bucket}\nencryption: none\nsources:\n  main:\n    connection: { host: db, user: backup }\n`,
    'plan.yml',
  );
const event = (key: string) => ({ 'detail-type': 'Object Created', detail: { object: { key, size: 1 } } });
const backup = '20261120T051345123Z-full';
const own = { source: 'main', backup, requestedBy: 'its commit', byEvent: true, drill: true };

test('the key of an event has the prefix of the plan’s bucket, and no other', () => {
  const key = `main/backups/${backup}/manifest.json`;
  assert.deepEqual(verifyRequest(plan('s3://bucket'), event(key)), own);
  assert.deepEqual(verifyRequest(plan('s3://bucket/deep/prefix'), event(`deep/prefix/${key}`)), own);
  assert.equal(verifyRequest(plan('s3://bucket/deep/prefix'), event(key)), undefined);
  assert.equal(verifyRequest(plan('s3://bucket'), event(`deep/prefix/${key}`)), undefined);
});

const foreign = [
  `other/backups/${backup}/manifest.json`,
  'main/backups/yesterday/manifest.json',
  `main/backups/${backup}/deep/manifest.json`,
  `main/../main/backups/${backup}/manifest.json`,
  `main%2Fbackups%2F${backup}/manifest.json`,
  '/manifest.json',
];
for (const key of foreign) {
  test(`${key} is the manifest of somebody else`, () => {
    assert.equal(verifyRequest(plan('s3://bucket'), event(key)), undefined);
  });
}

test('a key that no rule brings is refused by name', () => {
  assert.throws(() => verifyRequest(plan('s3://bucket'), event('main/wal/1/2')), /^InputInvalid: detail\.object\.key/);
});

test('who asks may leave everything out', () => {
  const asked = { source: undefined, backup: undefined, requestedBy: 'somebody', byEvent: false, drill: true };
  assert.deepEqual(verifyRequest(plan('s3://bucket'), {}), asked);
  assert.equal(verifyRequest(plan('s3://bucket'), { drill: false })?.drill, false);
});
