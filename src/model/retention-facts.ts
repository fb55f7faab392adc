import type { BackupId } from '#model/backup-id';
import type { DumpId, DumpKind } from '#model/dump-id';
import type { Lsn } from '#model/lsn';
import type { StandingState } from '#model/standing';
import type { Timeline, TimelineHistory } from '#model/timeline';

/** Everything that decides what of a source may go; read before it is decided. */
export interface RetentionFacts {
  source: string;
  /** days, weeks, months and years are those of this zone */
  timezone: string;
  /** what is younger stays, since the bucket would not let it go; 0: the bucket has no lock of ours */
  lockDays: number;
  /** committed, oldest first */
  backups: BackupFact[];
  /** committed, oldest first */
  dumps: DumpFact[];
  /** how good a dump can get by the plan: without a restore test it is never proven */
  bestDump: 'proven' | 'verified';
  leftovers: Leftover[];
  unreadable: Unreadable[];
  held: HeldFact[];
  asked: AskedFact[];
  /** of every system that has WAL in the bucket, by its identifier */
  systems: SystemFact[];
}

/** Whatever was backed up, as far as a rule looks at it. */
export interface PointFact {
  id: BackupId | DumpId;
  startedAt: Date;
  /** the instant that it brings back by itself: where a backup becomes consistent, where a dump's snapshot was taken */
  at: Date;
  /** its last object was stored by then */
  finishedAt: Date;
  state: StandingState;
  storedBytes: number;
}

export interface BackupFact extends PointFact {
  id: BackupId;
  parent: BackupId | null;
  systemId: string;
  segmentSize: number;
  startLsn: Lsn;
  stopLsn: Lsn;
  /** the one that it ends on */
  timeline: Timeline;
  /** what was committed until then can be restored from it, by the WAL that was read back; null: by none, yet */
  leadsTo: Date | null;
}

export interface DumpFact extends PointFact {
  id: DumpId;
  kind: DumpKind;
}

/** What is left of one that was never committed. */
export interface Leftover {
  id: BackupId | DumpId;
  startedAt: Date;
  /** somebody is at work who may be writing it */
  busy: boolean;
}

export interface Unreadable {
  id: BackupId | DumpId;
  startedAt: Date;
  why: string;
}

export interface HeldFact {
  id: BackupId | DumpId;
  reason: string;
}

/** A restore that somebody is asked about, or has said yes to in the last days. */
export interface AskedFact {
  execution: string;
  /** what its plan names; empty: it does not say, so it may be about any */
  ids: (BackupId | DumpId)[];
}

export interface SystemFact {
  systemId: string;
  timelines: TimelineFact[];
}

/** A timeline that has WAL. */
export interface TimelineFact {
  timeline: Timeline;
  /** the way to it; null: its history was not read back, so nobody knows */
  path: TimelineHistory | null;
  /** when its newest WAL was stored, or one that is younger than the window */
  storedAt: Date;
}
