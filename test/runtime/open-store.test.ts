import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startStrictS3 } from '#harness/strict-s3-server';
import { InputInvalid, StoreRefused } from '#model/failure';
import { openStore } from '#runtime/open-store';

test('a path is a directory that has to be there', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'lifeboat-open-'));
  t.after(() => rm(directory, { recursive: true }));
  const store = await openStore(directory, {});
  assert.equal(store.url, directory);
  await store.put('a', Buffer.from('x'));
  await assert.rejects(openStore(join(directory, 'nowhere'), {}), StoreRefused);
  await assert.rejects(openStore('./nowhere', {}), StoreRefused);
});

test('s3:// is a bucket, with or without a prefix, at the endpoint that the environment names', async (t) => {
  const server = await startStrictS3();
  t.after(() => server.close());
  const whole = await openStore('s3://strict-bucket', server.environment);
  assert.equal(whole.url, 's3://strict-bucket');
  const below = await openStore('s3://strict-bucket/some/prefix/', server.environment);
  assert.equal(below.url, 's3://strict-bucket/some/prefix');
  await below.put('a', Buffer.from('x'));
  assert.equal((await whole.head('some/prefix/a'))?.size, 1);
});

test('AWS_ENDPOINT_URL serves where AWS_ENDPOINT_URL_S3 is not set, and no region is needed with an endpoint', async (t) => {
  const server = await startStrictS3();
  t.after(() => server.close());
  const { AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: _, ...credentials } = server.environment;
  const store = await openStore('s3://strict-bucket', { ...credentials, AWS_ENDPOINT_URL: endpoint });
  await store.put('a', Buffer.from('x'));
  const both = { ...server.environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
  assert.equal((await (await openStore('s3://strict-bucket', both)).head('a'))?.size, 1);
});

test('a location that is neither is refused, and the message says what is allowed', async () => {
  const locations = [
    '',
    'bucket',
    's3:bucket',
    's3://',
    's3://x',
    's3://Upper',
    's3://under_score',
    'https://x/y',
    's3://bucket//x',
  ];
  for (const location of [...locations, 's3://bucket/../x', 's3://bucket/a/./b', '~/bucket', 'gs://bucket']) {
    await assert.rejects(openStore(location, {}), (failure) => {
      assert.ok(failure instanceof InputInvalid, location);
      assert.match(failure.message, /expected a (directory|prefix)/);
      return true;
    });
  }
});

test('an endpoint that is no URL, or carries a password, is refused without showing it', async () => {
  for (const endpoint of ['localhost:9000', 'ftp://host', 'https://user:hunter2@host']) {
    await assert.rejects(openStore('s3://bucket', { AWS_ENDPOINT_URL_S3: endpoint }), (failure) => {
      assert.ok(failure instanceof InputInvalid);
      assert.match(failure.message, /^AWS_ENDPOINT_URL_S3: /);
      assert.doesNotMatch(failure.message, /hunter2/);
      return true;
    });
  }
});
