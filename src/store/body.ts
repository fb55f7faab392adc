import { Aborted } from '#model/failure';
import type { Body } from './object-store.ts';

/**
 * The chunks of a body, none of them empty. Stops with Aborted as soon as the signal says so, even while the source
 * is silent. The source's own failures pass through unchanged: they are not the store's.
 */
export async function* chunksOf(body: Body, key: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  throwIfAborted(signal, 'put', key);
  if (body instanceof Uint8Array) {
    if (body.length > 0) yield body;
    return;
  }
  const source = body[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      throwIfAborted(signal, 'put', key);
      const next = await orAborted(source.next(), signal, key);
      if (next.done) {
        ended = true;
        return;
      }
      if (next.value.length > 0) yield next.value;
    }
  } catch (failure) {
    // a source that threw is over; one that was left by an abort is told below
    ended = !(failure instanceof Aborted);
    throw failure;
  } finally {
    if (!ended) release(source);
  }
}

/** @throws Aborted */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string, subject: string): void {
  if (signal?.aborted) throw abortedBy(signal, operation, subject);
}

export function abortedBy(signal: AbortSignal | undefined, operation: string, subject: string): Aborted {
  return new Aborted(`${operation} ${subject}: stopped`, { operation, subject, cause: signal?.reason });
}

function orAborted<T>(pending: Promise<T>, signal: AbortSignal | undefined, key: string): Promise<T> {
  if (signal === undefined) return pending;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(abortedBy(signal, 'put', key));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    pending.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Tell the source that nobody reads on. Not awaited: a generator that waits for its own source answers only then. */
function release(source: AsyncIterator<Uint8Array>): void {
  source.return?.()?.then(undefined, () => {
    // the put has failed already, with the reason that matters
  });
}
