import { z } from 'zod';
import { durationAllowed, isDuration, parseDuration } from '#model/duration';
import { section, wholeNumber } from '#model/plan-field';

/**
 * What is kept of a source. Beside it always: the last proven backup, what others build on, what is held, and what is too
 * young. What nothing of this keeps may go.
 */
export interface RetentionRules {
  /** every instant of the last so many days can be restored: their backups, the one before, and all WAL since that; whole days */
  windowDays: number;
  /** of so many of the last days, weeks (ISO), months and years that have one: the last good backup, with the WAL to its own end */
  daily: number;
  weekly: number;
  monthly: number;
  yearly: number;
}

const dayMs = 24 * 3600 * 1000;

const generations = () => wholeNumber(0, 1_000).default(0);

export const retentionRules = section({
  window: z
    .custom<string>((value) => typeof value === 'string' && isDuration(value) && parseDuration(value) % dayMs === 0, {
      error: `whole days, at least 1d (${durationAllowed})`,
    })
    .transform((value) => parseDuration(value) / dayMs),
  daily: generations(),
  weekly: generations(),
  monthly: generations(),
  yearly: generations(),
}).transform(({ window, ...rest }): RetentionRules => ({ windowDays: window, ...rest }));
