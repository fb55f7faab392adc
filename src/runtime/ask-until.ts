import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait between two looks, and how often to look: real time is only in `pause`. */
export interface Pace {
  everyMs: number;
  forMs: number;
  pause?: Pause;
}

export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export const realPause: Pause = (ms, signal) => sleep(ms, undefined, { signal });

/**
 * Look again and again, the first time at once, until there is an answer. undefined: there was none in all that time.
 * @throws what `ask` throws, and what `signal` was aborted with
 */
export async function askUntil<T>(
  ask: () => Promise<T | undefined>,
  { everyMs, forMs, pause = realPause }: Pace,
  signal: AbortSignal,
): Promise<T | undefined> {
  for (let waitedMs = 0; ; waitedMs += everyMs) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (waitedMs + everyMs > forMs) return undefined;
    await pause(everyMs, signal);
  }
}
