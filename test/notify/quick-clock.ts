import type { Clock } from '#notify/clock';

/** Time that passes at once: a pause ends in the next turn, and the clock is that much later. Pauses are told. */
export function quickClock(startMs = Date.parse('2026-11-20T12:00:00Z')): Clock & { paused: number[] } {
  let nowMs = startMs;
  const paused: number[] = [];
  return {
    paused,
    nowMs: () => nowMs,
    pause: async (ms, signal) => {
      // the limit of a try is over when the try is: only what nobody ends passes
      for (let turn = 0; turn < 20; turn++) {
        await new Promise(setImmediate);
        if (signal?.aborted) return;
      }
      nowMs += ms;
      paused.push(ms);
    },
  };
}
