import type { Known } from '#failover/move-facts';
import { oneLine } from '#model/plain-text';

/**
 * What `ask` answers within the time, or why it did not: one that hears nothing of its signal is left to itself. So what a dead
 * region has to say costs `limitMs` at most.
 */
export async function knownInTime<T>(
  limitMs: number,
  ask: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<Known<T>> {
  const late = new AbortController();
  const signal = outer ? AbortSignal.any([late.signal, outer]) : late.signal;
  const { promise: over, resolve } = Promise.withResolvers<Known<T>>();
  const timer = setTimeout(() => {
    resolve({ known: false, why: `no answer in ${limitMs / 1_000} s` });
    late.abort();
  }, limitMs);
  const asked = Promise.resolve()
    .then(() => ask(signal))
    .then(
      (value): Known<T> => ({ known: true, value }),
      (failure: Error): Known<T> => ({ known: false, why: oneLine(failure.message, 500) || failure.name }),
    );
  try {
    return await Promise.race([asked, over]);
  } finally {
    clearTimeout(timer);
  }
}
