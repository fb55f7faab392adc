import type { OpenQuestion } from '#catalog/open-questions';
import type { FailoverStanding, SiteState } from '#model/failover-standing';

/** How a group is at this moment, as seen from here; instants are ISO 8601 in UTC. */
export interface GroupReport {
  group: string;
  source: string;
  home: string;
  /** home first */
  sites: SiteReport[];
  moved: MovedReport[];
  /** who moves it now; null: nobody */
  lease: { execution: string | null; host: string; pid: number; since: string; until: string } | null;
  questions: OpenQuestion[];
  /** what the watch keeps; undefined: nobody has looked yet */
  standing: FailoverStanding | undefined;
}

export interface SiteReport {
  site: string;
  state: SiteState;
  /** in words: why it is silent, or what a standby reads */
  detail: string | null;
  timeline: number | null;
  lsn: string | null;
  /** of a standby: WAL that the primary has and it has not replayed; null: not known */
  lagBytes: number | null;
  /** of a standby: when what it replayed last was committed */
  replayedAt: string | null;
  fence: { strength: 'hard' | 'soft'; fenced: boolean; possible: boolean; how: string };
}

export interface MovedReport {
  part: 'names' | 'capacity' | 'settings';
  what: string;
  /** null: there is none yet */
  value: string | null;
  /** the sites with whose primary it should be so */
  of: string[];
  /** why it could not be read */
  problem: string | null;
}

export const primariesOf = ({ sites }: GroupReport): string[] =>
  sites.filter(({ state }) => state === 'primary').map(({ site }) => site);
