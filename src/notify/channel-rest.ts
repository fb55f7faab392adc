interface Rest {
  untilMs: number;
  reason: string;
}

/**
 * Channels that failed all tries are left alone for half a minute, or as long as the other side asked. So a thousand notices do
 * not wait for the same dead webhook one after the other; what is not told meanwhile is tried again by whoever asked for it.
 */
export class ChannelRest {
  readonly #resting = new Map<string, Rest>();
  readonly #restMs: number;

  constructor(restMs = 30_000) {
    this.#restMs = restMs;
  }

  /** 0 when it may be tried */
  leftMs(channel: string, nowMs: number): number {
    const leftMs = (this.#resting.get(channel)?.untilMs ?? 0) - nowMs;
    // more than that is a clock that was set back
    return leftMs > 0 && leftMs <= longestMs ? leftMs : 0;
  }

  reason(channel: string): string {
    return this.#resting.get(channel)?.reason ?? 'it failed before';
  }

  failed(channel: string, nowMs: number, reason: string, afterMs = 0): void {
    this.#resting.set(channel, { untilMs: nowMs + Math.min(Math.max(this.#restMs, afterMs), longestMs), reason });
  }

  took(channel: string): void {
    this.#resting.delete(channel);
  }
}

const longestMs = 10 * 60_000;
