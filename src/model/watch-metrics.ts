import type { Finding } from '#model/finding';
import { parseLsn } from '#model/lsn';
import { type MetricRecord, metricRecords } from '#model/metric';

/** What the watch kept of a source, as far as it is a number. Times are ISO 8601. */
export interface WatchedSource {
  at: string;
  /** null: everything would be lost */
  lossMs: number | null;
  tier: { rpoMs: number; rtoMs: number } | null;
  rto: { ms: number } | null;
  server: { state: 'reachable'; flushed: string } | { state: 'unreachable' };
  behind: { storedTo: string | null; since: string } | null;
  gap: object | null;
  findings: readonly Pick<Finding, 'kind'>[];
  summary: { counts: { proven: number; verified: number; committed: number; broken: number } } | null;
}

/** When nothing can be restored there is no RPO, and `Restorable` is 0. */
export function watchMetrics(source: string, watched: WatchedSource, lastBackupAt: Date | undefined): MetricRecord[] {
  const { lossMs, tier, rto, findings } = watched;
  const counts = watched.summary?.counts;
  const nowMs = Date.parse(watched.at);
  return metricRecords(source, {
    Restorable: lossMs === null ? 0 : 1,
    RpoSeconds: seconds(lossMs),
    RpoTierSeconds: seconds(tier?.rpoMs),
    RtoSeconds: seconds(rto?.ms),
    RtoTierSeconds: seconds(tier?.rtoMs),
    ...walLag(watched, nowMs),
    WalGaps: watched.gap ? 1 : 0,
    OverdueBackups: findings.filter(({ kind }) => kind === 'backup-overdue').length,
    BrokenBackups: counts?.broken,
    UnprovenBackups: counts && counts.committed + counts.verified,
    ProvenBackups: counts?.proven,
    LastBackupAgeSeconds: lastBackupAt && Math.max(0, (nowMs - lastBackupAt.getTime()) / 1_000),
  });
}

const seconds = (ms: number | null | undefined): number | null => (ms == null ? null : ms / 1_000);

/** Nothing is known of it while the server does not answer; of bytes not before anything was stored. */
function walLag({ server, behind }: WatchedSource, nowMs: number) {
  if (server.state === 'unreachable') return {};
  if (!behind) return { WalLagBytes: 0, WalLagSeconds: 0 };
  const bytes = behind.storedTo === null ? null : Number(parseLsn(server.flushed) - parseLsn(behind.storedTo));
  return {
    WalLagBytes: bytes === null ? null : Math.max(0, bytes),
    WalLagSeconds: Math.max(0, (nowMs - Date.parse(behind.since)) / 1_000),
  };
}
