import { createHash } from 'node:crypto';
import type { Forced } from '#failover/move-blockers';
import type { PlannedMove } from '#failover/planned-move';
import type { Timeline } from '#model/timeline';

/** What people approve: all that decides what happens, and nothing that goes on by itself. */
export interface DecidedMove
  extends Pick<PlannedMove, 'group' | 'source' | 'mode' | 'from' | 'to' | 'force' | 'restore' | 'automatic'> {
  /** of what becomes the primary; null: it has none yet, or tells none */
  systemId: string | null;
  timeline: Timeline | null;
  /** what the old one is; null: it is not touched */
  primary: OldPrimary | null;
  /** how sure the old primary is fenced, by what, and which server, machine or folder that leads to; null: it is not touched. In which state it is, changes by itself */
  fence: { strength: 'hard' | 'soft' | 'none'; by: FencedBy; of: string } | null;
  /** what is gone on in spite of, each once; how much of it, is measured again */
  forced: Forced[];
  /** in the plan's order */
  moved: { part: string; what: string; value: string }[];
}

/** the kind of a site's control, or of its server */
export type FencedBy = 'local' | 'ec2' | 'sql' | 'rds' | 'aurora';

export type OldPrimary = 'answers' | 'standby' | 'gone' | 'fenced' | 'absent';

/** SHA-256, hexadecimal; of the same decision the same, in whatever order it was put together. */
export const moveHash = (decided: DecidedMove): string =>
  createHash('sha256').update(decidedJson(decided)).digest('hex');

export const decidedJson = (decided: DecidedMove): string => JSON.stringify(sorted(decided));

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, one]) => [key, sorted(one)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
