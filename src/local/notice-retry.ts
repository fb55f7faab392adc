/** A notice that waits, as this process sees it; times are those of performance.now(). */
export interface NoticeEntry {
  /** of its file */
  name: string;
  /** ISO 8601 */
  publishedAt: string;
  /** of this process, as is the first one's time */
  tries: number;
  firstTriedMs: number | undefined;
  dueMs: number;
  busy: boolean;
}

/** Due at once. */
export const noticeEntry = (name: string, publishedAt: string): NoticeEntry => ({
  name,
  publishedAt,
  tries: 0,
  firstTriedMs: undefined,
  dueMs: 0,
  busy: false,
});

/** Doubles with each try, up to the longest; `random` from 0 to 1 takes up to a quarter off, so that not all come at once. */
export function pauseAfter(tries: number, pauseMs: { first: number; longest: number }, random: number): number {
  const longMs = Math.min(pauseMs.longest, pauseMs.first * 2 ** Math.min(tries - 1, 30));
  return Math.round(longMs * (1 - random / 4));
}

/**
 * Whether nobody is told any more. Not before it was tried for an hour, either: it may be old because this machine slept, or look
 * old because its clock jumped.
 */
export function isTooOld(entry: NoticeEntry, now: Date, nowMs: number, giveUpMs: number): boolean {
  const triedMs = entry.firstTriedMs === undefined ? 0 : nowMs - entry.firstTriedMs;
  return now.getTime() - Date.parse(entry.publishedAt) >= giveUpMs && triedMs >= Math.min(giveUpMs / 24, 3_600_000);
}

/** Why it was not told, as it is kept and logged. */
export const describeFailure = (failure: unknown): string =>
  (failure instanceof Error ? `${failure.name}: ${failure.message}` : String(failure)).slice(0, 1_000);
