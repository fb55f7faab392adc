import type { Catcher, Retrier } from './definition.ts';
import type { FailedAttempt } from './journal-record.ts';

export interface Failing {
  error: string;
  retriers: readonly Retrier[];
  catchers: readonly Catcher[];
  /** the attempts that failed before this one */
  before: readonly FailedAttempt[];
  now: number;
  /** 0 up to but not including 1: for jitter */
  random: number;
}

/**
 * What follows a failed attempt: the first retrier that names the error and has attempts left, else the first
 * catcher that names it, else nothing. https://states-language.net/#errors
 */
export function whatFollows({ error, retriers, catchers, before, now, random }: Failing): FailedAttempt['next'] {
  const retrier = retriers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error));
  if (retrier !== -1) {
    const used = before.filter(({ next }) => next && 'retrier' in next && next.retrier === retrier).length;
    const { MaxAttempts = 3 } = retriers[retrier]!;
    if (used < MaxAttempts) return { retrier, until: now + delayMs(retriers[retrier]!, used, random) };
  }
  const catcher = catchers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error));
  return catcher === -1 ? null : { catcher };
}

function delayMs(retrier: Retrier, used: number, random: number): number {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY, JitterStrategy } = retrier;
  const seconds = Math.min(IntervalSeconds * BackoffRate ** used, MaxDelaySeconds, longestDelaySeconds);
  return Math.round((JitterStrategy === 'FULL' ? seconds * random : seconds) * 1000);
}

/** The longest that AWS lets anything wait, and far below what a date can be. */
const longestDelaySeconds = 99_999_999;

/** What is no failure of a task. */
const notOfTask = new Set(['States.Timeout', 'States.QueryEvaluationError']);

/** As measured on AWS, where the wildcards also name States.DataLimitExceeded, whatever its documentation says. */
function matches(names: readonly string[], error: string): boolean {
  if (error === 'States.Runtime') return false; // "will always cause the execution to fail"
  return names.some((name) => {
    if (name === error) return true;
    if (name === 'States.Timeout') return error === 'States.HeartbeatTimeout';
    return name === 'States.ALL' || (name === 'States.TaskFailed' && !notOfTask.has(error));
  });
}
