import type { EndedQuestion, OpenQuestion } from '#catalog/open-questions';
import type { DumpReport } from '#cli/last-dump';
import type { BackupId } from '#model/backup-id';
import type { Exposure } from '#model/exposure';
import type { FailoverStanding } from '#model/failover-standing';
import type { Tier } from '#model/postgres-source';
import type { RtoForecast } from '#model/recovery-time';
import type { StandingState } from '#model/standing';
import type { ExecutionSummary } from '#runtime/machines';

/** All that `lifeboat status` tells; instants are ISO 8601 in UTC. */
export interface StatusReport {
  now: Date;
  sources: (SourceReport | DatabaseReport)[];
  /** of the groups of these sources, what the watch has seen last */
  groups: FailoverStanding[];
  /** the region whose stack watches them, where it is another one */
  groupsSeenFrom?: string;
  /** undefined: none runs for this plan here, or it runs on AWS */
  daemon: { pid: number; startedAt: string } | undefined;
  /** undefined: it does not run on AWS */
  stack: { name: string; region: string } | undefined;
  services: ServiceReport[];
  /** when each schedule fires next, soonest first */
  next: { schedule: string; at: string }[];
  running: (ExecutionSummary & { doing?: string })[];
  questions: OpenQuestion[];
  /** questions that ended without a yes in the last day, oldest first */
  ended: EndedQuestion[];
  problems: Problem[];
}

export interface SourceReport {
  name: string;
  /** the newest backup that is proven */
  proven: { backup: BackupId; since: string; reason: string } | undefined;
  /** the newest recovery window, and how many there are */
  window: { from: string; to: string; count: number } | undefined;
  rpo: (Exposure & { at: string }) | undefined;
  rto: RtoForecast | undefined;
  tier: Tier | undefined;
  counts: Record<StandingState, number>;
  /** the newest one; undefined: there is none */
  dump: DumpReport | undefined;
  /** of all committed backups, without WAL */
  bytes: number;
}

/** A database that RDS runs. */
export interface DatabaseReport {
  name: string;
  kind: 'rds';
  /** `instance orders` */
  database: string;
  /** undefined: nobody knows, or it is gone */
  status: string | undefined;
  engineVersion: string | undefined;
  window: { from: string; to: string; count: number } | undefined;
  rpo: (Exposure & { at: string }) | undefined;
  tier: Tier | undefined;
  /** the newest one; undefined: there is none */
  dump: DumpReport | undefined;
  /** those that can be restored; `newest` is when that was taken */
  snapshots: { own: number; automated: number; others: number; copied: number; newest: string | undefined };
}

export interface ServiceReport {
  name: string;
  runs: boolean;
  restarts: number;
}

/** What is wrong, and what to do about it. */
export interface Problem {
  source: string;
  what: string;
  since: string | null;
  todo: string;
}
