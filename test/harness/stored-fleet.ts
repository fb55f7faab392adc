import { createHash } from 'node:crypto';
import { keepExposure, type MeasuredExposure } from '#catalog/exposure';
import { recordInCatalog } from '#catalog/projection';
import { backupId } from '#model/backup-id';
import { formatLsn, lsn } from '#model/lsn';
import type { BackupSummary } from '#model/manifest';
import { type Plan, parsePlan } from '#model/plan';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const dayMs = 24 * 3600 * 1000;
const systemId = '7710121666982256801';
const segmentSize = 16 << 20;
/** WAL that a source writes in a day */
const dayBytes = 40n * BigInt(segmentSize);

export interface FleetSize {
  sources: number;
  /** a full backup on each seventh, an incremental on the others */
  days: number;
  /** also put something where each manifest lies: listings see it */
  manifests?: boolean;
  /** what the watch measured, and nothing else */
  only?: 'exposure';
}

export const fleetPlan = (bucket: string, { sources }: FleetSize): Plan =>
  parsePlan(
    `bucket: ${bucket}\nencryption: none\nsources:\n${names(sources)
      .map((name, index) => `  ${name}: { connection: { host: db-${index % 300}.example, user: lifeboat } }\n`)
      .join('')}`,
    'plan.yml',
  );

/** What the catalog holds of many sources after so many days: what a year of work leaves, without the work. */
export async function storeFleet(store: ObjectStore, size: FleetSize, now: Date): Promise<void> {
  for (const source of names(size.sources)) {
    const backups = backupsOf(source, size.days, now);
    if (size.only === undefined) await recordInCatalog(store, source, () => backups);
    await keepExposure(store, source, measuredOf(backups, now));
    if (!size.manifests) continue;
    for (const { backup } of backups) await store.put(manifestKey(source, backup), Buffer.from('{}'));
  }
}

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `source-${String(index).padStart(4, '0')}`);

function backupsOf(source: string, days: number, now: Date): BackupSummary[] {
  const backups: BackupSummary[] = [];
  for (let day = 0; day < days; day++) {
    const begun = new Date(now.getTime() - (days - day) * dayMs);
    const parent = day % 7 === 0 ? null : backups.at(-1)!.backup;
    backups.push(summaryOf(source, begun, parent, lsn(0x1000000n + BigInt(day) * dayBytes)));
  }
  return backups;
}

function summaryOf(source: string, begun: Date, parent: BackupSummary['parent'], from: bigint): BackupSummary {
  const kind = parent === null ? 'full' : 'incr';
  const backup = backupId(begun, kind);
  const sha256 = createHash('sha256').update(backup).digest('hex');
  const finishedAt = new Date(begun.getTime() + 600_000).toISOString();
  return {
    ...{ format: 'lifeboat/1', source, backup, kind, parent },
    server: {
      ...{ version: '18.4', major: 18, systemId, segmentSize, blockSize: 8192, dataChecksums: true },
      superuser: 'postgres',
    },
    start: { lsn: formatLsn(lsn(from)), timeline: 1, time: begun.toISOString() },
    stop: { lsn: formatLsn(lsn(from + 0x1000n)), timeline: 1, time: finishedAt },
    tablespaces: [],
    index: { name: 'index.jsonl', storedBytes: 10, sha256 },
    serverManifest: { name: 'backup_manifest.json', storedBytes: 10, sha256 },
    ...{ rawBytes: 30e9, storedBytes: kind === 'full' ? 9e9 : 3e8 },
    ...{ compression: { codec: 'zstd', level: 3 }, encryption: null, finishedAt },
    ...{ requestedBy: 'schedule', execution: null },
  };
}

function measuredOf(backups: readonly BackupSummary[], now: Date): MeasuredExposure {
  const newest = backups.at(-1)!;
  const at = now.toISOString();
  return {
    ...{ format: 'lifeboat-exposure/1', at, watchedSince: backups[0]!.start.time },
    ...{ lossMs: 4_000, reason: `everything up to ${newest.stop.lsn} is stored and verified`, tier: null, rto: null },
    verified: { backup: newest.backup, systemId, timeline: 1, lsn: newest.stop.lsn, asOf: at },
    server: { state: 'reachable', systemId, timeline: 1, flushed: newest.stop.lsn, clock: at },
    ...{ lastUp: at, coveredAt: at, stored: null, behind: null, gap: null, findings: [] },
    summary: {
      counts: { proven: backups.length, verified: 0, committed: 0, broken: 0 },
      bytes: backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      proven: { backup: newest.backup, since: at, reason: 'restored to its end' },
      ...{ broken: [], tried: null },
      window: { from: backups[0]!.finishedAt, to: at },
    },
  };
}
