import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Aborted, Failure, ObjectDamaged, StoreRefused, StoreUnavailable } from '#model/failure';
import { type ResumableReadOptions, resumableRead } from '#store/resumable-read';
import { bytesOf } from './contract.ts';

const bytes = Buffer.from('0123456789');

describe('a resumable read', () => {
  test('goes on at the first missing byte after streams that come short and streams that break', async () => {
    const opened: number[] = [];
    const endings = [broken, short, broken];
    const body = reading({
      first: short('012'),
      reopen: async (start) => {
        opened.push(start);
        const ending = endings.shift();
        return ending ? ending(bytes.toString('latin1', start, start + 2)) : Readable.from([bytes.subarray(start)]);
      },
    });
    assert.equal((await bytesOf(body)).toString(), '0123456789');
    assert.deepEqual(opened, [3, 5, 7, 9]);
  });

  test('tells whether the answers came short or the connections broke when it gives up', async () => {
    for (const [ending, what] of [
      [short, /stuck at byte 3 of 10: 5 connections in a row.*came short: it ended at byte 3, expected 10/],
      [broken, /stuck at byte 3 of 10: 5 connections in a row.*connection broke/],
    ] as const) {
      let opened = 0;
      const body = reading({
        first: short('012'),
        reopen: async () => {
          opened++;
          return ending('');
        },
      });
      await assert.rejects(bytesOf(body), (failure) => {
        assert.ok(failure instanceof StoreUnavailable);
        assert.match(failure.message, what);
        return true;
      });
      assert.equal(opened, 5);
    }
  });

  test('counts a stream in which no byte comes for too long as broken', async () => {
    const silent = new Readable({ read: () => undefined });
    silent.push('01234');
    const body = reading({
      first: silent,
      stallMs: 20,
      reopen: async (start) => Readable.from([bytes.subarray(start)]),
    });
    assert.equal((await bytesOf(body)).toString(), '0123456789');
    assert.ok(silent.destroyed);
  });

  test('does not count the time that its own reader takes', async () => {
    let opened = 0;
    const slowReader = reading({
      first: Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]),
      stallMs: 20,
      reopen: async () => {
        opened++;
        return broken('');
      },
    });
    for await (const _ of slowReader) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(opened, 0);
  });

  test('stops at once on what will not pass', async () => {
    const refused = new StoreRefused('no', { operation: 'get', subject: 'x' });
    let opened = 0;
    const body = reading({
      first: short('0'),
      reopen: async () => {
        opened++;
        throw refused;
      },
    });
    await assert.rejects(bytesOf(body), (failure) => failure === refused);
    assert.equal(opened, 1);
  });

  test('finds more bytes than there should be damaged', async () => {
    await assert.rejects(bytesOf(reading({ first: short('0123456789X') })), ObjectDamaged);
  });

  test('checks the checksum over all connections', async () => {
    const connections = {
      first: short('0123'),
      reopen: async (start: number) => short(bytes.toString('latin1', start)),
    };
    const body = reading({ ...connections, crc32: crc32(bytes) });
    assert.equal((await bytesOf(body)).toString(), '0123456789');
    const changed = reading({ ...connections, first: short('012X'), crc32: crc32(bytes) });
    await assert.rejects(bytesOf(changed), ObjectDamaged);
  });

  test('stops when it is told to, also between two connections', async () => {
    const stop = new AbortController();
    const body = reading({ first: broken('0'), reopen: async () => broken(''), pauseMs: 10_000, signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(bytesOf(body), Aborted);
  });

  test('closes its connection when its reader leaves', async () => {
    const first = new Readable({ read: () => undefined });
    first.push('01234');
    for await (const _ of reading({ first })) break;
    assert.ok(first.destroyed);
  });
});

function reading(options: Partial<ResumableReadOptions>): AsyncGenerator<Uint8Array> {
  return resumableRead({
    subject: 'x',
    span: { start: 0, end: bytes.length },
    first: short(''),
    reopen: async () => assert.fail('it should not have been opened again'),
    failureOf: (error) => (error instanceof Failure ? error : unavailable(error)),
    stallMs: 1000,
    pauseMs: 1,
    ...options,
  });
}

function unavailable(cause: unknown): StoreUnavailable {
  return new StoreUnavailable('the connection broke', { operation: 'get', subject: 'x', cause });
}

function short(text: string): Readable {
  return Readable.from([Buffer.from(text)]);
}

function broken(text: string): Readable {
  return Readable.from(
    (async function* () {
      if (text !== '') yield Buffer.from(text);
      throw new Error('ECONNRESET');
    })(),
  );
}
