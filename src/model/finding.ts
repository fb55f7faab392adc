/** Something that is not as it should be, for as long as it is not. */
export interface Finding {
  kind: FindingKind;
  source: string;
  /** ISO 8601; null where nobody knows */
  since: string | null;
  /** what is wrong, with what was found and what is expected */
  what: string;
  /** what to do about it, with the exact command where there is one */
  todo: string;
  /** the same for as long as it is the same trouble: nobody is told of it twice */
  dedupe: string;
}

export const findingKinds = [
  /** WAL is missing between two stretches that are stored */
  'wal-gap',
  /** the server goes on and nothing of it is stored */
  'receiver-still',
  'rpo-above-tier',
  'rto-above-tier',
  /** a backup that the schedule promised is not there */
  'backup-overdue',
  /** the same of a dump */
  'dump-overdue',
  /** stored bytes are not what was written, or a backup failed its drill */
  'damage',
  /** the newest backup was not proven in good time */
  'unproven',
  'server-unreachable',
  /** of a database of RDS: there are no automated backups */
  'backups-disabled',
  /** of a database of RDS: its newest snapshot is not where the plan wants a copy */
  'copy-missing',
  /** no site of a group has a primary that takes writes */
  'primary-gone',
  /** both sites of a group take writes */
  'two-primaries',
  /** names lead clients to a site that does not have the primary */
  'names-astray',
] as const;
export type FindingKind = (typeof findingKinds)[number];
