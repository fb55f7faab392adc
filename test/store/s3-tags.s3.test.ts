import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { startStrictS3 } from '#harness/strict-s3-server';
import { StoreRefused } from '#model/failure';
import { coldTags } from '#model/storage-tier';
import { openStore } from '#runtime/open-store';
import { read, reusingOneBuffer, stored } from './contract.ts';

const mebibyte = 1024 * 1024;

describe('tags on S3', () => {
  test('come with an object put at once and with one put in pieces, and with no other', async (t) => {
    const { server, store } = await opened(t);
    await store.put('small', Buffer.from('x'), { tags: coldTags });
    await store.put('large', reusingOneBuffer(randomBytes(17 * mebibyte), 777_777), { tags: coldTags });
    await store.put('plain', Buffer.from('x'));
    await store.put('plain-large', reusingOneBuffer(randomBytes(9 * mebibyte), 777_777), { tags: {} });
    const tagsOf = (key: string) => Object.fromEntries(server.bucket.find(key).tags);
    assert.deepEqual(tagsOf('small'), { 'lifeboat-tier': 'cold' });
    assert.deepEqual(tagsOf('large'), { 'lifeboat-tier': 'cold' });
    assert.deepEqual(tagsOf('plain'), {});
    assert.deepEqual(tagsOf('plain-large'), {});
  });

  test('arrive as they were given, whatever is in them', async (t) => {
    const { server, store } = await opened(t);
    const tags = { 'a b': 'c+d=e/f', ü: '@:._-' };
    await store.put('odd', Buffer.from('x'), { tags });
    assert.deepEqual(Object.fromEntries(server.bucket.find('odd').tags), tags);
  });

  test('beyond what S3 takes are refused and nothing is stored', async (t) => {
    const { server, store } = await opened(t);
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`tag-${i}`, 'x']));
    for (const tags of [many, { ['k'.repeat(129)]: 'x' }, { key: 'v'.repeat(257) }, { 'aws:x': 'y' }, { key: 'a&b' }])
      await assert.rejects(store.put('refused', Buffer.from('x'), { tags }), StoreRefused);
    assert.equal(server.bucket.objects.size, 0);
  });

  test('are left out once a server has said that it knows none', async (t) => {
    const { server, store } = await opened(t);
    const noTags = { kind: 'error', status: 501, code: 'NotImplemented' } as const;
    server.faults.add({ header: /x-amz-tagging/, fault: noTags, times: 100 });
    const large = randomBytes(9 * mebibyte);
    stored(await store.put('large', reusingOneBuffer(large, 777_777), { tags: coldTags, condition: 'absent' }));
    stored(await store.put('small', Buffer.from('x'), { tags: coldTags, condition: 'absent' }));
    assert.ok(large.equals(await read(store, 'large')));
    const asked = server.requests.filter((request) => /^(PUT small|POST large\?uploads)$/.test(request));
    assert.deepEqual(asked, ['POST large?uploads', 'POST large?uploads', 'PUT small']);
  });

  test('that may not be put are no reason to store without them', async (t) => {
    const { server, store } = await opened(t);
    const fault = { kind: 'error', status: 403, code: 'AccessDenied' } as const;
    server.faults.add({ header: /x-amz-tagging/, fault, times: 100 });
    await assert.rejects(store.put('small', Buffer.from('x'), { tags: coldTags }), (failure) => {
      assert.ok(failure instanceof StoreRefused);
      assert.match(failure.hint ?? '', /s3:PutObjectTagging/);
      return true;
    });
    assert.equal(server.bucket.objects.size, 0);
  });
});

async function opened(t: TestContext) {
  const server = await startStrictS3({ bucket: 'strict-bucket' });
  t.after(server.close);
  return { server, store: await openStore('s3://strict-bucket', server.environment) };
}
