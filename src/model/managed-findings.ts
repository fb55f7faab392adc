import { formatDuration } from '#model/duration';
import type { Finding } from '#model/finding';
import { type DatabaseFacts, isLost, type ManagedSnapshot } from '#model/managed-facts';
import type { ManagedSource } from '#model/managed-source';
import { missedFiring } from '#model/overdue';

/** What RDS tells of a source at one moment. */
export interface AskedDatabase {
  /** undefined: there is none */
  database: DatabaseFacts | undefined;
  /** of the database, oldest first */
  snapshots: readonly ManagedSnapshot[];
  /** of ours, in the region that they are copied to; undefined: the plan wants none */
  copies: readonly ManagedSnapshot[] | undefined;
}

export interface ManagedMeasured {
  source: ManagedSource;
  region: string;
  now: Date;
  watchedSince: Date;
  asked: AskedDatabase;
  exposure: ManagedExposure;
}

export interface ManagedExposure {
  /** what would be lost if the database died now; null: everything */
  lossMs: number | null;
  reason: string;
  /** what can be restored to any instant */
  window: { from: Date; to: Date } | undefined;
}

/**
 * What AWS can bring back now: to LatestRestorableTime with automated backups, which is some minutes ago at best, else to
 * the newest snapshot. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html
 */
export function managedExposure({ database, snapshots }: AskedDatabase, now: Date): ManagedExposure {
  const { earliestRestorable: from, latestRestorable: to } = database ?? {};
  const since = (at: Date) => Math.max(0, now.getTime() - at.getTime());
  if (to) return { lossMs: since(to), reason: 'RDS restores to any instant until then', window: from && { from, to } };
  const newest = snapshots.findLast(isThere);
  if (newest?.createdAt)
    return {
      lossMs: since(newest.createdAt),
      reason: `only the snapshot ${newest.id} can be restored`,
      window: undefined,
    };
  return { lossMs: null, reason: 'there are no automated backups and no snapshots', window: undefined };
}

/** What is not as it should be, out of what RDS tells. */
export const managedFindings = (measured: ManagedMeasured): Finding[] => [
  ...gone(measured),
  ...disabled(measured),
  ...rpo(measured),
  ...overdue(measured),
  ...uncopied(measured),
];

export const isThere = ({ status }: ManagedSnapshot): boolean => status === 'available';

/** Those that this plan took. */
export const ownSnapshots = (source: string, snapshots: readonly ManagedSnapshot[]): ManagedSnapshot[] =>
  snapshots.filter(({ tags }) => tags['lifeboat:source'] === source);

function gone({ source: { name, database }, region, asked }: ManagedMeasured): Finding[] {
  const status = asked.database?.status;
  if (status !== undefined && !isLost(status)) return [];
  const what = `the ${database.type} ${database.id} ${status === undefined ? `is not in RDS in ${region}` : `is ${status}`}`;
  const todo = `see what became of it: aws rds describe-events --duration 1440 --source-identifier ${database.id} --source-type db-${database.type}; to bring it back: lifeboat rds-restore --source ${name} --to NEW-IDENTIFIER`;
  return [{ kind: 'server-unreachable', source: name, since: null, what, todo, dedupe: `server ${name}` }];
}

function disabled({ source: { name, database }, asked }: ManagedMeasured): Finding[] {
  if (asked.database?.retentionDays !== 0) return [];
  const { type, id } = database;
  const what = `automated backups of the ${type} ${id} are disabled: nothing between its snapshots can be restored`;
  const todo = `aws rds modify-db-${type} --db-${type}-identifier ${id} --backup-retention-period 7 --apply-immediately`;
  return [{ kind: 'backups-disabled', source: name, since: null, what, todo, dedupe: `disabled ${name}` }];
}

function rpo({ source: { name, tier }, exposure: { lossMs, reason }, now }: ManagedMeasured): Finding[] {
  if (!tier || (lossMs !== null && lossMs <= tier.rpoMs)) return [];
  const lost = lossMs === null ? 'everything' : `what was committed in the last ${formatDuration(lossMs)}`;
  return [
    {
      kind: 'rpo-above-tier',
      source: name,
      since: lossMs === null ? null : new Date(now.getTime() - lossMs).toISOString(),
      what: `if the database died now, ${lost} would be lost, promised are at most ${formatDuration(tier.rpoMs)}: ${reason}`,
      todo: `see whether RDS says why: aws rds describe-events --duration 1440; until then take a snapshot: ${snapshotNow(name)}`,
      dedupe: `rpo ${name}`,
    },
  ];
}

/** While one is made, the one that was due may be that one. */
function overdue({ source, asked, watchedSince, now }: ManagedMeasured): Finding[] {
  const { snapshot: expression, timezone, windowMinutes } = source.schedules;
  const own = ownSnapshots(source.name, asked.snapshots);
  if (expression === undefined || own.some(({ status }) => status === 'creating')) return [];
  const last = own.findLast(isThere)?.createdAt;
  const taken = last && { startedAt: last, finishedAt: last };
  const dueAt = missedFiring({ expression, timezone, windowMinutes, last: taken, watchedSince, now });
  if (!dueAt) return [];
  const due = dueAt.toISOString();
  return [
    {
      kind: 'backup-overdue',
      source: source.name,
      since: due,
      what: `the snapshot that was due at ${due} is not there: ${last ? `the last one is of ${last.toISOString()}` : 'there is none'}`,
      todo: snapshotNow(source.name),
      dedupe: `overdue ${source.name} snapshot`,
    },
  ];
}

/** As long as a copy may take to be begun. */
const copyBeginsMs = 3_600_000;

function uncopied({ source: { name, copyTo }, asked: { snapshots, copies = [] }, now }: ManagedMeasured): Finding[] {
  const newest = copyTo && ownSnapshots(name, snapshots).findLast(isThere);
  if (!newest?.createdAt || now.getTime() - newest.createdAt.getTime() < copyBeginsMs) return [];
  const copy = copies.find(({ id }) => id === newest.id);
  if (copy && !isLost(copy.status)) return [];
  return [
    {
      kind: 'copy-missing',
      source: name,
      since: newest.createdAt.toISOString(),
      what: `the newest snapshot ${newest.id} has no copy in ${copyTo!.region}${copy ? `: it is ${copy.status}` : ''}`,
      todo: `lifeboat executions says why; then: ${snapshotNow(name)}`,
      dedupe: `copy ${name}`,
    },
  ];
}

const snapshotNow = (name: string): string => `lifeboat backup --source ${name}`;
