import type { Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/** What a site's server is at this moment. */
export interface SiteFacts {
  site: string;
  server: ServerAnswer;
  fence: FenceFacts;
}

export type ServerAnswer =
  /** neither a server nor its files: one can only be restored from the bucket */
  | { state: 'absent' }
  /** it does not answer; whether it runs, `fence` may know */
  | { state: 'silent'; why: string }
  | {
      state: 'answers';
      /** RDS does not tell a system identifier: then its resource id stands here */
      systemId: string;
      role: 'primary' | 'standby';
      /** null: it is not told (RDS without a connection) */
      timeline: Timeline | null;
      /** of a primary flushed; of a standby replayed */
      lsn: Lsn | null;
      /** of a standby: the end of what it has received, at least what it replayed */
      received: Lsn | null;
      /** of a standby: when what it replayed last was committed; null: nothing yet, or not told */
      replayedAt: Date | null;
      /** of a standby: whether it streams from its primary now */
      streams: boolean;
      /** of a standby that streams: by what its primary knows it; absent: it is not told */
      follows?: Follower;
      /** of a primary: who streams from it now; absent: it is not told (RDS) */
      followers?: readonly Follower[];
      /** of a standby: whether it can read what only the bucket has */
      readsBucket: boolean;
      /** by the server's own clock */
      clock: Date;
      /** where its data lies on its own machine, symbolic links followed where that is this one; absent: it is not told to this role */
      dataDir?: string;
    };

/** Of a stream of WAL, as both of its ends tell it. */
export interface Follower {
  /** null: it uses none */
  slot: string | null;
  /** application_name */
  name: string | null;
}

/** Whether the server is kept from taking writes for good, whoever starts it. */
export interface FenceFacts {
  /** how sure a fence is there: `hard` holds against whatever the server does, `soft` only against clients that follow the rules */
  strength: 'hard' | 'soft';
  /** true: it is fenced now, by what could be seen of it; false: it is not, or cannot be seen */
  fenced: boolean;
  /** whether it could be fenced now: `soft` needs an answer of the server */
  possible: boolean;
  /** what the control leads to: a data directory with symbolic links followed, or a machine; absent: only its kind is known */
  of?: string;
  /** that is another server than the one of the site's connection, and `how` says by what that is seen */
  elsewhere?: true;
  /** in words, for the plan: `stopped; its data directory can only come up as a standby` */
  how: string;
}
