import { nextFiring, pastFirings } from '#model/next-firing';
import type { PostgresSource } from '#model/postgres-source';
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
  schedules: PostgresSource['schedules'];
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
 * Which promised backups are not there. A firing is kept by a backup that began after it and was committed: within an hour,
 * or twice the time that the last one of its kind took. An incremental one is replaced by a full one, never the other way
 * round. A firing before anybody watched was promised by nobody, unless there is a backup older than it.
 */
export function overdueBackups({ schedules, backups, watchedSince, now }: OverdueFacts): OverdueBackup[] {
  const fulls = backups.filter(({ kind }) => kind === 'full');
  return [
    ...overdue('full', schedules.full, fulls, watchedSince, now),
    ...overdue('incremental', schedules.incremental, backups, watchedSince, now),
  ];
}

function overdue(
  type: OverdueBackup['type'],
  schedule: Schedule | undefined,
  backups: readonly TakenBackup[],
  watchedSince: Date,
  now: Date,
): OverdueBackup[] {
  if (schedule === undefined) return [];
  const last = backups.at(-1);
  const after = last ? new Date(last.startedAt.getTime() + earlyMs) : watchedSince;
  const tookMs = last ? Math.max(0, last.finishedAt.getTime() - last.startedAt.getTime()) : 0;
  const until = new Date(now.getTime() - Math.max(leastAllowedMs, 2 * tookMs));
  if (after >= until || !pastFirings(schedule, after, until, after)) return [];
  // of several that were missed, the first one tells since when
  return [{ type, dueAt: nextFiring(schedule, after, after)!, lastAt: last?.finishedAt }];
}
