import { keepBackupsOfPurge, keepDumpsOfPurge } from '#model/keep-of-purge';
import { purgeWalRules } from '#model/keep-wal';
import { purgeNotes } from '#model/purge-notes';
import { composePlan } from '#model/retention';
import type { RetentionFacts } from '#model/retention-facts';
import type { RetentionPlan } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';

/**
 * A plan by which everything goes that is stored of a source, since a person asks for it: no window, no generation and no
 * proof keeps anything. What stays all the same: what is held, what somebody is asked about or restores, what the bucket's lock
 * would not let go, what cannot be read, and whatever these build on, with the WAL that they need.
 */
export function planPurge(facts: RetentionFacts, reason: string, now: Date): RetentionPlan {
  const kept = { backups: keepBackupsOfPurge(facts, now), dumps: keepDumpsOfPurge(facts, now) };
  const plan = {
    ...{ now, windowStart: now, rules: noRules, asked: { purge: true as const, reason }, kept },
    ...{ wal: purgeWalRules(facts, kept.backups, now), leftoverDays: 0 },
    whyGone: () => 'everything of it is purged',
  };
  return composePlan(facts, { ...plan, notes: purgeNotes(facts, now) });
}

export const noRules: RetentionRules = { windowDays: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
