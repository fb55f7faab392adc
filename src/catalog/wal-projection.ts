import { z } from 'zod';
import { changeProjection, type Projection, readProjection } from '#catalog/change-projection';
import { allVerified, type VerifiedObject, type WalPiece } from '#catalog/verified';
import { coveredUntil, type WalGap } from '#catalog/wal-coverage';
import type { WalInventory } from '#catalog/wal-inventory';
import type { VerifiedReach } from '#model/exposure';
import { type Lsn, parseLsn } from '#model/lsn';
import { type BackupSummary, startLsn, stopLsn, stopTime } from '#model/manifest';
import { isOnPath, type Timeline, type TimelineHistory } from '#model/timeline';
import { committedUntil, stretchBefore, withPiece } from '#model/verified-wal';
import { verifiedWalKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * The WAL of a source that was read back, as stretches without a hole. Everything in it is in the records of the objects,
 * and records are put in whichever comes first and however often: so both who verifies an object and who indexes it put
 * its record in, and neither waits for the other.
 */
const lsnText = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const timeline = z.number().int().positive();
const instant = z.iso.datetime();

const stretchSchema = z.strictObject({
  start: lsnText,
  end: lsnText,
  last: z.strictObject({ commitTime: instant.nullable(), time: instant, storedAt: instant, verifiedAt: instant }),
});

const timelineSchema = z.strictObject({
  timeline,
  /** null: its history file was not read back yet, or it has none */
  ancestors: z.array(z.strictObject({ timeline, switchpoint: lsnText, reason: z.string() })).nullable(),
  stretches: z.array(stretchSchema),
});

const systemSchema = z.strictObject({
  systemId: z.string(),
  /** 0 until a piece of WAL was read */
  segmentSize: z.number().int(),
  timelines: z.array(timelineSchema),
});

const damagedSchema = z.strictObject({
  key: z.string(),
  version: z.string(),
  damage: z.array(z.string()),
  at: instant,
});
export type DamagedObject = z.infer<typeof damagedSchema>;

const walSchema = z.strictObject({
  format: z.literal('lifeboat-wal/1'),
  systems: z.array(systemSchema),
  /** objects of all kinds, at most `keptDamaged`, oldest first */
  damaged: z.array(damagedSchema),
});
export type VerifiedWal = z.infer<typeof walSchema>;

const keptDamaged = 200;

export const verifiedWalProjection = (source: string): Projection<VerifiedWal> => ({
  key: verifiedWalKey(source),
  schema: walSchema,
  empty: { format: 'lifeboat-wal/1', systems: [], damaged: [] },
});

export const readVerifiedWal = (store: ObjectStore, source: string): Promise<VerifiedWal> =>
  readProjection(store, verifiedWalProjection(source));

/** Put a record in; one that is in already changes nothing. */
export async function noteVerified(store: ObjectStore, record: VerifiedObject): Promise<void> {
  await changeProjection(store, verifiedWalProjection(record.source), (content) => withRecord(content, record));
}

/** Take objects off the list of damaged ones: they are gone, or were put back. */
export async function forgetDamaged(store: ObjectStore, source: string, gone: readonly DamagedObject[]): Promise<void> {
  const names = new Set(gone.map(({ key, version }) => `${key} ${version}`));
  await changeProjection(store, verifiedWalProjection(source), (content) => ({
    ...content,
    damaged: content.damaged.filter(({ key, version }) => !names.has(`${key} ${version}`)),
  }));
}

/** Make it anew of all records. */
export async function rebuildVerifiedWal(store: ObjectStore, source: string): Promise<void> {
  const projection = verifiedWalProjection(source);
  await changeProjection(store, projection, async () => {
    let content = projection.empty;
    for await (const record of allVerified(store, source)) content = withRecord(content, record);
    return content;
  });
}

function withRecord(content: VerifiedWal, record: VerifiedObject): VerifiedWal {
  const { key, version, damage, at, wal, history } = record;
  if (!record.ok) {
    const known = content.damaged.some((other) => other.key === key && other.version === version);
    if (known) return content;
    const damaged = [...content.damaged, { key, version, damage: damage.slice(0, 5), at }];
    return { ...content, damaged: damaged.sort(byTime).slice(-keptDamaged) };
  }
  if (wal) return withWal(content, wal, record);
  if (!history) return content;
  const { ancestors } = history;
  return withTimeline(content, history.systemId, history.timeline, (known) => ({ ...known, ancestors }));
}

const byTime = (a: DamagedObject, b: DamagedObject): number => (`${a.at} ${a.key}` < `${b.at} ${b.key}` ? -1 : 1);

function withWal(content: VerifiedWal, wal: WalPiece, { storedAt, at }: VerifiedObject): VerifiedWal {
  const { systemId, segmentSize, start, end, time, commitTime } = wal;
  const last = { commitTime, time, storedAt, verifiedAt: at };
  const noted = withTimeline(content, systemId, wal.timeline, (known) => ({
    ...known,
    stretches: withPiece(known.stretches, { start, end, last }),
  }));
  const systems = noted.systems.map((system) => (system.systemId === systemId ? { ...system, segmentSize } : system));
  return { ...noted, systems };
}

type TimelineContent = z.infer<typeof timelineSchema>;

function withTimeline(
  content: VerifiedWal,
  systemId: string,
  timeline: Timeline,
  change: (known: TimelineContent) => TimelineContent,
): VerifiedWal {
  const system = content.systems.find((known) => known.systemId === systemId) ?? {
    systemId,
    segmentSize: 0,
    timelines: [],
  };
  const known = system.timelines.find((other) => other.timeline === timeline);
  const changed = change(known ?? { timeline, ancestors: null, stretches: [] });
  const timelines = [...system.timelines.filter((other) => other !== known), changed];
  const systems = [
    ...content.systems.filter((other) => other.systemId !== systemId),
    { ...system, timelines: timelines.sort((a, b) => a.timeline - b.timeline) },
  ];
  return { ...content, systems: systems.sort((a, b) => (a.systemId < b.systemId ? -1 : 1)) };
}

/** The part of it that a recovery could use, as an inventory; undefined when nothing of the system was read back. */
export function verifiedInventory(wal: VerifiedWal, source: string, systemId: string): WalInventory | undefined {
  const system = wal.systems.find((known) => known.systemId === systemId);
  if (!system || system.segmentSize === 0) return undefined;
  const intervalsOf = ({ stretches }: TimelineContent) =>
    stretches.map(({ start, end }) => ({ start: parseLsn(start), end: parseLsn(end) }));
  const historyOf = ({ timeline, ancestors }: TimelineContent): TimelineHistory => ({
    timeline,
    ancestors: ancestors!.map((ancestor) => ({ ...ancestor, switchpoint: parseLsn(ancestor.switchpoint) })),
  });
  return {
    source,
    systemId,
    segmentSize: system.segmentSize,
    timelines: new Map(
      system.timelines.map((known) => [known.timeline, { timeline: known.timeline, intervals: intervalsOf(known) }]),
    ),
    histories: new Map(
      system.timelines.filter(({ ancestors }) => ancestors !== null).map((known) => [known.timeline, historyOf(known)]),
    ),
  };
}

/** How far a backup and the WAL after it were read back. */
export interface BackupReach extends VerifiedReach {
  backup: BackupSummary;
  /** when the object that reaches furthest was stored, and read back; null where the backup itself is all there is */
  storedAt: Date | null;
  verifiedAt: Date | null;
  /** where it ends though later WAL was read back */
  gap: WalGap | undefined;
}

/**
 * How far the newest of these backups reaches that becomes consistent with WAL that was read back; along the timeline
 * that is asked for, else along the one that leads furthest. undefined when there is none.
 */
export function verifiedReach(
  wal: VerifiedWal,
  backups: readonly BackupSummary[],
  preferred?: Timeline,
): BackupReach | undefined {
  for (const backup of backups.toReversed()) {
    const inventory = verifiedInventory(wal, backup.source, backup.server.systemId);
    const reaches = inventory ? reachesOf(wal, inventory, backup) : [];
    const found = reaches.find(({ timeline }) => timeline === preferred) ?? reaches.sort(byReach).at(-1);
    if (found) return found;
  }
  return undefined;
}

const byReach = (a: BackupReach, b: BackupReach): number =>
  a.lsn === b.lsn ? a.timeline - b.timeline : a.lsn < b.lsn ? -1 : 1;

function reachesOf(wal: VerifiedWal, inventory: WalInventory, backup: BackupSummary): BackupReach[] {
  return [...inventory.timelines.keys()].flatMap((timeline): BackupReach[] => {
    const path = inventory.histories.get(timeline) ?? { timeline, ancestors: [] };
    if (!isOnPath(path, backup.stop.timeline, stopLsn(backup))) return [];
    const { until, timeline: endsOn, gap } = coveredUntil(inventory, path, startLsn(backup));
    if (until < stopLsn(backup)) return [];
    return [
      {
        backup,
        systemId: inventory.systemId,
        timeline: endsOn,
        lsn: until,
        gap,
        ...endOf(wal, inventory, endsOn, until, backup),
      },
    ];
  });
}

/** What is known of the end of a reach. Cut by a promotion, the older timeline's last object says too much. */
function endOf(
  wal: VerifiedWal,
  { systemId }: WalInventory,
  timeline: Timeline,
  until: Lsn,
  backup: BackupSummary,
): Pick<BackupReach, 'asOf' | 'storedAt' | 'verifiedAt'> {
  const system = wal.systems.find((known) => known.systemId === systemId)!;
  const { stretches } = system.timelines.find((known) => known.timeline === timeline)!;
  const stretch = stretchBefore(stretches, until);
  if (!stretch || parseLsn(stretch.end) !== until) return { asOf: stopTime(backup), storedAt: null, verifiedAt: null };
  const committed = new Date(committedUntil(stretch.last));
  return {
    asOf: committed > stopTime(backup) ? committed : stopTime(backup),
    storedAt: new Date(stretch.last.storedAt),
    verifiedAt: new Date(stretch.last.verifiedAt),
  };
}
