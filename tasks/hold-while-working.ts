import { performance } from 'node:perf_hooks';
import { Aborted } from '#model/failure';
import type { TaskLog } from './task-log.ts';

export interface HeldWork {
  /** take or renew the lease; @throws LeaseHeld when another execution has it */
  hold(): Promise<void>;
  source: string;
  signal: AbortSignal;
  log: TaskLog;
  renewEveryMs?: number;
  /** less than the lease holds: unrenewed for so long, it may soon be another's */
  lostAfterMs?: number;
}

/** The lease of an execution is half an hour: src/catalog/execution-lease.ts */
const defaults = { renewEveryMs: 5 * 60_000, lostAfterMs: 25 * 60_000 };

/**
 * Work that renews its lease meanwhile. Who loses it to another execution stops, and so does who could not renew it for so long that
 * another one may have it soon. `work` gets a way to renew it at once, before what cannot be taken back. @throws LeaseHeld
 */
export async function holdWhileWorking<T>(
  held: HeldWork,
  work: (signal: AbortSignal, holdNow: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { hold, source, signal, log, renewEveryMs, lostAfterMs } = { ...defaults, ...held };
  const lost = new AbortController();
  let heldSinceMs = 0;
  const holdNow = async () => {
    const begunMs = performance.now();
    await hold();
    heldSinceMs = begunMs;
  };
  const renew = () =>
    holdNow().catch((cause: Error) => {
      const isTaken = cause.name === 'LeaseHeld';
      if (!isTaken && performance.now() - heldSinceMs < lostAfterMs)
        return log.warn('the lease could not be renewed', { why: cause.message });
      const why = isTaken ? 'another execution has the lease' : 'the lease could not be renewed before it ends';
      lost.abort(new Aborted(why, { operation: 'rebuild', subject: source, cause }));
    });
  await holdNow();
  const timer = setInterval(() => void renew(), renewEveryMs);
  try {
    return await work(AbortSignal.any([signal, lost.signal]), holdNow);
  } finally {
    clearInterval(timer);
  }
}
