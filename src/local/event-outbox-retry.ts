import type { DeliveryTries } from './event-outbox-record.ts';

/** As EventBridge has it: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html */
const mostTries = 185;
const fewestTries = 20;
const longestMs = 24 * 3_600_000;
/** 185 tries with these pauses take a day */
const longestPauseMs = 480_000;

/** One more failed try. */
export function triedAgain(
  before: DeliveryTries,
  { now, taken, failure }: { now: number; taken: readonly string[]; failure: string },
): DeliveryTries {
  const since = before.since ?? new Date(now).toISOString();
  return { tries: before.tries + 1, since, taken: [...new Set([...before.taken, ...taken])], failure };
}

/** How long to wait after that many failures. */
export const pauseAfter = (tries: number): number => Math.min(1000 * 2 ** Math.min(tries - 1, 20), longestPauseMs);

/** A day counts only with some tries in it: a machine that slept for the weekend has tried nothing. */
export const isGivenUp = ({ tries, since }: DeliveryTries, now: number): boolean =>
  tries >= mostTries || (tries >= fewestTries && since !== null && now - Date.parse(since) >= longestMs);
