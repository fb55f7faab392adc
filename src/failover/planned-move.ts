/** What somebody asked for; read by readFailoverInput. */
export interface MoveRequest {
  group?: string;
  /** default: the site that does not have the primary */
  to?: string;
  /** nothing may be lost: writes are stopped first */
  planned?: boolean;
  /** nothing is moved */
  rehearse?: boolean;
  /** go on when the old primary cannot be fenced, and in spite of what else a person may decide */
  force?: boolean;
  reason?: string;
  requestedBy?: string;
  /** the watch asks, since the primary is gone */
  proposed?: boolean;
}

/** What is done when it is approved. JSON. */
export interface PlannedMove {
  group: string;
  source: string;
  mode: 'failover' | 'switchover' | 'finish' | 'rehearsal';
  /** sites */
  from: string;
  to: string;
  /** writes are stopped, and all of them are there before anything is promoted */
  gently: boolean;
  /** promoted also without a fence: somebody forces it, and the plan shows that none is possible */
  force: boolean;
  /** no standby lives at `to`: one is made from the bucket */
  restore: boolean;
  /** nobody is asked: two witnesses and our own look agree that the primary is gone, and the plan allows it */
  automatic: boolean;
  /** SHA-256 of what was decided, hexadecimal; the same while WAL goes on */
  planHash: string;
  /** for who approves it, at most 4,000 characters */
  planText: string;
  requestedBy: string;
  reason: string | null;
  /** of WAL; null: not known */
  lostBytes: number | null;
  healthyWithinSeconds: number;
  /** the old side is made a standby of the new primary afterwards */
  rebuildAfter: boolean;
}
