import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { FaultRule } from '#harness/strict-s3-faults';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { Aborted, ObjectDamaged, ObjectMissing, StoreRefused, StoreUnavailable } from '#model/failure';
import { openStore } from '#runtime/open-store';
import type { ObjectStore } from '#store/object-store';
import { all, bytesOf, read, reusingOneBuffer, stored } from './contract.ts';

const mebibyte = 1024 * 1024;

describe('S3 when things go wrong', () => {
  let server: StrictS3;
  let store: ObjectStore;

  beforeEach(async () => {
    server = await startStrictS3();
    store = await openStore('s3://strict-bucket', server.environment, { stallMs: 300 });
  });
  afterEach(() => server.close());

  const count = (pattern: RegExp) => server.requests.filter((request) => pattern.test(request)).length;
  const fail = (...rules: FaultRule[]) => server.faults.add(...rules);
  const nothingIsLeft = () => assert.equal(server.bucket.uploads.size, 0);

  describe('a put', () => {
    for (const fault of [
      { kind: 'error', status: 500, code: 'InternalError' },
      { kind: 'error', status: 503, code: 'SlowDown' },
      { kind: 'error', status: 503, code: 'ServiceUnavailable', after: true },
      { kind: 'reset', when: 'before' },
      { kind: 'reset', when: 'after' },
      { kind: 'stall' },
    ] as const) {
      const name = Object.values(fault).join(' ');
      for (const condition of [undefined, 'absent'] as const) {
        test(`survives one "${name}" with condition ${condition}, and knows that it stored`, async () => {
          fail({ method: 'PUT', fault });
          const put = stored(await store.put('a', Buffer.from('hello'), condition ? { condition } : {}));
          assert.equal(put.size, 5);
          assert.equal((await read(store, 'a')).toString(), 'hello');
        });
      }

      test(`survives one "${name}" at each step of an upload in pieces`, async () => {
        fail({ method: 'POST', query: /uploads/, fault }, { method: 'PUT', query: /partNumber/, fault, nth: 2 });
        fail({ method: 'POST', query: /uploadId/, fault });
        const expected = randomBytes(17 * mebibyte);
        stored(await store.put('a', reusingOneBuffer(expected, 777_777), { condition: 'absent' }));
        assert.ok(expected.equals(await read(store, 'a')));
      });
    }

    test('whose compare-and-swap was stored but whose answer was lost knows that it won', async () => {
      const { etag } = stored(await store.put('a', Buffer.from('1')));
      fail({ method: 'PUT', fault: { kind: 'reset', when: 'after' } });
      const second = stored(await store.put('a', Buffer.from('2'), { condition: { etag } }));
      assert.equal((await store.head('a'))?.etag, second.etag);
    });

    test('that lost the race is told so, also when its answer was lost', async () => {
      await store.put('a', Buffer.from('somebody else'));
      fail({ method: 'PUT', fault: { kind: 'reset', when: 'after' } });
      assert.deepEqual(await store.put('a', Buffer.from('mine'), { condition: 'absent' }), { stored: false });
      assert.equal((await read(store, 'a')).toString(), 'somebody else');
    });

    test('whose request and all its repetitions get no answer, though one was carried out, knows that it stored', async () => {
      fail({ method: 'PUT', fault: { kind: 'reset', when: 'after' }, times: 5 });
      stored(await store.put('a', Buffer.from('hello'), { condition: 'absent' }));
    });

    test('that meets a conflict repeats itself until the outcome is known', async () => {
      fail({ method: 'PUT', fault: { kind: 'error', status: 409, code: 'ConditionalRequestConflict' }, times: 2 });
      stored(await store.put('a', Buffer.from('hello'), { condition: 'absent' }));
      assert.equal(count(/^PUT a/), 3);
    });

    test('gives up after some attempts when S3 stays unavailable, and may be repeated later', async () => {
      fail({ method: 'PUT', fault: { kind: 'error', status: 503, code: 'SlowDown' }, times: 100 });
      await assert.rejects(store.put('a', Buffer.from('hello')), (failure) => {
        assert.ok(failure instanceof StoreUnavailable);
        assert.match(failure.message, /^put s3:\/\/strict-bucket\/a: 503 SlowDown/);
        return true;
      });
      assert.equal(count(/^PUT a/), 5);
      assert.equal(server.bucket.objects.size, 0);
    });

    test('that S3 forbids is not repeated, and says what to check', async () => {
      fail({ method: 'PUT', fault: { kind: 'error', status: 403, code: 'AccessDenied' }, times: 100 });
      await assert.rejects(store.put('a', Buffer.from('hello')), (failure) => {
        assert.ok(failure instanceof StoreRefused);
        assert.match(failure.hint ?? '', /check the rights/);
        return true;
      });
      assert.equal(count(/^PUT a/), 1);
    });

    test('by one who may only write is believed without reading back', async () => {
      fail({ method: 'HEAD', fault: { kind: 'error', status: 403, code: 'AccessDenied' }, times: 100 });
      assert.equal(stored(await store.put('a', Buffer.from('hello'), { condition: 'absent' })).size, 5);
      assert.deepEqual(await store.put('a', Buffer.from('other'), { condition: 'absent' }), { stored: false });
    });

    test('that S3 says it stored and did not is a failure', async () => {
      fail({ method: 'PUT', fault: { kind: 'lie' } });
      await assert.rejects(store.put('a', Buffer.from('hello')), StoreUnavailable);
      await store.put('b', Buffer.from('old'));
      fail({ method: 'PUT', fault: { kind: 'lie' } });
      await assert.rejects(store.put('b', Buffer.from('new')), StoreUnavailable);
      const { etag } = stored(await store.put('b', Buffer.from('newer')));
      fail({ method: 'PUT', fault: { kind: 'lie' } });
      await assert.rejects(store.put('b', Buffer.from('newest'), { condition: { etag } }), StoreUnavailable);
      fail({ method: 'POST', query: /uploadId/, fault: { kind: 'lie' } });
      await assert.rejects(store.put('c', Buffer.alloc(9 * mebibyte)), StoreUnavailable);
      nothingIsLeft();
    });

    test('waits for a store that shows the old generation for a moment', async () => {
      await store.put('a', Buffer.from('old'));
      fail({ method: 'HEAD', fault: { kind: 'old' }, times: 2 });
      assert.equal(stored(await store.put('a', Buffer.from('newer'))).size, 5);
    });

    test('in pieces that fails for good leaves no pieces, and the reason is that of the piece', async () => {
      fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'error', status: 403, code: 'AccessDenied' }, nth: 3 });
      await assert.rejects(store.put('a', reusingOneBuffer(randomBytes(50 * mebibyte), mebibyte)), (failure) => {
        assert.ok(failure instanceof StoreRefused);
        assert.match(failure.message, /piece 3: 403 AccessDenied/);
        return true;
      });
      nothingIsLeft();
      assert.equal(await store.head('a'), undefined);
    });

    test('in pieces that fails while its source is silent does not wait for the source', async () => {
      fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'error', status: 403, code: 'AccessDenied' } });
      let released = false;
      async function* body() {
        try {
          yield Buffer.alloc(8 * mebibyte);
          yield Buffer.alloc(1);
          await new Promise((resolve) => setTimeout(resolve, 1000));
          yield Buffer.alloc(8 * mebibyte);
        } finally {
          released = true;
        }
      }
      const began = Date.now();
      await assert.rejects(store.put('a', body()), StoreRefused);
      assert.ok(Date.now() - began < 900);
      nothingIsLeft();
      await new Promise((resolve) => setTimeout(resolve, 1100));
      assert.ok(released);
    });

    test('in pieces that is told to stop leaves no pieces', async () => {
      fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'stall' }, times: 100 });
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 150);
      await assert.rejects(store.put('a', Buffer.alloc(20 * mebibyte), { signal: stop.signal }), Aborted);
      nothingIsLeft();
    });

    test('in pieces reads no further than three pieces ahead of what is stored', async () => {
      fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'stall' }, times: 100 });
      const stop = new AbortController();
      let given = 0;
      async function* body() {
        for (;;) {
          given += mebibyte;
          yield Buffer.alloc(mebibyte);
        }
      }
      setTimeout(() => stop.abort(), 250);
      await assert.rejects(store.put('a', body(), { signal: stop.signal }), Aborted);
      assert.equal(given, 24 * mebibyte);
    });
  });

  describe('a read', () => {
    const expected = randomBytes(5 * mebibyte);
    beforeEach(() => store.put('a', expected));

    for (const fault of [
      { kind: 'truncate', bytes: 0 },
      { kind: 'truncate', bytes: 3_000_000 },
      { kind: 'hang', bytes: 2_000_000 },
      { kind: 'slow', chunkBytes: mebibyte, pauseMs: 30 },
      { kind: 'error', status: 503, code: 'SlowDown' },
      { kind: 'reset', when: 'before' },
      { kind: 'stall' },
    ] as const) {
      test(`survives "${Object.values(fault).join(' ')}" and gives each byte once`, async () => {
        fail({ method: 'GET', fault });
        assert.ok(expected.equals(await read(store, 'a')));
      });
    }

    test('goes on where it broke, in a range as well, over many connections', async () => {
      fail({ method: 'GET', fault: { kind: 'truncate', bytes: 400_000 }, times: 8 });
      const { body } = await store.get('a', { range: { start: 1_000_000, length: 3_000_000 } });
      assert.ok(expected.subarray(1_000_000, 4_000_000).equals(await bytesOf(body)));
      assert.ok(count(/^GET a/) >= 8);
    });

    test('gives up when connections bring nothing any more', async () => {
      const { body } = await store.get('a');
      fail({ method: 'GET', fault: { kind: 'truncate', bytes: 0 }, times: 100 });
      server.faults.clear();
      fail({ method: 'GET', fault: { kind: 'truncate', bytes: 0 }, times: 100 });
      assert.equal((await bytesOf(body)).length, expected.length);
      await assert.rejects(read(store, 'a'), (failure) => {
        assert.ok(failure instanceof StoreUnavailable);
        assert.match(failure.message, /stuck at byte 0 of 5242880/);
        return true;
      });
    });

    test('does not go on with another generation', async () => {
      fail({ method: 'GET', fault: { kind: 'truncate', bytes: 1_000_000 } });
      const { body } = await store.get('a');
      await store.put('a', randomBytes(5 * mebibyte));
      await assert.rejects(bytesOf(body), ObjectMissing);
    });

    test('of changed bytes is damage, not success', async () => {
      fail({ method: 'GET', fault: { kind: 'corrupt', at: 4_000_000 } });
      await assert.rejects(read(store, 'a'), ObjectDamaged);
      fail({ method: 'GET', fault: { kind: 'truncate', bytes: 1_000_000 } });
      fail({ method: 'GET', fault: { kind: 'corrupt', at: 100 }, nth: 2 });
      await assert.rejects(read(store, 'a'), ObjectDamaged);
    });

    test('that is told to stop while nothing comes stops', async () => {
      fail({ method: 'GET', fault: { kind: 'hang', bytes: 1000 } });
      const stop = new AbortController();
      const { body } = await store.get('a', { signal: stop.signal });
      setTimeout(() => stop.abort(), 50);
      await assert.rejects(bytesOf(body), Aborted);
    });
  });

  describe('asking', () => {
    test('survives an S3 that is slow, resets or stalls once: head, list, delete', async () => {
      await store.put('a', Buffer.from('x'));
      for (const fault of [
        { kind: 'error', status: 500, code: 'InternalError' },
        { kind: 'reset', when: 'after' },
        { kind: 'stall' },
      ] as const) {
        fail({ method: 'HEAD', fault }, { method: 'GET', query: /list-type/, fault }, { method: 'DELETE', fault });
        assert.equal((await store.head('a'))?.size, 1);
        assert.equal((await all(store.list(''))).length, 1);
        await store.delete('b');
      }
    });

    test('a bucket that is missing is refused, never taken for an empty one', async () => {
      const nowhere = await openStore('s3://another-bucket/x', server.environment);
      await assert.rejects(nowhere.head('a'), StoreRefused);
      await assert.rejects(nowhere.get('a'), StoreRefused);
      await assert.rejects(nowhere.put('a', Buffer.from('x')), StoreRefused);
      await assert.rejects(nowhere.put('a', Buffer.from('x'), { condition: { etag: '"x"' } }), StoreRefused);
      await assert.rejects(all(nowhere.list('')), StoreRefused);
      await assert.rejects(nowhere.delete('a'), StoreRefused);
    });

    test('wrong credentials are refused with a hint, and the secret is in no message', async () => {
      const secret = 'a-secret-that-is-wrong';
      const cases = {
        AWS_SECRET_ACCESS_KEY: /check AWS_SECRET_ACCESS_KEY/,
        AWS_ACCESS_KEY_ID: /check AWS_ACCESS_KEY_ID/,
      };
      for (const [name, hint] of Object.entries(cases)) {
        const wrong = await openStore('s3://strict-bucket', { ...server.environment, [name]: secret });
        await assert.rejects(wrong.get('a'), (failure) => {
          assert.ok(failure instanceof StoreRefused);
          assert.match(failure.hint ?? '', hint);
          assert.ok(!`${failure.stack}${JSON.stringify(failure)}${failure.cause}`.includes(secret));
          return true;
        });
      }
    });

    test('an endpoint where nothing listens is unavailable, and a name that does not exist as well', async () => {
      for (const endpoint of ['http://127.0.0.1:9', 'http://no-such-host.invalid']) {
        const down = await openStore('s3://strict-bucket', { ...server.environment, AWS_ENDPOINT_URL_S3: endpoint });
        await assert.rejects(down.get('a'), StoreUnavailable);
      }
    });

    test('a listing out of order is refused', async () => {
      await store.put('b', Buffer.from('x'));
      await store.put('a', Buffer.from('x'));
      server.bucket.isUnordered = true;
      await assert.rejects(all(store.list('')), StoreRefused);
    });

    test('uploads that were never completed are aborted once they are old', async () => {
      server.bucket.begin('old/1', new Map()).initiated = new Date(Date.now() - 3_600_000);
      server.bucket.begin('old/2', new Map()).initiated = new Date(Date.now() - 3_600_000);
      server.bucket.begin('new', new Map());
      assert.equal(await store.abortStaleUploads(new Date(Date.now() - 60_000)), 2);
      assert.deepEqual(
        [...server.bucket.uploads.values()].map((upload) => upload.key),
        ['new'],
      );
      const below = await openStore('s3://strict-bucket/other', server.environment);
      assert.equal(await below.abortStaleUploads(new Date(Date.now() + 60_000)), 0);
    });
  });
});
