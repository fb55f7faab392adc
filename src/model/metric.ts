/*
 * What is measured of sources, and how it is called: here and nowhere else. CloudWatch gets the name as it stands here,
 * Prometheus in its own style. A name ends in its unit; one that does not is a count, or 1 for yes and 0 for no.
 */

/** Each with what Prometheus shows as help. A value that nobody knows is left out, never made up. */
export const metricHelp = {
  // after a backup
  BackupRawBytes: 'bytes that the last backup read from the server',
  BackupStoredBytes: 'bytes that the last backup stored',
  BackupSeconds: 'how long the last backup took',
  BackupRatio: 'raw bytes for each stored byte of the last backup',
  // after a verification or a drill
  BackupVerified: 'whether the last backup that was read back was as it was written',
  DrillProven: 'whether the last drill proved its backup',
  DrillSeconds: 'how long the last drill that was carried out took to restore, replay and check',
  // after a dump, and after it was read back and restored
  DumpRawBytes: 'bytes that the last dump read from the databases',
  DumpStoredBytes: 'bytes that the last dump stored',
  DumpSeconds: 'how long the last dump took',
  DumpProven: 'whether the last dump could be read back, and restored where the plan asks for it',
  // after each object that arrives
  ObjectVerified: 'whether the last object that arrived was as it was written',
  // each minute
  Restorable: 'whether anything can be restored at all',
  RpoSeconds: 'what would be lost if the server died now',
  RpoTierSeconds: 'what may be lost at most, says the plan',
  RtoSeconds: 'how long a recovery would take now, by the last drills',
  RtoTierSeconds: 'how long a recovery may take at most, says the plan',
  WalLagBytes: 'WAL that the server has written and that is not stored',
  WalLagSeconds: 'for how long the stored WAL has not grown although the server went on',
  WalGaps: 'stretches of missing WAL behind the newest backup',
  OverdueBackups: 'backups that the schedule promised and that are not there',
  OverdueDumps: 'dumps that the schedule promised and that are not there',
  BrokenBackups: 'backups that cannot be restored',
  UnprovenBackups: 'backups that nobody has restored yet',
  ProvenBackups: 'backups that were restored and checked',
  LastBackupAgeSeconds: 'age of the newest backup',
  // of all sources together
  WatchedSources: 'sources that could be looked at',
} as const;

export type MetricName = keyof typeof metricHelp;

export const metricNames = Object.keys(metricHelp) as MetricName[];

/** One number, now. */
export interface MetricRecord {
  name: MetricName;
  /** null: of all sources together */
  source: string | null;
  value: number;
}

/** In CloudWatch. */
export const metricNamespace = 'Lifeboat';
/** Beside `source`: two stacks in one account and region may protect sources of the same name. */
export const stackDimension = 'stack';
export const sourceDimension = 'source';

export type MetricUnit = 'Bytes' | 'Seconds' | 'None' | 'Count';

/** As CloudWatch calls it. */
export function metricUnit(name: MetricName): MetricUnit {
  if (name.endsWith('Bytes')) return 'Bytes';
  if (name.endsWith('Seconds')) return 'Seconds';
  return name.endsWith('Ratio') ? 'None' : 'Count';
}

/** `lifeboat_wal_lag_bytes`. https://prometheus.io/docs/practices/naming/ */
export const prometheusName = (name: MetricName): string =>
  `lifeboat${name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)}`;

/** The records of one source, without those that nobody knows. */
export const metricRecords = (
  source: string | null,
  values: Partial<Record<MetricName, number | null | undefined>>,
): MetricRecord[] =>
  (Object.entries(values) as [MetricName, number | null | undefined][]).flatMap(([name, value]) =>
    value == null || !Number.isFinite(value) ? [] : [{ name, source, value }],
  );
