import { interruptible } from './interruptible.ts';
import type { Visit } from './state-visit.ts';

/** Until that time, which is on the disk before the waiting begins. @throws ScopeStopped; why the execution is left */
export async function waitUntil({ run, scope }: Visit, until: number): Promise<void> {
  const left = until - run.clock.now();
  scope.signal.throwIfAborted();
  if (left <= 0) return;
  await run.journal.durable();
  const over = new AbortController();
  try {
    await interruptible(run.clock.sleep(left, over.signal), [scope.signal, run.leaving]);
  } finally {
    over.abort();
  }
}
