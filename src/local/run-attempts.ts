import type { Json } from './integration.ts';
import type { Exit, FailedAttempt } from './journal-record.ts';
import { whatFollows } from './retry-policy.ts';
import { reported, StateFailed } from './state-failed.ts';
import { leave, type Visit } from './state-visit.ts';
import { waitUntil } from './wait-until.ts';

/**
 * Attempts of a state until one succeeds, or its error is caught, or nothing of Retry is left. What the journal knows
 * to have failed keeps its place in Retry's budgets, and the time that was to be waited.
 * @throws StateFailed; ScopeStopped
 */
export async function runAttempts(visit: Visit, attempt: () => Promise<Exit>): Promise<Exit> {
  for (let number = 0; ; number++) {
    let failed: FailedAttempt | undefined = visit.log.failed[number];
    if (!failed) {
      try {
        return await attempt();
      } catch (failure) {
        if (!(failure instanceof StateFailed)) throw failure;
        failed = noteFailure(visit, failure);
        if (visit.state.Type === 'Task') await visit.run.journal.durable();
      }
    }
    const { next } = failed;
    if (next === null) throw new StateFailed(failed.error, failed.cause);
    if ('catcher' in next) return await leaveByCatcher(visit, number, next.catcher);
    if (visit.log.failed.length === number + 1) await waitUntil(visit, next.until);
  }
}

function noteFailure(visit: Visit, failure: StateFailed): FailedAttempt {
  const { run, state, log, key } = visit;
  const { Retry: retriers = [], Catch: catchers = [] } = state;
  const { error } = failure;
  const now = run.clock.now();
  const next = whatFollows({ error, retriers, catchers, before: log.failed, now, random: Math.random() });
  const failed = { ...outcomeOf(failure), ...endOf(visit, failure, next), next };
  run.append({ type: 'failed', key, ...failed });
  return failed;
}

/** What fails here, no other catcher sees. */
async function leaveByCatcher(visit: Visit, number: number, index: number): Promise<Exit> {
  const { run, state, log, key } = visit;
  const known = log.failed[number + 1];
  if (known) throw new StateFailed(known.error, known.cause);
  const catcher = state.Catch![index]!;
  const { error, cause } = reported(log.failed[number]!);
  const errorOutput: Json = { Error: error, Cause: cause };
  try {
    const way = { ...catcher, next: catcher.Next, place: `Catch[${index}]/` };
    return await leave(visit, way, errorOutput, { errorOutput });
  } catch (failure) {
    if (failure instanceof StateFailed)
      run.append({ type: 'failed', key, ...outcomeOf(failure), ...endOf(visit, failure, null), next: null });
    throw failure;
  }
}

/** What the history tells of a Map or Parallel that is not tried again; States.Runtime ends everything at once. */
function endOf({ state }: Visit, { error }: StateFailed, next: FailedAttempt['next']): { ends?: true } {
  const ends = (state.Type === 'Map' || state.Type === 'Parallel') && !(next && 'retrier' in next);
  return ends && error !== 'States.Runtime' ? { ends } : {};
}

const outcomeOf = ({ error, cause, as, location }: StateFailed): Omit<FailedAttempt, 'next'> => ({
  error,
  cause,
  as,
  ...(location === undefined ? {} : { location }),
});
