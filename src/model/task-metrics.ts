import type { DumpProof } from '#model/dump-proof';
import { type MetricRecord, metricRecords } from '#model/metric';
import type { Proof } from '#model/proof';
import type { BaseBackupResult, DumpResult } from '#model/task-result';

/** Of a backup that was committed. */
export const backupMetrics = ({ source, rawBytes, storedBytes, durationMs }: BaseBackupResult): MetricRecord[] =>
  metricRecords(source, {
    BackupRawBytes: rawBytes,
    BackupStoredBytes: storedBytes,
    BackupSeconds: durationMs / 1_000,
    BackupRatio: storedBytes > 0 ? rawBytes / storedBytes : null,
  });

/** Of a backup that was read back as a whole. */
export const verificationMetrics = (source: string, ok: boolean): MetricRecord[] =>
  metricRecords(source, { BackupVerified: ok ? 1 : 0 });

/** Of a drill; one that could not be carried out has proved nothing, and took no time that says anything. */
export function drillMetrics({ source, verdict, durationsMs: { files, replay, checks } }: Proof): MetricRecord[] {
  const seconds = verdict === 'not carried out' ? null : (files + replay + checks) / 1_000;
  return metricRecords(source, { DrillProven: verdict === 'proven' ? 1 : 0, DrillSeconds: seconds });
}

/** Of a dump that was committed. */
export const dumpMetrics = ({ source, rawBytes, storedBytes, durationMs }: DumpResult): MetricRecord[] =>
  metricRecords(source, { DumpRawBytes: rawBytes, DumpStoredBytes: storedBytes, DumpSeconds: durationMs / 1_000 });

/** Of its proof; where the plan wants no restore, reading it back is all that there is to prove. */
export const dumpProofMetrics = ({ source, ok }: DumpProof): MetricRecord[] =>
  metricRecords(source, { DumpProven: ok ? 1 : 0 });

/** Of an object that has arrived; what was known before, or is gone, is nothing new. */
export const objectMetrics = (source: string, outcome: 'verified' | 'damaged' | 'gone' | 'known'): MetricRecord[] =>
  outcome === 'gone' || outcome === 'known'
    ? []
    : metricRecords(source, { ObjectVerified: outcome === 'verified' ? 1 : 0 });
