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
  witnesses: { what: string; kind: string; says: 'gone' | 'there' | 'unknown'; detail: string }[];
  /** what people were told of and is not over */
  findings: Finding[];
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

/** Two may be an accident of the network. */
export const looksInARow = 3;

/** Nobody looked for longer than this: what was before is not the same row of looks. */
export const rowBreaksAfterMs = 5 * 60_000;
