import type { Finding } from '#model/finding';

/**
 * What was last seen of a group, and what has to be remembered until the next look. It can be lost: then an outage is counted anew,
 * and what is wrong is told once more.
 */
export interface FailoverStanding {
  format: 'lifeboat-failover/1';
  group: string;
  /** ISO 8601, by our clock, as all instants here: when it was looked */
  at: string;
  /** the site that had the primary when one was seen last; null: never */
  primary: string | null;
  sites: { site: string; state: SiteState; why: string | null }[];
  /** no site has a primary that takes writes; null: one has */
  gone: PrimaryGone | null;
  /** one site has a primary, and the other one does not stream from it; null: it does, or there is none; absent: not looked at */
  alone?: PrimaryAlone | null;
  witnesses: { what: string; kind: string; says: 'gone' | 'there' | 'unknown'; detail: string }[];
  /** what people were told of and is not over */
  findings: Finding[];
  /** when an execution was last known to move the group: no row of looks reaches over that; absent: never */
  moved?: MoveSeen;
  /** the last move that nobody was asked for */
  automatic: { at: string; execution: string } | null;
  /** what the newest plans decided, by their hashes: tells later what changed; newest first */
  plans: { hash: string; decided: string }[];
}

/** `fenced`: it would be a primary, and is kept from taking writes */
export type SiteState = 'primary' | 'standby' | 'fenced' | 'silent' | 'absent';

export interface PrimaryGone {
  since: string;
  /** in a row */
  looks: number;
  why: string;
  /** the execution that was started for this outage; null: none was */
  proposed: string | null;
}

export interface PrimaryAlone {
  since: string;
  /** the site that has no standby */
  site: string;
  /** what it has, in words */
  why: string;
}

export interface MoveSeen {
  at: string;
  /** its ARN; a process, where no execution has begun it */
  execution: string;
}

/** Two may be an accident of the network. */
export const looksInARow = 3;

/** Nobody looked for longer than this: what was before is not the same row of looks. */
export const rowBreaksAfterMs = 5 * 60_000;

/**
 * Since when no site has had a primary, as looks in a row have seen it: no execution has moved the group since it began, but the one
 * that asks. undefined: one has, nobody has looked for a while, or a primary was seen
 */
export function unbrokenRow(
  standing: FailoverStanding | undefined,
  { now, primary, execution }: { now: Date; primary?: string; execution?: string | undefined },
): PrimaryGone | undefined {
  if (!standing?.gone || wasMovedSince(standing, execution)) return undefined;
  const pausedMs = now.getTime() - Date.parse(standing.at);
  if (pausedMs < 0 || pausedMs > rowBreaksAfterMs) return undefined;
  const isOfAnother = primary !== undefined && standing.primary !== null && standing.primary !== primary;
  return isOfAnother ? undefined : standing.gone;
}

/** Whether an execution, other than the given one, has moved the group since its primary was missed first. */
export const wasMovedSince = ({ moved, gone }: FailoverStanding, execution?: string): boolean =>
  gone !== null &&
  moved !== undefined &&
  moved.execution !== execution &&
  Date.parse(moved.at) >= Date.parse(gone.since);
