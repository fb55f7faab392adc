import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { type Failure, ObjectDamaged, StoreUnavailable } from '#model/failure';
import { abortedBy, throwIfAborted } from './body.ts';
import type { Span } from './range.ts';

export interface ResumableReadOptions {
  /** for messages */
  subject: string;
  /** the bytes to read: exactly these are given, or the reading fails */
  span: Span;
  /** the stream that begins at `span.start`, already open */
  first: Readable;
  /** the same generation of the object from a later byte on */
  reopen: (start: number) => Promise<Readable>;
  /** what an error of a stream means */
  failureOf: (error: unknown) => Failure;
  /** how long no byte may come before the stream counts as broken */
  stallMs: number;
  /** the pause before a resume; doubled with each one in a row that brings nothing */
  pauseMs?: number | undefined;
  /** of all bytes of the span; not checked where it is not known */
  crc32?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** How often in a row a stream may end early without having brought a byte. */
const maxFruitless = 5;

/**
 * Read a span of bytes through connections that break. A stream may break (an error, or silence) or come short (an
 * orderly end too early): either way the next one begins at the first byte that is missing.
 *
 * @throws StoreUnavailable when it does not get on; ObjectDamaged when there are more bytes than there should be, or
 * when they do not have the checksum (which shows only after the last one was given)
 */
export async function* resumableRead(options: ResumableReadOptions): AsyncGenerator<Uint8Array> {
  const { subject, span, signal } = options;
  let position = span.start;
  let fruitless = 0;
  let checksum = 0;
  let source: Readable | undefined = options.first;
  for (;;) {
    const began = position;
    let ending: Failure;
    try {
      source ??= await options.reopen(position);
      for await (const chunk of untilSilent(source, options)) {
        position += chunk.length;
        if (position > span.end) throw tooLong(subject, span);
        if (options.crc32 !== undefined) checksum = crc32(chunk, checksum);
        yield chunk;
      }
      ending = cameShort(subject, position, span);
    } catch (error) {
      throwIfAborted(signal, 'get', subject);
      ending = options.failureOf(error);
      if (ending.verdict !== 'retry') throw ending;
    }
    // where every byte is here, it changes nothing that the connection broke in the end
    if (position === span.end) return checkSum(subject, options.crc32, checksum);
    fruitless = position > began ? 0 : fruitless + 1;
    if (fruitless === maxFruitless) throw gaveUp(subject, position, span, ending);
    source = undefined;
    await pause((options.pauseMs ?? 100) * 2 ** fruitless, subject, signal);
  }
}

async function* untilSilent(
  source: Readable,
  { stallMs, subject, signal }: ResumableReadOptions,
): AsyncGenerator<Uint8Array> {
  const stop = () => source.destroy(abortedBy(signal, 'get', subject));
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  let timer: NodeJS.Timeout | undefined;
  try {
    const chunks = source[Symbol.asyncIterator]();
    for (;;) {
      timer = setTimeout(() => source.destroy(silence(subject, stallMs)), stallMs);
      const next = await chunks.next();
      clearTimeout(timer);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    // where it was left early, this closes the connection; that it was closed is no news then
    source.on('error', () => undefined).destroy();
  }
}

function silence(subject: string, stallMs: number): StoreUnavailable {
  return unavailable(subject, `no byte came for ${stallMs / 1000} s`);
}

function cameShort(subject: string, position: number, span: Span): StoreUnavailable {
  return unavailable(subject, `the answer came short: it ended at byte ${position}, expected ${span.end}`);
}

function gaveUp(subject: string, position: number, span: Span, last: Failure): StoreUnavailable {
  return unavailable(
    subject,
    `stuck at byte ${position} of ${span.end}: ${maxFruitless} connections in a row brought nothing; the last one: ${last.message}`,
    last,
  );
}

function unavailable(subject: string, what: string, cause?: unknown): StoreUnavailable {
  return new StoreUnavailable(`get ${subject}: ${what}`, { operation: 'get', subject, cause });
}

function checkSum(subject: string, expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new ObjectDamaged(
    `get ${subject}: its bytes have the CRC-32 ${actual.toString(16)}, expected ${expected.toString(16)}`,
    {
      operation: 'get',
      subject,
      hint: 'read it again: if the same happens it was damaged in the store, otherwise on its way',
    },
  );
}

function tooLong(subject: string, span: Span): ObjectDamaged {
  return new ObjectDamaged(`get ${subject}: more bytes came than the ${span.end - span.start} expected`, {
    operation: 'get',
    subject,
  });
}

async function pause(ms: number, subject: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch {
    // the only reason for a timer to fail is the signal
    throw abortedBy(signal, 'get', subject);
  }
}
