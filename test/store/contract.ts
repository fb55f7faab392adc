import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Aborted, InputInvalid, ObjectMissing } from '#model/failure';
import type { ObjectStore, PutOutcome, StoredObject } from '#store/object-store';

export interface StoreUnderTest {
  store: ObjectStore;
  close?: () => Promise<void>;
}

/** What every store has to do. `open` gives one whose keys, below the bucket or a prefix, are empty. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let store: ObjectStore;
    let close: (() => Promise<void>) | undefined;
    before(async () => ({ store, close } = await open()));
    after(async () => close?.());

    test('what was put is read back, with its size, and is told by head, get and list alike', async () => {
      const put = stored(await store.put('told/a.bin', Buffer.from('hello')));
      assert.equal(put.key, 'told/a.bin');
      assert.equal(put.size, 5);
      assert.ok(Math.abs(put.lastModified.getTime() - Date.now()) < 60_000);
      const got = await store.get('told/a.bin');
      assert.equal((await bytesOf(got.body)).toString(), 'hello');
      const [listed] = await all(store.list('told/'));
      const head = await store.head('told/a.bin');
      for (const other of [head, got.object, listed]) {
        assert.deepEqual({ ...other, lastModified: undefined }, { ...put, lastModified: undefined });
      }
    });

    test('a stream of many small chunks whose buffer is used again is stored as it was given', async () => {
      const expected = randomBytes(3_000_000);
      await store.put('stream/small', reusingOneBuffer(expected, 7919));
      assert.ok(expected.equals(await read(store, 'stream/small')));
    });

    test('a body larger than several pieces comes back complete, also over a wrong size hint', async () => {
      const expected = randomBytes(19 * 1024 * 1024 + 17);
      const put = stored(await store.put('stream/large', reusingOneBuffer(expected, 1_000_003), { sizeHint: 10 }));
      assert.equal(put.size, expected.length);
      assert.ok(expected.equals(await read(store, 'stream/large')));
    });

    test('a body that fills its pieces exactly gains no byte and loses none', async () => {
      const expected = randomBytes(16 * 1024 * 1024);
      stored(await store.put('stream/exact', reusingOneBuffer(expected, 1024 * 1024)));
      assert.ok(expected.equals(await read(store, 'stream/exact')));
      stored(await store.put('stream/one', expected.subarray(0, 8 * 1024 * 1024)));
      assert.ok(expected.subarray(0, 8 * 1024 * 1024).equals(await read(store, 'stream/one')));
    });

    test('an empty body, as bytes, as a stream and as a stream of empty chunks, is an object of no bytes', async () => {
      for (const body of [new Uint8Array(), chunks(), chunks(Buffer.alloc(0), Buffer.alloc(0))]) {
        assert.equal(stored(await store.put('empty', body)).size, 0);
        assert.equal((await read(store, 'empty')).length, 0);
      }
      const got = await store.get('empty', { range: { start: 0 } });
      assert.equal((await bytesOf(got.body)).length, 0);
    });

    test('put without a condition replaces, and the etag changes', async () => {
      const first = stored(await store.put('replaced', Buffer.from('one')));
      const second = stored(await store.put('replaced', Buffer.from('two')));
      assert.notEqual(first.etag, second.etag);
      assert.equal((await read(store, 'replaced')).toString(), 'two');
    });

    test('tags are taken with small and large bodies, and change nothing that a reader sees', async () => {
      const tags = { 'lifeboat-tier': 'cold', odd: 'a b+c=d/é' };
      const large = randomBytes(9 * 1024 * 1024);
      stored(await store.put('tagged/small', Buffer.from('small'), { tags, condition: 'absent' }));
      stored(await store.put('tagged/large', chunks(large), { tags, condition: 'absent' }));
      assert.equal((await read(store, 'tagged/small')).toString(), 'small');
      assert.ok(large.equals(await read(store, 'tagged/large')));
      assert.deepEqual(await store.put('tagged/small', Buffer.from('again'), { tags, condition: 'absent' }), {
        stored: false,
      });
    });

    test('condition absent stores once and never again, small or large, until the object is deleted', async () => {
      stored(await store.put('once', Buffer.from('first'), { condition: 'absent' }));
      assert.deepEqual(await store.put('once', Buffer.from('second'), { condition: 'absent' }), { stored: false });
      const large = chunks(randomBytes(9 * 1024 * 1024));
      assert.deepEqual(await store.put('once', large, { condition: 'absent' }), { stored: false });
      assert.equal((await read(store, 'once')).toString(), 'first');
      await store.delete('once');
      stored(await store.put('once', Buffer.from('third'), { condition: 'absent' }));
    });

    test('condition etag stores over that generation alone', async () => {
      const first = stored(await store.put('swapped', Buffer.from('1')));
      const second = stored(await store.put('swapped', Buffer.from('2'), { condition: { etag: first.etag } }));
      assert.deepEqual(await store.put('swapped', Buffer.from('3'), { condition: { etag: first.etag } }), {
        stored: false,
      });
      assert.equal((await read(store, 'swapped')).toString(), '2');
      const large = randomBytes(9 * 1024 * 1024);
      assert.deepEqual(await store.put('swapped', chunks(large), { condition: { etag: first.etag } }), {
        stored: false,
      });
      stored(await store.put('swapped', chunks(large), { condition: { etag: second.etag } }));
      assert.ok(large.equals(await read(store, 'swapped')));
    });

    test('condition etag on an object that is not there stores nothing', async () => {
      const gone = stored(await store.put('gone', Buffer.from('1')));
      await store.delete('gone');
      assert.deepEqual(await store.put('gone', Buffer.from('2'), { condition: { etag: gone.etag } }), {
        stored: false,
      });
      assert.equal(await store.head('gone'), undefined);
    });

    test('of many that create at once one wins, and its bytes are what is there', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, i) => store.put('race', Buffer.from(`racer ${i}`), { condition: 'absent' })),
      );
      const winners = outcomes.flatMap((outcome, i) => (outcome.stored ? [i] : []));
      assert.equal(winners.length, 1);
      assert.equal((await read(store, 'race')).toString(), `racer ${winners[0]}`);
    });

    test('of many that replace one generation one wins', async () => {
      const { etag } = stored(await store.put('swap-race', Buffer.from('start')));
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          store.put('swap-race', Buffer.from(`racer ${i}`), { condition: { etag } }),
        ),
      );
      assert.equal(outcomes.filter((outcome) => outcome.stored).length, 1);
    });

    test('a range gives its bytes and is cut at the end', async () => {
      await store.put('range', Buffer.from('0123456789'));
      const reads = {
        '2,3': [2, 3, '234'],
        '7,': [7, undefined, '789'],
        '9,9': [9, 9, '9'],
        '0,': [0, undefined, '0123456789'],
      };
      for (const [start, length, expected] of Object.values(reads) as [number, number | undefined, string][]) {
        const { object, body } = await store.get('range', { range: { start, ...(length && { length }) } });
        assert.equal((await bytesOf(body)).toString(), expected);
        assert.equal(object.size, 10);
      }
    });

    test('a range that starts at the end or beyond, or makes no sense, is refused', async () => {
      await store.put('range-end', Buffer.from('0123456789'));
      for (const range of [
        { start: 10 },
        { start: 11, length: 1 },
        { start: -1 },
        { start: 0.5 },
        { start: 0, length: 0 },
      ]) {
        await assert.rejects(store.get('range-end', { range }), InputInvalid);
      }
      await store.put('range-empty', new Uint8Array());
      await assert.rejects(store.get('range-empty', { range: { start: 1 } }), InputInvalid);
    });

    test('an object that is not there is missing for get, undefined for head, and deleted without complaint', async () => {
      await assert.rejects(store.get('nowhere/x'), ObjectMissing);
      await assert.rejects(store.get('nowhere/x', { range: { start: 3 } }), ObjectMissing);
      assert.equal(await store.head('nowhere/x'), undefined);
      await store.delete('nowhere/x');
      await store.put('range/below', Buffer.from('x'));
      await store.delete('range/below');
      await store.delete('range/below');
      assert.equal(await store.head('range/below'), undefined);
    });

    test('keys are bytes: odd ones are distinct, survive, and list in byte order', async () => {
      const keys = oddKeys.map((key) => `odd/${key}`);
      for (const key of keys) stored(await store.put(key, Buffer.from(key), { condition: 'absent' }));
      for (const key of keys) assert.equal((await read(store, key)).toString(), key);
      const listed = (await all(store.list('odd/'))).map((object) => object.key);
      assert.deepEqual(listed, inByteOrder(keys));
      for (const key of keys) await store.delete(key);
      assert.deepEqual(await all(store.list('odd/')), []);
    });

    test('a key that is empty, too long, or no UTF-8 is refused', async () => {
      for (const key of ['', 'x'.repeat(1025), '\ud800']) {
        await assert.rejects(store.put(key, Buffer.from('x')), InputInvalid);
        await assert.rejects(store.get(key), InputInvalid);
      }
    });

    test('list gives what starts with the prefix, wherever that ends, after startAfter', async () => {
      const keys = ['l/a', 'l/a.b', 'l/a/1', 'l/a/2', 'l/a0', 'l/ab/1', 'l/b', 'l/b/c/d/e', 'm'];
      for (const key of keys) await store.put(key, Buffer.from('x'));
      const prefixes = ['l/', 'l/a', 'l/a/', 'l/a.', 'l/b/c', 'l/b/c/d/e', 'l/nothing/', 'l/a/1/'];
      for (const prefix of prefixes) {
        for (const startAfter of [undefined, 'a', 'l/a', 'l/a.b', 'l/a/', 'l/a/1', 'l/a/3', 'l/b/c/d', 'l/b/zz', 'z']) {
          const expected = inByteOrder(keys).filter((key) => {
            return (
              key.startsWith(prefix) &&
              (startAfter === undefined || (inByteOrder([key, startAfter])[1] === key && key !== startAfter))
            );
          });
          const listed = await all(store.list(prefix, startAfter === undefined ? {} : { startAfter }));
          assert.deepEqual(
            listed.map((object) => object.key),
            expected,
            `prefix ${prefix} after ${startAfter}`,
          );
        }
      }
    });

    test('a listing longer than a page of S3 is complete and in order', async () => {
      const keys = Array.from({ length: 1100 }, (_, i) => `page/${String(i).padStart(5, '0')}`);
      await atOnce(16, keys, (key) => store.put(key, Buffer.from('x'), { condition: 'absent' }));
      assert.deepEqual(
        (await all(store.list('page/'))).map((object) => object.key),
        keys,
      );
      const some = await all(store.list('page/', { startAfter: 'page/00997' }));
      assert.equal(some[0]?.key, 'page/00998');
      assert.equal(some.length, 102);
    });

    test('folders are the distinct next elements that hold objects, after startAfter', async () => {
      const keys = ['f/a', 'f/a/1', 'f/a/2/3', 'f/b.c/1', 'f/b/1', 'f//x', 'f/ü/1', 'f/only-an-object'];
      for (const key of keys) await store.put(key, Buffer.from('x'));
      assert.deepEqual(await all(store.folders('f/')), ['/', 'a/', 'b.c/', 'b/', 'ü/']);
      assert.deepEqual(await all(store.folders('f/a/')), ['2/']);
      assert.deepEqual(await all(store.folders('f/none/')), []);
      assert.deepEqual(await all(store.folders('f/', { startAfter: 'f/a/' })), ['b.c/', 'b/', 'ü/']);
      assert.deepEqual(await all(store.folders('f/', { startAfter: 'f/b' })), ['b.c/', 'b/', 'ü/']);
      await store.delete('f/b/1');
      assert.deepEqual(await all(store.folders('f/')), ['/', 'a/', 'b.c/', 'ü/']);
      assert.ok((await all(store.folders(''))).includes('f/'));
      await assert.rejects(all(store.folders('f')), InputInvalid);
    });

    test('an object is not visible before its body has ended', async () => {
      const halfway = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      async function* body() {
        yield randomBytes(9 * 1024 * 1024);
        halfway.resolve();
        await goOn.promise;
        yield randomBytes(9 * 1024 * 1024);
      }
      const put = store.put('slow/object', body(), { condition: 'absent' });
      await halfway.promise;
      assert.equal(await store.head('slow/object'), undefined);
      assert.deepEqual(await all(store.list('slow/')), []);
      goOn.resolve();
      assert.equal(stored(await put).size, 18 * 1024 * 1024);
    });

    test('a body that fails leaves nothing, and its own failure is what the caller gets', async () => {
      for (const sizeBytes of [1000, 9 * 1024 * 1024]) {
        const failure = new Error('the source broke');
        async function* body() {
          yield randomBytes(sizeBytes);
          throw failure;
        }
        await assert.rejects(store.put('broken', body()), (error) => error === failure);
        assert.equal(await store.head('broken'), undefined);
      }
      assert.equal(await store.abortStaleUploads(new Date(Date.now() + 60_000)), 0);
    });

    test('a put that is told to stop while its source is silent stops, lets the source go, and leaves nothing', async () => {
      const stop = new AbortController();
      let released = false;
      const body: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            setTimeout(() => stop.abort(), 20); // it waits for us by then
            return new Promise(() => undefined);
          },
          return: async () => {
            released = true;
            return { done: true, value: undefined };
          },
        }),
      };
      await assert.rejects(store.put('stopped', body, { signal: stop.signal }), Aborted);
      assert.ok(released);
      assert.equal(await store.head('stopped'), undefined);
      assert.equal(await store.abortStaleUploads(new Date(Date.now() + 60_000)), 0);
    });

    test('whoever calls with a signal that was already given is told that it stopped', async () => {
      const signal = AbortSignal.abort();
      await store.put('signal', Buffer.from('x'));
      await assert.rejects(store.put('signal', Buffer.from('y'), { signal }), Aborted);
      await assert.rejects(store.head('signal', { signal }), Aborted);
      await assert.rejects(store.get('signal', { signal }), Aborted);
      await assert.rejects(store.delete('signal', { signal }), Aborted);
      await assert.rejects(all(store.list('', { signal })), Aborted);
      assert.equal((await read(store, 'signal')).toString(), 'x');
    });

    test('a reader may leave in the middle, and be told to stop in the middle', async () => {
      await store.put('left', randomBytes(6 * 1024 * 1024));
      for await (const chunk of (await store.get('left')).body) {
        assert.ok(chunk.length > 0);
        break;
      }
      const stop = new AbortController();
      const { body } = await store.get('left', { signal: stop.signal });
      await assert.rejects(async () => {
        for await (const _ of body) stop.abort();
      }, Aborted);
    });

    test('a reader keeps the generation that it opened', async () => {
      const before = randomBytes(4 * 1024 * 1024);
      await store.put('kept', before);
      const { body } = await store.get('kept');
      await store.put('kept', randomBytes(4 * 1024 * 1024));
      assert.ok(before.equals(await bytesOf(body)));
      const { body: deleted } = await store.get('kept');
      await store.delete('kept');
      assert.equal((await bytesOf(deleted)).length, 4 * 1024 * 1024);
    });
  });
}

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await all(body));
}

export async function read(store: ObjectStore, key: string): Promise<Buffer> {
  return bytesOf((await store.get(key)).body);
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export function stored(outcome: PutOutcome): StoredObject {
  assert.ok(outcome.stored, 'the condition should hold');
  return outcome.object;
}

/** Chunks as a stream may give them: all in one buffer, which changes when the next is asked for. */
export async function* reusingOneBuffer(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(chunkBytes);
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const chunk = bytes.subarray(start, start + chunkBytes);
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.length);
    buffer.fill(0xee);
  }
}

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

