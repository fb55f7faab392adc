import type { Lsn } from '#model/lsn';
import { type BackupSummary, startLsn } from '#model/manifest';
import type { Timeline } from '#model/timeline';
import { interpret, type WalEvent } from '#postgres/wal-events';
import type { TimelineReach } from '#recovery/recovery-facts';
import { scanWal, type WalArchive } from '#recovery/scan-wal';

/** A target that only reading the WAL can find. */
export type NamedPoint = { kind: 'xid'; xid: number } | { kind: 'name'; name: string };

export interface LocatedPoint {
  systemId: string;
  lsn: Lsn;
  timeline: Timeline;
  /** when it was committed or made; microseconds since 1970 */
  micros: bigint;
}

/**
 * Find a transaction's end or a restore point in the WAL of one stretch, newest first: from the newest backup's start
 * to the end, then from the one before to that, and so on. undefined when it is not there.
 */
export async function locatePoint(
  archive: WalArchive,
  reach: TimelineReach,
  backups: readonly BackupSummary[],
  point: NamedPoint,
  signal: AbortSignal,
): Promise<LocatedPoint | undefined> {
  const starts = backups.map(startLsn).filter((start) => start >= reach.from && start < reach.until);
  let until = reach.until;
  for (const from of starts.sort((a, b) => (a > b ? -1 : 1))) {
    const found = await scanStretch(archive, reach, from, until, point, signal);
    if (found) return found;
    until = from;
  }
  return undefined;
}

async function scanStretch(
  archive: WalArchive,
  reach: TimelineReach,
  from: Lsn,
  until: Lsn,
  point: NamedPoint,
  signal: AbortSignal,
): Promise<LocatedPoint | undefined> {
  let found: LocatedPoint | undefined;
  await scanWal({
    archive,
    path: reach.path,
    from,
    until,
    signal,
    verifyCrc: 'wanted',
    interest: (resourceManager) => (resourceManager <= 1 ? 16 << 20 : 0),
    onRecord(record) {
      const event = interpret(record);
      // PostgreSQL stops at the first of several points with the same name.
      if (!found && event && isMeant(event, point)) {
        const { systemId } = archive;
        found = { systemId, lsn: event.lsn, timeline: reach.timeline, micros: event.timeMicros };
      }
    },
  });
  return found;
}

function isMeant(event: WalEvent, point: NamedPoint): event is WalEvent & { timeMicros: bigint } {
  if (point.kind === 'name') return event.kind === 'restore point' && event.name === point.name;
  return (event.kind === 'commit' || event.kind === 'abort') && event.xid === point.xid;
}
