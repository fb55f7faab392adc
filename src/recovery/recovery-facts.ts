import type { WalInventory } from '#catalog/wal-inventory';
import type { Lsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import type { Timeline, TimelineHistory } from '#model/timeline';

/** Everything that a recovery plan is made from, read before it is made. */
export interface RecoveryFacts {
  source: string;
  /** committed backups, oldest first, of every system the source has ever been */
  backups: readonly BackupSummary[];
  /** by system identifier */
  systems: ReadonlyMap<string, SystemWal>;
}

export interface SystemWal {
  inventory: WalInventory;
  /** for each timeline with WAL, the way to it and how far it goes */
  reaches: readonly TimelineReach[];
}

/** How far WAL goes without a hole along the way to one timeline, from one position on. */
export interface TimelineReach {
  timeline: Timeline;
  path: TimelineHistory;
  /** the start of the oldest usable backup on this way */
  from: Lsn;
  until: Lsn;
  /** the first segment that is missing, where something later is stored */
  gap: string | undefined;
  /** why that segment cannot be read; undefined when it is not there at all */
  damage?: string | undefined;
  /** when this timeline was begun, or the first backup on it; and when its last stored byte was written; microseconds since 1970 */
  firstMicros: bigint;
  lastMicros: bigint;
  /** what is at the end: see WalEnd */
  end: WalEnd;
}

export interface WalEnd {
  /** where the last complete record begins; replaying it is replaying all */
  lastRecord: Lsn | undefined;
  /** commit or abort time of the last transaction */
  lastCommitMicros: bigint | undefined;
}

/** The way to a timeline; one that has no history file has no ancestors. */
export function pathTo(inventory: WalInventory, timeline: Timeline): TimelineHistory {
  return inventory.histories.get(timeline) ?? { timeline, ancestors: [] };
}
