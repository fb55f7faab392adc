import { readDumpCatalog } from '#catalog/dumps';
import { keepManaged, type ListedSnapshot, readManaged, type WatchedDatabase } from '#catalog/managed';
import { dumpFindings } from '#model/dump-findings';
import type { Finding } from '#model/finding';
import { type FindingChanges, findingChanges } from '#model/finding-changes';
import { type AskedDatabase, isThere, managedExposure, managedFindings, ownSnapshots } from '#model/managed-findings';
import type { ManagedSource } from '#model/managed-source';
import { type MetricRecord, metricRecords } from '#model/metric';
import { oneLine } from '#model/plain-text';
import type { ObjectStore } from '#store/object-store';

export interface ManagedWatch {
  store: ObjectStore;
  source: ManagedSource;
  region: string;
  ask(): Promise<AskedDatabase>;
  now(): Date;
  /** Tells people what is new and what is over, before it is kept that they know. */
  tell(changes: FindingChanges): Promise<void>;
}

/** RDS that does not answer for so long is told of. */
const lastsMs = 180_000;

/**
 * Ask RDS what it could bring back, and find what is not as it should be. While RDS does not answer, what it told last is kept,
 * and the loss grows.
 */
export async function watchManaged(work: ManagedWatch): Promise<{ watched: WatchedDatabase; changes: FindingChanges }> {
  const { store, source } = work;
  const [before, { dumps }] = await Promise.all([readManaged(store, source.name), readDumpCatalog(store, source.name)]);
  const asked = await work.ask().catch((failure: Error) => failure);
  const now = work.now();
  const at = now.toISOString();
  const watchedSince = before && before.watchedSince < at ? before.watchedSince : at;
  const told =
    asked instanceof Error ? unanswered(source, before, asked, now) : answered(work, asked, watchedSince, now);
  const ofDumps = dumpFindings({ source, dumps, watchedSince: new Date(watchedSince), now });
  const found = [...told.findings, ...ofDumps];
  const changes = findingChanges(before?.findings ?? [], found, asked instanceof Error ? judgedByRds : []);
  const watched: WatchedDatabase = {
    ...told,
    ...{ format: 'lifeboat-managed/1', at, watchedSince, tier: source.tier ?? null, findings: changes.current },
    database: `${source.database.type} ${source.database.id}`,
  };
  if (changes.raised.length + changes.ended.length > 0) await work.tell(changes);
  await keepManaged(store, source.name, watched);
  return { watched, changes };
}

type Told = Omit<WatchedDatabase, 'format' | 'at' | 'watchedSince' | 'database' | 'tier'>;

const judgedByRds: Finding['kind'][] = ['backups-disabled', 'backup-overdue', 'copy-missing', 'rpo-above-tier'];

function answered({ source, region }: ManagedWatch, facts: AskedDatabase, since: string, now: Date): Told {
  const exposure = managedExposure(facts, now);
  const { database, snapshots, copies = [] } = facts;
  const own = new Set(ownSnapshots(source.name, snapshots));
  const copied = new Set(copies.filter(isThere).map(({ id }) => id));
  return {
    status: database?.status ?? null,
    engineVersion: database?.engineVersion ?? null,
    retentionDays: database?.retentionDays ?? null,
    lossMs: exposure.lossMs,
    reason: exposure.reason,
    window: exposure.window ? { from: exposure.window.from.toISOString(), to: exposure.window.to.toISOString() } : null,
    snapshots: snapshots.map(
      (one): ListedSnapshot => ({
        ...{ id: one.id, type: one.type, status: one.status, createdAt: one.createdAt?.toISOString() ?? null },
        ...{ engineVersion: one.engineVersion, sizeGiB: one.sizeGiB, encrypted: one.encrypted, own: own.has(one) },
        copiedTo: copied.has(one.id) ? source.copyTo!.region : null,
      }),
    ),
    unanswered: null,
    findings: managedFindings({ source, region, now, watchedSince: new Date(since), asked: facts, exposure }),
  };
}

function unanswered(source: ManagedSource, before: WatchedDatabase | undefined, failure: Error, now: Date): Told {
  const why = oneLine(failure.message);
  const since = before?.unanswered?.since ?? now.toISOString();
  const lasting = now.getTime() - Date.parse(since) >= lastsMs;
  const grownMs = before ? now.getTime() - Date.parse(before.at) : 0;
  const finding: Finding = {
    ...{ kind: 'server-unreachable', source: source.name, since, dedupe: `server ${source.name}` },
    what: `RDS does not say how it is: ${why}`,
    todo: 'see whether the role may ask, and whether RDS answers: https://health.aws.amazon.com/health/status',
  };
  const known: Told = before ?? {
    ...{ status: null, engineVersion: null, retentionDays: null, window: null, snapshots: [], unanswered: null },
    ...{ lossMs: null, reason: 'RDS has not answered yet', findings: [] },
  };
  const { status, engineVersion, retentionDays, window, snapshots, reason, lossMs } = known;
  return {
    ...{ status, engineVersion, retentionDays, window, snapshots, reason },
    lossMs: lossMs === null ? null : lossMs + Math.max(0, grownMs),
    unanswered: { since, why },
    findings: lasting ? [finding] : [],
  };
}

/** As numbers. Before RDS has answered, none is known. */
export function managedMetrics(source: string, watched: WatchedDatabase): MetricRecord[] {
  const { lossMs, tier, findings, snapshots } = watched;
  if (watched.unanswered && watched.status === null && snapshots.length === 0) return [];
  const seconds = (ms: number | null | undefined) => (ms == null ? null : ms / 1_000);
  const newest = snapshots.findLast(({ status, createdAt }) => status === 'available' && createdAt !== null);
  return metricRecords(source, {
    Restorable: lossMs === null ? 0 : 1,
    RpoSeconds: seconds(lossMs),
    RpoTierSeconds: seconds(tier?.rpoMs),
    OverdueBackups: findings.filter(({ kind }) => kind === 'backup-overdue').length,
    LastBackupAgeSeconds: newest && (Date.parse(watched.at) - Date.parse(newest.createdAt!)) / 1_000,
  });
}
