import { changeProjection } from '#catalog/change-projection';
import { readVerified, versionOf } from '#catalog/verified';
import { addInOrder, type WalInterval } from '#catalog/wal-interval';
import { readVerifiedWal, type VerifiedWal, verifiedWalProjection } from '#catalog/wal-projection';
import { advance } from '#model/lsn';
import { subtractRanges } from '#model/lsn-range';
import { parseObjectKey } from '#model/object-key';
import { pastWal } from '#model/past-wal';
import type { RetentionPlan, WalRule } from '#model/retention-record';
import type { Timeline } from '#model/timeline';
import { withoutWal } from '#model/verified-wal';
import { parseWalObjectName, type WalObject, walRange } from '#model/wal-object';
import { segmentName } from '#model/wal-segment';
import { systemFolder } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

export interface ExpiredWal {
  /** chunk: its segment is stored as a whole, too; piece: nothing needs it */
  what: 'piece' | 'chunk';
  object: StoredObject;
}

type About = Pick<RetentionPlan, 'source' | 'chunksBefore' | 'purge'>;

/**
 * WAL of one system that goes by the plan, as it is listed; nothing is deleted here. Of the listing one object is
 * held at a time. Whole segments are read about (their verified record) where chunks of theirs are still there.
 */
export async function* expiredWal(store: ObjectStore, plan: About, rule: WalRule): AsyncGenerator<ExpiredWal> {
  if (rule.rule === 'all') return yield* allOf(store, plan, rule);
  for await (const { fate, object } of judged(store, plan, rule)) if (fate !== 'stays') yield { what: fate, object };
}

/**
 * Take the WAL that goes out of the projection of what was read back (catalog/<source>/wal.json): nobody may plan with it
 * once it is deleted, so this comes before. Idempotent.
 */
export async function forgetExpiredWal(store: ObjectStore, plan: About & Pick<RetentionPlan, 'wal'>): Promise<void> {
  for (const rule of plan.wal) {
    const lost = await lostIntervals(store, plan, rule);
    if (lost !== 'all' && lost.size === 0) continue;
    await changeProjection(store, verifiedWalProjection(plan.source), (content) => ({
      ...content,
      systems: content.systems.flatMap((system) => {
        if (system.systemId !== rule.systemId) return [system];
        const timelines = system.timelines.map((known) => {
          const gone = lost === 'all' ? undefined : (lost.get(known.timeline) ?? []);
          return { ...known, stretches: gone ? withoutWal(known.stretches, gone) : [] };
        });
        return asOfRecords({ ...system, timelines });
      }),
    }));
  }
}

type System = VerifiedWal['systems'][number];

/** As it is said by the records that are left: of a timeline without any nothing is. */
function asOfRecords(system: System): System[] {
  const timelines = system.timelines.filter(({ ancestors, stretches }) => ancestors || stretches.length > 0);
  if (timelines.length === 0) return [];
  const hasWal = timelines.some(({ stretches }) => stretches.length > 0);
  return [{ ...system, timelines, segmentSize: hasWal ? system.segmentSize : 0 }];
}

/** Everything, unless something of it is too young: then nothing; of a purge what is old enough, whatever else there is. */
async function* allOf(
  store: ObjectStore,
  { source, purge }: About,
  { systemId, storedBefore }: WalRule & { rule: 'all' },
): AsyncGenerator<ExpiredWal> {
  const before = new Date(storedBefore);
  const folder = systemFolder(source, systemId);
  const isWal = ({ key }: StoredObject) => parseObjectKey(key)?.kind === 'wal';
  if (!purge) for await (const object of store.list(folder)) if (isWal(object) && object.lastModified >= before) return;
  for await (const object of store.list(folder))
    if (isWal(object) && object.lastModified < before) yield { what: 'piece', object };
}

type Judged = WalInterval & { fate: ExpiredWal['what'] | 'stays'; object: StoredObject; timeline: Timeline };

/** Each piece of WAL, in the order of the listing: by timeline, then by position, a whole segment before its chunks. */
async function* judged(
  store: ObjectStore,
  { source, chunksBefore }: About,
  rule: WalRule & { rule: 'cut' | 'none' },
): AsyncGenerator<Judged> {
  const { systemId, segmentSize } = rule;
  const isPast = pastWal(rule);
  const chunks = new Date(chunksBefore);
  /** the newest one that stays */
  let whole: { name: string; object: StoredObject; isGood?: boolean } | undefined;
  for await (const object of store.list(systemFolder(source, systemId))) {
    const key = parseObjectKey(object.key);
    const wal = key?.kind === 'wal' ? parseWalObjectName(key.name, segmentSize) : undefined;
    if (!wal) continue;
    const name = segmentName(wal.segment, segmentSize);
    const range = rangeOf(wal, segmentSize);
    const place = { ...range, object, timeline: wal.segment.timeline };
    if (isPast(range, object.lastModified)) {
      yield { fate: 'piece', ...place };
      continue;
    }
    if (wal.kind === 'segment') whole = { name, object };
    if (wal.kind === 'chunk' && whole?.name === name && object.lastModified < chunks) {
      whole.isGood ??= (await readVerified(store, source, whole.object.key, versionOf(whole.object.etag)))?.ok ?? false;
      yield { fate: whole.isGood ? 'chunk' : 'stays', ...place };
    } else {
      yield { fate: 'stays', ...place };
    }
  }
}

/** Of a partial segment nobody can say how far it goes, so it stays as long as the whole one would. */
function rangeOf(wal: WalObject, segmentSize: number): WalInterval {
  const { start, end } = walRange(wal, segmentSize);
  return { start, end: wal.kind === 'partial' ? advance(start, segmentSize) : end };
}

/** By timeline, what is no longer stored once the pieces are gone. */
async function lostIntervals(
  store: ObjectStore,
  plan: About,
  rule: WalRule,
): Promise<'all' | Map<Timeline, WalInterval[]>> {
  const lost = new Map<Timeline, WalInterval[]>();
  if (rule.rule === 'none') return lost;
  if (rule.rule === 'all' && !plan.purge) {
    for await (const _ of allOf(store, plan, rule)) return 'all';
    return lost;
  }
  const cut = rule.rule === 'all' ? await asCut(store, plan, rule) : rule;
  if (!cut) return lost;
  const staying = new Map<Timeline, WalInterval[]>();
  const add = (to: Map<Timeline, WalInterval[]>, { timeline, start, end }: Judged) => {
    const intervals = to.get(timeline) ?? [];
    to.set(timeline, intervals);
    addInOrder(intervals, { start, end });
  };
  for await (const piece of judged(store, plan, cut)) {
    if (piece.fate === 'piece') add(lost, piece);
    else if (piece.fate === 'stays') add(staying, piece);
  }
  // a whole segment that stays holds what its chunks held
  return new Map([...lost].map(([timeline, gone]) => [timeline, subtractRanges(gone, staying.get(timeline) ?? [])]));
}

/** Of a purge: what came since then stays. undefined: nothing was read back, so there is nothing to forget. */
async function asCut(
  store: ObjectStore,
  { source }: About,
  { systemId, storedBefore }: WalRule & { rule: 'all' },
): Promise<(WalRule & { rule: 'cut' }) | undefined> {
  const { systems } = await readVerifiedWal(store, source);
  const segmentSize = systems.find((system) => system.systemId === systemId)?.segmentSize ?? 0;
  if (segmentSize === 0) return undefined;
  return { systemId, rule: 'cut', segmentSize, before: 'FFFFFFFF/FFFFFFFF', storedBefore, keep: [] };
}