const oddKeys = [
  'a',
  'a/b',
  'a/b/c',
  'a//b',
  'a/',
  '/',
  '//',
  '.',
  '..',
  './x',
  '../x',
  '../../x',
  'a/../b',
  '.hidden',
  '.lifeboat/x',
  'a.b',
  'a.b/c',
  'a%',
  'a%/b',
  'a%+',
  'a%+/b',
  '%',
  '%%',
  '%2E',
  '%2e',
  '%41',
  '@',
  'a@',
  'a@/b',
  'a b',
  'a+b',
  'a%20b',
  'A',
  'ä',
  'a\u0308',
  '\u{1f6df}',
  '\uffee',
  '\ue000',
  'back\\slash',
  'new\nline',
  'tab\t',
  'del\u007f',
  '<&">\'',
  '*?[x]',
  'lost+found',
  'lost+found/x',
  '~',
  '-rf',
  '#',
  '?x=1',
  'a;b',
  'a=b&c',
  'con:',
  '$x',
  'x'.repeat(200),
  'x'.repeat(201),
  `${'x'.repeat(200)}!`,
  `${'x'.repeat(200)}/y`,
  `${'x'.repeat(255)}/y`,
  'x'.repeat(1000),
  '/'.repeat(1000),
  './'.repeat(500),
  'ü'.repeat(300),
  `${'ü'.repeat(150)}.x`,
  '%'.repeat(300),
]; // prettier-ignore

function inByteOrder(keys: string[]): string[] {
  return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

async function atOnce<T>(limit: number, items: T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await act(item);
    }),
  );
}
