import { formatDuration } from '#model/duration';
import type { Retrier, State } from '#runbook/machine';

/** How often and how long at most it is asked again: `up to 6 times, for 2m at most`. undefined: never. */
export function describeRetry({ Retry = [] }: State): string | undefined {
  const rules = Retry.filter(({ MaxAttempts = 3 }) => MaxAttempts > 0);
  if (rules.length === 0) return undefined;
  const times = Math.max(...rules.map(({ MaxAttempts = 3 }) => MaxAttempts));
  const longest = Math.max(...rules.map(waitsMs));
  return `up to ${times} times, waiting ${formatDuration(longest)} at most`;
}

/** All pauses together, at their longest. https://states-language.net/#errors */
export function waitsMs({ IntervalSeconds = 1, MaxAttempts = 3, BackoffRate = 2, MaxDelaySeconds }: Retrier): number {
  let seconds = 0;
  for (let attempt = 0; attempt < MaxAttempts; attempt++) {
    seconds += Math.min(IntervalSeconds * BackoffRate ** attempt, MaxDelaySeconds ?? Number.POSITIVE_INFINITY);
  }
  return seconds * 1000;
}
