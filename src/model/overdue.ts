import { nextFiring } from '#model/next-firing';
import type { Schedules } from '#model/postgres-source';
import type { Schedule } from '#model/schedule';

/** A committed backup, as far as a schedule cares. */
export interface TakenBackup {
  kind: 'full' | 'incr';
  startedAt: Date;
  finishedAt: Date;
}

export interface OverdueBackup {
  type: 'full' | 'incremental';
  /** when it should have begun */
  dueAt: Date;
  /** the last one that would have done; undefined: there is none */
  lastAt: Date | undefined;
}

export interface OverdueFacts {
  schedules: Schedules;
  /** oldest first */
  backups: readonly TakenBackup[];
  /** from when on the schedule's firings were seen by somebody */
  watchedSince: Date;
  now: Date;
}

/** A backup may begin this much before its time, by another clock; and this long it may take at least. */
const earlyMs = 60_000;
const leastAllowedMs = 3_600_000;

/**
 * Which promised backups are not there. A firing is kept by a backup that began after it and was committed: within the
 * schedule's window, and an hour or twice the time that the last one of its kind took. An incremental one is replaced by a full one, never the other way
 * round. A firing before anybody watched was promised by nobody, unless there is a backup older than it.
 */
export function overdueBackups({ schedules, backups, watchedSince, now }: OverdueFacts): OverdueBackup[] {
  const fulls = backups.filter(({ kind }) => kind === 'full');
  return [
    ...overdue('full', schedules.full, { schedules, backups: fulls, watchedSince, now }),
    ...overdue('incremental', schedules.incremental, { schedules, backups, watchedSince, now }),
  ];
}

function overdue(
  type: OverdueBackup['type'],
  expression: Schedule | undefined,
  { schedules: { timezone, windowMinutes }, backups, watchedSince, now }: OverdueFacts,
): OverdueBackup[] {
  if (expression === undefined) return [];
  const last = backups.at(-1);
  const dueAt = missedFiring({ expression, timezone, windowMinutes, last, watchedSince, now });
  return dueAt ? [{ type, dueAt, lastAt: last?.finishedAt }] : [];
}

/** When the first firing was due that the last of its kind does not keep; undefined: none is missed. */
export function missedFiring(facts: {
  expression: Schedule;
  timezone: string;
  windowMinutes: number;
  last: Pick<TakenBackup, 'startedAt' | 'finishedAt'> | undefined;
  watchedSince: Date;
  now: Date;
}): Date | undefined {
  const { expression, timezone, windowMinutes, last, watchedSince, now } = facts;
  const after = last ? new Date(last.startedAt.getTime() + earlyMs) : watchedSince;
  const tookMs = last ? Math.max(0, last.finishedAt.getTime() - last.startedAt.getTime()) : 0;
  const until = now.getTime() - windowMinutes * 60_000 - Math.max(leastAllowedMs, 2 * tookMs);
  // of several that were missed, the first one tells since when
  const dueAt = nextFiring({ expression, timezone, anchor: after }, after);
  return dueAt && dueAt.getTime() <= until ? dueAt : undefined;
}
