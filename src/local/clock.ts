import { setTimeout as delay } from 'node:timers/promises';

/** Time, given to whatever waits, so that a test's hours take no time. */
export interface Clock {
  /** milliseconds since the epoch */
  now(): number;
  /** @throws the signal's reason once it is aborted */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout counts in 31 bits: what is longer fires at once. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    for (let left = ms; ; left -= longestTimerMs) {
      signal?.throwIfAborted();
      try {
        await delay(Math.max(0, Math.min(left, longestTimerMs)), undefined, signal ? { signal } : {});
      } catch (failure) {
        throw signal?.aborted ? signal.reason : failure;
      }
      if (left <= longestTimerMs) return;
    }
  },
};
