import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultRule } from '#harness/strict-s3-faults';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { Aborted, ObjectDamaged, ObjectMissing, StoreRefused, StoreUnavailable } from '#model/failure';
import { openStore } from '#runtime/open-store';
import type { ObjectStore } from '#store/object-store';
import { all, bytesOf, read, reusingOneBuffer, stored } from './contract.ts';

const mebibyte = 1024 * 1024;

describe('S3 when things go wrong', { concurrency: 6 }, () => {
  describe('a put', { concurrency: 6 }, () => {
    const faults = [
      { kind: 'error', status: 500, code: 'InternalError' },
      { kind: 'error', status: 503, code: 'ServiceUnavailable', after: true },
      { kind: 'reset', when: 'before' },
      { kind: 'reset', when: 'after' },
      { kind: 'stall' },
    ] as const;
    for (const fault of faults) {
      for (const condition of [undefined, 'absent'] as const) {
        test(`survives one "${nameOf(fault)}" with condition ${condition}, and knows that it stored`, async (t) => {
          const s3 = await faultyS3(t);
          s3.fail({ method: 'PUT', fault });
          const put = stored(await s3.store.put('a', Buffer.from('hello'), condition ? { condition } : {}));
          assert.equal(put.size, 5);
          assert.equal((await read(s3.store, 'a')).toString(), 'hello');
        });
      }

      test(`survives one "${nameOf(fault)}" at each step of an upload in pieces`, async (t) => {
        const s3 = await faultyS3(t);
        s3.fail({ method: 'POST', query: /uploads/, fault }, { method: 'PUT', query: /partNumber/, fault, nth: 2 });
        s3.fail({ method: 'POST', query: /uploadId/, fault });
        const expected = randomBytes(17 * mebibyte);
        stored(await s3.store.put('a', reusingOneBuffer(expected, 777_777), { condition: 'absent' }));
        assert.ok(expected.equals(await read(s3.store, 'a')));
        assert.ok(s3.server.bucket.uploads.size <= 1, 'only an upload whose id was lost may be left');
      });
    }

    test('survives being told to slow down', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'error', status: 503, code: 'SlowDown' } });
      stored(await s3.store.put('a', Buffer.from('hello'), { condition: 'absent' }));
    });

    test('whose compare-and-swap was stored but whose answer was lost knows that it won', async (t) => {
      const s3 = await faultyS3(t);
      const { etag } = stored(await s3.store.put('a', Buffer.from('1')));
      s3.fail({ method: 'PUT', fault: { kind: 'reset', when: 'after' } });
      const second = stored(await s3.store.put('a', Buffer.from('2'), { condition: { etag } }));
      assert.equal((await s3.store.head('a'))?.etag, second.etag);
    });

    test('that lost the race is told so, also when its answer was lost', async (t) => {
      const s3 = await faultyS3(t);
      await s3.store.put('a', Buffer.from('somebody else'));
      s3.fail({ method: 'PUT', fault: { kind: 'reset', when: 'after' } });
      assert.deepEqual(await s3.store.put('a', Buffer.from('mine'), { condition: 'absent' }), { stored: false });
      assert.equal((await read(s3.store, 'a')).toString(), 'somebody else');
    });

    test('whose request and all its repetitions get no answer, though one was carried out, knows that it stored', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'reset', when: 'after' }, times: 5 });
      stored(await s3.store.put('a', Buffer.from('hello'), { condition: 'absent' }));
    });

    test('that meets a conflict repeats itself until the outcome is known', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'error', status: 409, code: 'ConditionalRequestConflict' }, times: 2 });
      stored(await s3.store.put('a', Buffer.from('hello'), { condition: 'absent' }));
      assert.equal(s3.count(/^PUT a/), 3);
    });

    test('gives up after some attempts when S3 stays unavailable, and may be repeated later', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'error', status: 500, code: 'InternalError' }, times: 100 });
      await assert.rejects(s3.store.put('a', Buffer.from('hello')), (failure) => {
        assert.ok(failure instanceof StoreUnavailable);
        assert.match(failure.message, /^put s3:\/\/strict-bucket\/a: 500 InternalError/);
        return true;
      });
      assert.equal(s3.count(/^PUT a/), 5);
      assert.equal(s3.server.bucket.objects.size, 0);
    });

    test('that S3 forbids is not repeated, and says what to check', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'error', status: 403, code: 'AccessDenied' }, times: 100 });
      await assert.rejects(s3.store.put('a', Buffer.from('hello')), (failure) => {
        assert.ok(failure instanceof StoreRefused);
        assert.match(failure.hint ?? '', /check the rights/);
        return true;
      });
      assert.equal(s3.count(/^PUT a/), 1);
    });

    test('by one who may only write is believed without reading back', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'HEAD', fault: { kind: 'error', status: 403, code: 'AccessDenied' }, times: 100 });
      assert.equal(stored(await s3.store.put('a', Buffer.from('hello'), { condition: 'absent' })).size, 5);
      assert.deepEqual(await s3.store.put('a', Buffer.from('other'), { condition: 'absent' }), { stored: false });
    });

    test('that S3 says it stored and did not is a failure', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'lie' } });
      await assert.rejects(s3.store.put('a', Buffer.from('hello')), StoreUnavailable);
      await s3.store.put('b', Buffer.from('old'));
      s3.fail({ method: 'PUT', fault: { kind: 'lie' } });
      await assert.rejects(s3.store.put('b', Buffer.from('new')), StoreUnavailable);
      const { etag } = stored(await s3.store.put('b', Buffer.from('newer')));
      s3.fail({ method: 'PUT', fault: { kind: 'lie' } });
      await assert.rejects(s3.store.put('b', Buffer.from('newest'), { condition: { etag } }), StoreUnavailable);
      s3.fail({ method: 'POST', query: /uploadId/, fault: { kind: 'lie' } });
      await assert.rejects(s3.store.put('c', Buffer.alloc(9 * mebibyte)), StoreUnavailable);
      s3.nothingIsLeft();
    });

    test('of which S3 kept only some bytes is damage', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', fault: { kind: 'cut', bytes: 3 } });
      await assert.rejects(s3.store.put('a', Buffer.from('hello')), ObjectDamaged);
    });

    test('waits for a store that shows the old generation for a moment', async (t) => {
      const s3 = await faultyS3(t);
      await s3.store.put('a', Buffer.from('old'));
      s3.fail({ method: 'HEAD', fault: { kind: 'old' }, times: 2 });
      assert.equal(stored(await s3.store.put('a', Buffer.from('newer'))).size, 5);
    });

    test('in pieces that fails for good leaves no pieces, and the reason is that of the piece', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({
        method: 'PUT',
        query: /partNumber/,
        fault: { kind: 'error', status: 403, code: 'AccessDenied' },
        nth: 3,
      });
      await assert.rejects(s3.store.put('a', reusingOneBuffer(randomBytes(50 * mebibyte), mebibyte)), (failure) => {
        assert.ok(failure instanceof StoreRefused);
        // several are sent at the same time: which of them comes third is nobody's choice
        assert.match(failure.message, /piece [1-9]: 403 AccessDenied/);
        return true;
      });
      s3.nothingIsLeft();
      assert.equal(await s3.store.head('a'), undefined);
    });

    test('in pieces that fails while its source is silent does not wait for the source', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'error', status: 403, code: 'AccessDenied' } });
      const silence = Promise.withResolvers<void>();
      let released = false;
      async function* body() {
        try {
          yield Buffer.alloc(8 * mebibyte);
          yield Buffer.alloc(1);
          await silence.promise;
          yield Buffer.alloc(8 * mebibyte);
        } finally {
          released = true;
        }
      }
      await assert.rejects(s3.store.put('a', body()), StoreRefused); // who waits for the source waits here for ever
      silence.resolve();
      s3.nothingIsLeft();
      while (!released) await sleep(20);
    });

    test('in pieces that is told to stop leaves no pieces', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'stall' }, times: 100 });
      const stop = new AbortController();
      const put = assert.rejects(s3.store.put('a', Buffer.alloc(20 * mebibyte), { signal: stop.signal }), Aborted);
      while (s3.count(/partNumber/) === 0) await sleep(5); // before, the upload may have an id that we do not know
      stop.abort();
      await put;
      s3.nothingIsLeft();
    });

    test('in pieces reads no further than three pieces ahead of what is stored', async (t) => {
      const s3 = await faultyS3(t);
      s3.fail({ method: 'PUT', query: /partNumber/, fault: { kind: 'stall' }, times: 100 });
      const stop = new AbortController();
      let given = 0;
      async function* body() {
        for (;;) {
          given += mebibyte;
          yield Buffer.alloc(mebibyte);
        }
      }
      const put = s3.store.put('a', body(), { signal: stop.signal });
      while (given < 24 * mebibyte) await sleep(5);
      await sleep(100);
      assert.equal(given, 24 * mebibyte);
      stop.abort();
      await assert.rejects(put, Aborted);
    });
  });

  describe('a read', { concurrency: 6 }, () => {
    const expected = randomBytes(5 * mebibyte);
    const s3WithObject = async (t: TestContext) => {
      const s3 = await faultyS3(t);
      await s3.store.put('a', expected);
      return s3;
    };

    for (const fault of [
      { kind: 'truncate', bytes: 0 },
      { kind: 'truncate', bytes: 3_000_000 },
      { kind: 'hang', bytes: 2_000_000 },
      { kind: 'slow', chunkBytes: mebibyte, pauseMs: 30 },
      { kind: 'error', status: 503, code: 'SlowDown' },
      { kind: 'reset', when: 'before' },
      { kind: 'stall' },
    ] as const) {
      test(`survives "${nameOf(fault)}" and gives each byte once`, async (t) => {
        const s3 = await s3WithObject(t);
        s3.fail({ method: 'GET', fault });
        assert.ok(expected.equals(await read(s3.store, 'a')));
      });
    }

    test('goes on where it broke, in a range as well, over many connections', async (t) => {
      const s3 = await s3WithObject(t);
      s3.fail({ method: 'GET', fault: { kind: 'truncate', bytes: 400_000 }, times: 8 });
      const { body } = await s3.store.get('a', { range: { start: 1_000_000, length: 3_000_000 } });
      assert.ok(expected.subarray(1_000_000, 4_000_000).equals(await bytesOf(body)));
      assert.ok(s3.count(/^GET a/) >= 8);
    });

    test('does not go on with another generation', async (t) => {
      const s3 = await s3WithObject(t);
      s3.fail({ method: 'GET', fault: { kind: 'truncate', bytes: 1_000_000 } });
      const { body } = await s3.store.get('a');
      await s3.store.put('a', randomBytes(5 * mebibyte));
      await assert.rejects(bytesOf(body), ObjectMissing);
    });

    test('of changed bytes is damage, not success', async (t) => {
      const s3 = await s3WithObject(t);
      s3.fail({ method: 'GET', fault: { kind: 'corrupt', at: 4_000_000 } });
      await assert.rejects(read(s3.store, 'a'), ObjectDamaged);
      s3.fail({ method: 'GET', fault: { kind: 'truncate', bytes: 1_000_000 } });
      s3.fail({ method: 'GET', fault: { kind: 'corrupt', at: 100 }, nth: 2 });
      await assert.rejects(read(s3.store, 'a'), ObjectDamaged);
    });

    test('that is told to stop while nothing comes stops', async (t) => {
      const s3 = await s3WithObject(t);
      s3.fail({ method: 'GET', fault: { kind: 'hang', bytes: 1000 } });
      const stop = new AbortController();
      const { body } = await s3.store.get('a', { signal: stop.signal });
      setTimeout(() => stop.abort(), 50);
      await assert.rejects(bytesOf(body), Aborted);
    });
  });

  describe('asking', { concurrency: 6 }, () => {
    test('survives an S3 that is slow, resets or stalls once: head, list, delete', async (t) => {
      const s3 = await faultyS3(t);
      await s3.store.put('a', Buffer.from('x'));
      for (const fault of [
        { kind: 'error', status: 500, code: 'InternalError' },
        { kind: 'reset', when: 'after' },
        { kind: 'stall' },
      ] as const) {
        s3.fail({ method: 'HEAD', fault }, { method: 'GET', query: /list-type/, fault }, { method: 'DELETE', fault });
        assert.equal((await s3.store.head('a'))?.size, 1);
        assert.equal((await all(s3.store.list(''))).length, 1);
        await s3.store.delete('b');
      }
    });

    test('a bucket that is missing is refused, never taken for an empty one', async (t) => {
      const s3 = await faultyS3(t);
      const nowhere = await openStore('s3://another-bucket/x', s3.server.environment);
      await assert.rejects(nowhere.head('a'), StoreRefused);
      await assert.rejects(nowhere.get('a'), StoreRefused);
      await assert.rejects(nowhere.put('a', Buffer.from('x')), StoreRefused);
      await assert.rejects(nowhere.put('a', Buffer.from('x'), { condition: { etag: '"x"' } }), StoreRefused);
      await assert.rejects(all(nowhere.list('')), StoreRefused);
      await assert.rejects(nowhere.delete('a'), StoreRefused);
    });

    test('wrong credentials are refused with a hint, and the secret is in no message', async (t) => {
      const s3 = await faultyS3(t);
      const secret = 'a-secret-that-is-wrong';
      const cases = {
        AWS_SECRET_ACCESS_KEY: /check AWS_SECRET_ACCESS_KEY/,
        AWS_ACCESS_KEY_ID: /check AWS_ACCESS_KEY_ID/,
      };
      for (const [name, hint] of Object.entries(cases)) {
        const wrong = await openStore('s3://strict-bucket', { ...s3.server.environment, [name]: secret });
        await assert.rejects(wrong.get('a'), (failure) => {
          assert.ok(failure instanceof StoreRefused);
          assert.match(failure.hint ?? '', hint);
          assert.ok(!`${failure.stack}${JSON.stringify(failure)}${failure.cause}`.includes(secret));
          return true;
        });
      }
    });

    test('an endpoint where nothing listens is unavailable, and a name that does not exist as well', async (t) => {
      const s3 = await faultyS3(t);
      for (const endpoint of ['http://127.0.0.1:9', 'http://no-such-host.invalid']) {
        const down = await openStore('s3://strict-bucket', { ...s3.server.environment, AWS_ENDPOINT_URL_S3: endpoint });
        await assert.rejects(down.get('a'), StoreUnavailable);
      }
    });

    test('a listing out of order is refused', async (t) => {
      const s3 = await faultyS3(t);
      await s3.store.put('b', Buffer.from('x'));
      await s3.store.put('a', Buffer.from('x'));
      s3.server.bucket.isUnordered = true;
      await assert.rejects(all(s3.store.list('')), StoreRefused);
    });

    test('uploads that were never completed are aborted once they are old', async (t) => {
      const s3 = await faultyS3(t);
      const plain = { metadata: new Map(), tags: new Map() };
      s3.server.bucket.begin('old/1', plain).initiated = new Date(Date.now() - 3_600_000);
      s3.server.bucket.begin('old/2', plain).initiated = new Date(Date.now() - 3_600_000);
      s3.server.bucket.begin('new', plain);
      assert.equal(await s3.store.abortStaleUploads(new Date(Date.now() - 60_000)), 2);
      assert.deepEqual(
        [...s3.server.bucket.uploads.values()].map((upload) => upload.key),
        ['new'],
      );
      const below = await openStore('s3://strict-bucket/other', s3.server.environment);
      assert.equal(await below.abortStaleUploads(new Date(Date.now() + 60_000)), 0);
    });
  });
});

interface FaultyS3 {
  server: StrictS3;
  store: ObjectStore;
  /** from now on */
  fail: (...rules: FaultRule[]) => void;
  count: (requests: RegExp) => number;
  nothingIsLeft: () => void;
}

async function faultyS3(t: TestContext): Promise<FaultyS3> {
  const server = await startStrictS3();
  t.after(() => server.close());
  return {
    server,
    store: await openStore('s3://strict-bucket', server.environment, { stallMs: 1000 }),
    fail: (...rules) => server.faults.add(...rules),
    count: (pattern) => server.requests.filter((request) => pattern.test(request)).length,
    nothingIsLeft: () => assert.equal(server.bucket.uploads.size, 0),
  };
}

function nameOf(fault: Fault): string {
  return Object.entries(fault)
    .map(([name, value]) => (name === 'kind' ? value : `${name} ${value}`))
    .join(', ');
}
