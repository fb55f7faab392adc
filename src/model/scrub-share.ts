import type { BackupId } from '#model/backup-id';
import { pastFirings, type Recurrence } from '#model/next-firing';

/** A committed backup, as far as a scrub cares. */
export interface StoredBackup {
  backup: BackupId;
  finishedAt: Date;
  /** when its stored bytes were read last; undefined: not since they were written */
  readAt: Date | undefined;
}

export interface ScrubFacts {
  backups: readonly StoredBackup[];
  /** of its schedule; undefined: there is none, and every day is taken for it */
  recurrence: Recurrence | undefined;
  /** older ones lie in an archive, which takes hours and money to read; undefined: none do */
  archivedAfterMs: number | undefined;
  now: Date;
}

export interface ScrubShare {
  /** the longest unread first */
  backups: BackupId[];
  /** of how many */
  readable: number;
  archived: number;
}

const dayMs = 86_400_000;
/** Within this time each backup is read once more. */
const roundMs = 30 * dayMs;
/** As long its own verification may take, which begins when it is committed. */
const firstReadMs = dayMs;

/** As many as have to be read now, so that each is read once while the schedule comes round in 30 days. */
export function scrubShare({ backups, recurrence, archivedAfterMs, now }: ScrubFacts): ScrubShare {
  const archivedBefore = archivedAfterMs === undefined ? undefined : now.getTime() - archivedAfterMs;
  const readable = backups.filter(
    ({ finishedAt }) => finishedAt.getTime() > (archivedBefore ?? Number.NEGATIVE_INFINITY),
  );
  const lastRead = ({ readAt, finishedAt }: StoredBackup): number => {
    if (readAt) return readAt.getTime();
    return finishedAt.getTime() + firstReadMs > now.getTime() ? finishedAt.getTime() : 0;
  };
  const order = readable.toSorted(
    (one, other) => lastRead(one) - lastRead(other) || (one.backup < other.backup ? -1 : 1),
  );
  const share = Math.ceil(readable.length / timesInRound(recurrence, now));
  return {
    backups: order.slice(0, share).map(({ backup }) => backup),
    readable: readable.length,
    archived: backups.length - readable.length,
  };
}

function timesInRound(recurrence: Recurrence | undefined, now: Date): number {
  if (recurrence === undefined) return roundMs / dayMs;
  return pastFirings(recurrence, now, new Date(now.getTime() + roundMs))?.count ?? 1;
}
