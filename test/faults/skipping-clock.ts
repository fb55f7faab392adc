import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '#local/clock';

/** How long a call may take stays what it is: these are limits, and nobody waits for their end. */
const shortestLimitMs = 59_000;
const fasterBy = 100;

/** What a machine only waits for is over sooner, and took as long by this clock. */
export class SkippingClock implements Clock {
  #skippedMs = 0;
  readonly #limits = new Set<{ endsMs: number; end: AbortController }>();

  now(): number {
    return Date.now() + this.#skippedMs;
  }

  date(): Date {
    return new Date(this.now());
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms >= shortestLimitMs) return this.#untilLimit(ms, signal);
    const shortMs = ms / fasterBy;
    await delay(shortMs, undefined, signal ? { signal } : {}).catch(() => undefined);
    signal?.throwIfAborted();
    this.#skippedMs += ms - shortMs;
  }

  /** So much time is over at once, for those, too, who wait for nothing else. */
  pass(ms: number): void {
    this.#skippedMs += ms;
    for (const { endsMs, end } of this.#limits) if (endsMs <= this.now()) end.abort();
  }

  async #untilLimit(ms: number, signal?: AbortSignal): Promise<void> {
    const limit = { endsMs: this.now() + ms, end: new AbortController() };
    this.#limits.add(limit);
    const over = AbortSignal.any([limit.end.signal, ...(signal ? [signal] : [])]);
    const longestTimerMs = 2 ** 31 - 1;
    await delay(Math.min(ms, longestTimerMs), undefined, { ref: false, signal: over }).catch(() => undefined);
    this.#limits.delete(limit);
    signal?.throwIfAborted();
  }
}
