import { type Scope, ScopeStopped } from './execution-run.ts';
import { StateFailed } from './state-failed.ts';
import type { Visit } from './state-visit.ts';

export interface Together {
  count: number;
  /** how many run at the same time */
  width: number;
  /** Told of each that failed: whether the others go on. */
  tolerates(index: number): boolean;
  /** Runs one; `scope` has the signal and the path. */
  run(index: number, scope: Pick<Scope, 'path' | 'signal'>): Promise<void>;
  /** whether they are executions of their own, with a history of their own */
  apart?: boolean;
  /** whether it was begun before the engine was started again */
  wasBegun(index: number): boolean;
}

/**
 * Scopes of a Parallel or Map side by side. When a failure is not tolerated, that is recorded, the others are told to
 * end, and all are awaited. A resumed attempt that had failed before only ends what it had begun.
 * @throws StateFailed the first failure that was not tolerated; ScopeStopped
 */
export async function runTogether(
  visit: Visit,
  { count, width, tolerates, run, wasBegun, apart = false }: Together,
): Promise<void> {
  const { key, log, scope } = visit;
  const stop = new AbortController();
  const signal = AbortSignal.any([scope.signal, stop.signal]);
  const { stopping } = log.attempt;
  const mark = (index: number): string => (apart ? `{${index}}` : `[${index}]`);
  let fatal = stopping && new StateFailed(stopping.error, stopping.cause, 'silent');
  if (fatal) stop.abort(new ScopeStopped());

  const runOne = async (index: number): Promise<void> => {
    try {
      await run(index, { path: `${key}@${log.failed.length}${mark(index)}`, signal });
    } catch (failure) {
      if (failure instanceof ScopeStopped) return;
      // what no state can catch ends the engine's work, and not that of the others
      if (!(failure instanceof StateFailed)) return visit.run.leave(failure);
      if (fatal || tolerates(index)) return;
      fatal = new StateFailed(failure.error, failure.cause, 'silent');
      visit.run.append({ type: 'stopping', key, error: failure.error, cause: failure.cause });
      await visit.run.journal.durable();
      stop.abort(new ScopeStopped());
    }
  };
  const indices = Array.from({ length: count }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const index of indices) {
      visit.run.leaving.throwIfAborted();
      if (!signal.aborted || wasBegun(index)) await runOne(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
  if (fatal) throw fatal;
  scope.signal.throwIfAborted();
}
