import type { Notice } from '#model/notice';

/** What was last told under a key. */
export interface Told {
  /** the notice's */
  id: string;
  occasion: Notice['occasion'];
  recovered: boolean;
  /** ISO 8601, when it was told */
  at: string;
  /** how often the same was held back since */
  heldBack: number;
}

/** `repeats`: how often the same was held back since it was last told, at `since` */
export type DedupeDecision = { action: 'tell'; repeats: number; since: string | null } | { action: 'hold back' };

/** What goes on is said again this often. */
export const remindAfterMs = 6 * 3_600_000;

/**
 * Whether a notice is told, or held back because the same was told a short while ago.
 *
 * - told: without a key; a question; a success, as each backup's is news; the first of its key; after `withinMs`; another
 *   occasion than before, so that a failure is told after a success, and "fine again" after a failure
 * - told again: the very notice that was told, since it may not have come to all channels
 * - held back: the rest
 */
export function decideDedupe(
  notice: Notice,
  id: string,
  told: Told | undefined,
  now: Date,
  withinMs: number = remindAfterMs,
): DedupeDecision {
  const fresh = { action: 'tell', repeats: 0, since: null } as const;
  if (notice.dedupe === null || told === undefined || told.id === id) return fresh;
  if (notice.occasion !== 'failure' && !notice.recovered) return fresh;
  if (told.occasion !== notice.occasion || told.recovered !== notice.recovered) return fresh;
  const ageMs = now.getTime() - Date.parse(told.at);
  // a time in the future is a clock that was set back: nobody knows how old it is
  if (ageMs >= 0 && ageMs < withinMs) return { action: 'hold back' };
  return { action: 'tell', repeats: told.heldBack, since: told.at };
}

/** The notice with what was held back before it. */
export function withRepeats(notice: Notice, repeats: number, since: string | null): Notice {
  if (repeats === 0 || since === null) return notice;
  const times = repeats === 1 ? 'once' : `${repeats} times`;
  return {
    ...notice,
    what: `${notice.what}\n\nThis was reported ${times} more since it was last told at ${since}.`.trimStart(),
  };
}
