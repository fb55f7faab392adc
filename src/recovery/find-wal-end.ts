import { advance, type Lsn } from '#model/lsn';
import type { TimelineHistory } from '#model/timeline';
import { segmentAt, segmentStart } from '#model/wal-segment';
import { interpret } from '#postgres/wal-events';
import type { WalEnd } from '#recovery/recovery-facts';
import { scanWal, type WalArchive } from '#recovery/scan-wal';

export interface WalEndQuery {
  archive: WalArchive;
  path: TimelineHistory;
  /** where the stretch begins: nothing before its segment is read */
  from: Lsn;
  until: Lsn;
  signal: AbortSignal;
}

/** A commit record may begin in the segment before the one that is read; this long are the longest that matter. */
const overlapBytes = 1 << 20;

/**
 * What stands at the end of a stretch of WAL: reads its last segments, as many as it takes to find a commit.
 * Usually that is one; after a long bulk load it may be many.
 */
export async function findWalEnd(query: WalEndQuery): Promise<WalEnd> {
  const { archive, from, until } = query;
  const end: WalEnd = { lastRecord: undefined, lastCommitMicros: undefined };
  let stop = until;
  while (stop > from && (end.lastCommitMicros === undefined || end.lastRecord === undefined)) {
    const start = segmentStart(segmentAt(0, advance(stop, -1), archive.segmentSize), archive.segmentSize);
    const overlap = advance(stop, overlapBytes);
    const enough = end.lastRecord !== undefined && overlap < until;
    const found = await lookThrough(query, start, enough ? overlap : until);
    end.lastRecord ??= found.lastRecord;
    end.lastCommitMicros ??= found.lastCommitMicros;
    stop = start;
  }
  return end;
}

async function lookThrough({ archive, path, signal }: WalEndQuery, from: Lsn, until: Lsn): Promise<WalEnd> {
  const end: WalEnd = { lastRecord: undefined, lastCommitMicros: undefined };
  await scanWal({
    archive,
    path,
    from,
    until,
    signal,
    verifyCrc: 'all',
    onRecord(record) {
      end.lastRecord = record.lsn;
      const event = interpret(record);
      if (event?.kind !== 'commit' && event?.kind !== 'abort') return;
      const latest = end.lastCommitMicros;
      if (latest === undefined || event.timeMicros > latest) end.lastCommitMicros = event.timeMicros;
    },
  });
  return end;
}
