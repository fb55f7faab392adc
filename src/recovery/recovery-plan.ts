import { createHash } from 'node:crypto';
import type { BackupId } from '#model/backup-id';
import { formatLsn, type Lsn } from '#model/lsn';
import type { TargetAction, TargetPoint } from '#model/recovery-target';
import type { Timeline } from '#model/timeline';

/** What exactly will be done to reach a target. People approve its hash. */
export interface RecoveryPlan {
  source: string;
  systemId: string;
  /** major version of the server that has to replay it */
  major: number;
  /** in words, as it was asked for */
  target: string;
  /** what PostgreSQL is told to stop at */
  stop: Exclude<TargetPoint, { kind: 'latest' }>;
  inclusive: boolean;
  action: TargetAction;
  /** the full backup first, then the incrementals on it */
  chain: BackupId[];
  timeline: Timeline;
  wal: { from: Lsn; until: Lsn; bytes: bigint };
  /** what is stored but comes after the target, and so is not in the restored cluster */
  leftOut: { bytes: bigint | undefined; ms: number | undefined };
  storedBytes: number;
  rawBytes: number;
  /** from default rates until drills have measured better ones */
  forecastMs: number;
}

/** SHA-256 of what is decided; not of sizes and forecasts, which change while WAL keeps arriving. */
export const hashPlan = (plan: RecoveryPlan): string => createHash('sha256').update(decidedJson(plan)).digest('hex');

/** What the hash is of. */
export function decidedJson(plan: RecoveryPlan): string {
  const { forecastMs: _forecast, leftOut: _leftOut, wal, ...rest } = plan;
  return printPlanJson({ ...rest, from: wal.from });
}

/** LSNs as PostgreSQL prints them, byte counts as decimal text: neither fits a JSON number. */
export const printPlanJson = (plan: object): string =>
  JSON.stringify(plan, (name, value) => {
    if (typeof value !== 'bigint') return value;
    return ['from', 'until', 'lsn'].includes(name) ? formatLsn(value as Lsn) : value.toString();
  });
