import type { SiteFacts } from '#failover/site-facts';
import type { WitnessSays } from '#failover/witness-says';
import type { FailoverStanding } from '#model/failover-standing';
import type { Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/** What could be had in time, or why it could not. */
export type Known<T> = { known: true; value: T } | { known: false; why: string };

/** Everything that decides a move, as it was at one moment; gathered by src/runtime/gather-move-facts.ts. */
export interface MoveFacts {
  /** home, and the other one */
  sites: readonly [SiteFacts, SiteFacts];
  /** null: of a database of RDS nothing lies there that could be replayed */
  bucket: Known<BucketFacts | null>;
  /** null: the plan has no second region */
  replication: Known<ReplicationFacts | null>;
  /** the newest backup that a drill has proven; null: there is none */
  proof: Known<{ backup: string; at: Date } | null>;
  /** in the plan's order */
  movables: readonly MovableFacts[];
  witnesses: readonly WitnessFacts[];
  /** newest first; of this group's source */
  measured: Known<readonly MeasuredMove[]>;
  /** what the watch keeps; undefined: it has never looked */
  standing: Known<FailoverStanding | undefined>;
}

/** What the bucket has of a source. */
export interface BucketFacts {
  /** of committed ones */
  backups: number;
  /** of the newest backup, or of the newest WAL */
  systemId: string | null;
  /** the newest one of which WAL is stored */
  timeline: Timeline | null;
  /** of all WAL that is stored on it; null: none is */
  end: Lsn | null;
  /** when what is stored was committed last, as far as it was read back */
  at: Date | null;
}

export interface ReplicationFacts {
  here: CopyFacts;
  there: CopyFacts;
}

export interface CopyFacts {
  region: string;
  /** committed backups */
  manifests: number;
  newest: string | null;
}

/** Something that follows the primary. */
export interface MovableFacts {
  part: 'names' | 'capacity' | 'settings';
  what: string;
  /** of a capacity: whose it is */
  site?: string | undefined;
  /** by the site that has the primary */
  wanted: Readonly<Record<string, string>>;
  /** null: there is none yet */
  current: Known<string | null>;
  /** why it cannot be put now; empty: it can */
  problems: readonly string[];
}

export interface WitnessFacts extends WitnessSays {
  /** two of the same kind are one witness */
  kind: string;
}

/** How long an earlier move took, from the fence to health. */
export interface MeasuredMove {
  mode: string;
  rtoMs: number;
  at: Date;
}

export const ifKnown = <T>(fact: Known<T>): T | undefined => (fact.known ? fact.value : undefined);
