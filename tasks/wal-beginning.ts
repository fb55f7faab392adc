import type { WalInterval } from '#catalog/wal-interval';
import { readInventory, readTimeline } from '#catalog/wal-inventory';
import { type Lsn, lsn } from '#model/lsn';
import { parseHistory, spanOnPath, type Timeline, type TimelineHistory } from '#model/timeline';
import { segmentAt, segmentStart } from '#model/wal-segment';
import { blockBytesOf, type KnownWal } from '#pipeline/cut-wal';
import type { SystemIdentity } from '#postgres/identify-system';
import type { ReplicationConnection } from '#postgres/replication-connection';
import type { SlotPosition } from '#postgres/replication-slot';
import { readHistory } from '#postgres/timeline-history';
import type { WalReader } from '#recovery/read-wal';
import { chooseChunks, listChunks, readChunks, segmentKey } from '#recovery/segment-chunks';
import type { ObjectStore } from '#store/object-store';

/** Where a receiver begins. */
export interface WalBeginning {
  timeline: Timeline;
  /** at the start of a block, see cut-wal.ts */
  start: Lsn;
  /** what is stored of the block in which it begins */
  known?: KnownWal;
  /** WAL between what is stored and the slot is missing; the server may have it still, though it need not */
  gap?: { after: Lsn; before: Lsn };
}

export interface BeginningOptions {
  store: ObjectStore;
  reader: WalReader;
  connection: ReplicationConnection;
  source: string;
  system: SystemIdentity;
  slot: SlotPosition;
  /** begin before the slot, where the WAL that is stored ends */
  closeGap: boolean;
}

/**
 * Found from the slot and the bucket alone. The slot says what the server keeps; what is stored beyond that (by a run
 * that died before it could tell the server, or beside a base backup) is not received again.
 */
export async function chooseBeginning(options: BeginningOptions): Promise<WalBeginning> {
  const { system, slot } = options;
  const first = segmentStart(segmentAt(slot.timeline, slot.lsn, system.segmentSize), system.segmentSize);
  const before = lsn(first > 0n ? first - 1n : 0n);
  const { intervals } = await readTimeline(options.store, { ...place(options), timeline: slot.timeline, from: before });
  const here = holding(intervals, first);
  const continuous = first === 0n || holding(intervals, before) !== undefined;
  const older = continuous ? undefined : await lastStored(options, first);
  const gap = older && { after: older.end, before: first };
  if (older && options.closeGap)
    return { ...(await beginAt(options, older.timeline, older.end, older.end)), gap: gap! };
  // On a timeline that the server has left, WAL may be stored that never was part of its history.
  const received = here && slot.timeline === system.timeline ? earlier(here.end, system.position) : first;
  return { ...(await beginAt(options, slot.timeline, received, here?.end ?? first)), ...(gap ? { gap } : {}) };
}

const place = ({ source, system }: BeginningOptions) => ({
  source,
  systemId: system.systemId,
  segmentSize: system.segmentSize,
});

const earlier = (a: Lsn, b: Lsn): Lsn => (a < b ? a : b);

const holding = (intervals: readonly WalInterval[], position: Lsn): WalInterval | undefined =>
  intervals.find(({ start, end }) => start <= position && position < end);

/** Where the WAL of this server's past ends in the bucket, if that is before `limit`; undefined also when there is none. */
async function lastStored(
  options: BeginningOptions,
  limit: Lsn,
): Promise<{ timeline: Timeline; end: Lsn } | undefined> {
  const { store, reader, source, system, slot } = options;
  const { systemId, segmentSize } = system;
  const inventory = await readInventory(store, reader, source, systemId, { segmentSize });
  const path = await pathTo(options.connection, slot.timeline);
  for (const timeline of [path.timeline, ...path.ancestors.map((ancestor) => ancestor.timeline).reverse()]) {
    const last = inventory.timelines.get(timeline)?.intervals.findLast(({ start }) => start < limit);
    if (!last) continue;
    const end = earlier(last.end, spanOnPath(path, timeline)?.to ?? last.end);
    return end < limit ? { timeline, end } : undefined;
  }
  return undefined;
}

async function pathTo(connection: ReplicationConnection, timeline: Timeline): Promise<TimelineHistory> {
  if (timeline === 1) return { timeline, ancestors: [] };
  return parseHistory(timeline, (await readHistory(connection, timeline)).toString('utf8'));
}

/** The block that holds `position`, with what is stored of it, up to `stored`. */
async function beginAt(
  options: BeginningOptions,
  timeline: Timeline,
  position: Lsn,
  stored: Lsn,
): Promise<WalBeginning> {
  const blockBytes = BigInt(blockBytesOf(options.system.segmentSize));
  const start = lsn((position / blockBytes) * blockBytes);
  const end = earlier(stored, lsn(start + blockBytes));
  if (end <= start) return { timeline, start };
  return { timeline, start, known: { timeline, start, bytes: await readStored(options, timeline, start, end) } };
}

/** WAL of one segment, out of the whole one or of its chunks. */
async function readStored(options: BeginningOptions, timeline: Timeline, start: Lsn, end: Lsn): Promise<Buffer> {
  const { store, reader, source, system } = options;
  const { systemId, segmentSize } = system;
  const segment = segmentAt(timeline, start, segmentSize);
  const first = segmentStart(segment, segmentSize);
  const segmentPlace = { source, systemId, segment, segmentSize };
  const key = segmentKey(segmentPlace);
  if (end - first === BigInt(segmentSize) && (await store.head(key))) {
    return reader.readAll(key, { source, systemId, timeline, start: first, end, segmentSize });
  }
  const from = Number(start - first);
  const bytes = Buffer.alloc(Number(end - start));
  const chunks = chooseChunks(await listChunks(store, segmentPlace), from);
  let known = 0;
  await readChunks(reader, segmentPlace, chunks, (offset, block) => {
    // a chunk of another writer may begin before this block, or go on after it
    const at = offset - from;
    const taken = block.subarray(Math.max(0, -at), Math.max(0, bytes.length - at));
    taken.copy(bytes, Math.max(0, at));
    known = Math.max(known, Math.min(bytes.length, at + block.length));
  });
  return bytes.subarray(0, known);
}
