import { timelineAt } from '#catalog/wal-coverage';
import { advance, type Lsn } from '#model/lsn';
import type { TimelineHistory } from '#model/timeline';
import { segmentAt, segmentEnd, segmentStart, type WalSegment } from '#model/wal-segment';
import { type WalkResult, WalWalker, type WalWalkOptions } from '#postgres/wal-records';
import type { WalReader } from '#recovery/read-wal';
import { chooseChunks, listChunks, segmentKey } from '#recovery/segment-chunks';
import type { ObjectStore } from '#store/object-store';

/** Where the WAL of one cluster lies. */
export interface WalArchive {
  store: ObjectStore;
  reader: WalReader;
  source: string;
  systemId: string;
  segmentSize: number;
}

export interface WalScan extends Pick<WalWalkOptions, 'interest' | 'onRecord' | 'verifyCrc'> {
  archive: WalArchive;
  path: TimelineHistory;
  /** the segment that holds it is read from its beginning */
  from: Lsn;
  until: Lsn;
  signal: AbortSignal;
}

/** Read stored WAL along a path record by record; it must be there without a hole. */
export async function scanWal(scan: WalScan): Promise<WalkResult> {
  const { archive, path, until, signal } = scan;
  const { segmentSize, systemId } = archive;
  const first = segmentStart(segmentAt(0, scan.from, segmentSize), segmentSize);
  const walker = new WalWalker({
    start: first,
    segmentSize,
    systemId,
    onRecord: scan.onRecord,
    ...(scan.interest ? { interest: scan.interest } : {}),
    ...(scan.verifyCrc ? { verifyCrc: scan.verifyCrc } : {}),
  });
  for (let position = first; position < until && walker.result.ended === 'end of data'; ) {
    signal.throwIfAborted();
    const segment = segmentOnPath(path, position, until, segmentSize);
    position = segmentEnd(segment, segmentSize);
    for await (const bytes of readSegment(archive, segment, signal)) {
      const wanted = until - walker.next;
      walker.feed(BigInt(bytes.length) > wanted ? bytes.subarray(0, Number(wanted)) : bytes);
      if (walker.next >= until) break;
    }
    if (walker.next < position) break; // the segment is stored up to here
  }
  return walker.result;
}

/** The segment that PostgreSQL reads at a position: of the newest timeline that has begun by its end. */
function segmentOnPath(path: TimelineHistory, position: Lsn, until: Lsn, segmentSize: number): WalSegment {
  const end = segmentEnd(segmentAt(0, position, segmentSize), segmentSize);
  const last = advance(end < until ? end : until, -1);
  return segmentAt(timelineAt(path, last), position, segmentSize);
}

/** What is stored of a segment from its first byte on without a hole, in order. */
async function* readSegment(archive: WalArchive, segment: WalSegment, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { store, reader, source, systemId, segmentSize } = archive;
  const place = { source, systemId, segment, segmentSize };
  const key = segmentKey(place);
  const start = segmentStart(segment, segmentSize);
  const wal = { source, systemId, timeline: segment.timeline, segmentSize };
  if (await store.head(key, { signal })) {
    yield* (await reader.open(key, { ...wal, start, end: segmentEnd(segment, segmentSize) }, signal)).blocks();
    return;
  }
  let done = 0;
  for (const { key, from, to } of chooseChunks(await listChunks(store, place, signal))) {
    let skip = done - from;
    const read = await reader.open(key, { ...wal, start: advance(start, from), end: advance(start, to) }, signal);
    for await (const block of read.blocks()) {
      if (skip < block.length) yield block.subarray(skip);
      skip = Math.max(0, skip - block.length);
    }
    done = to;
  }
}

/** The object that holds one byte of a path's WAL; undefined when there is none. */
export async function findWalObject(
  archive: WalArchive,
  path: TimelineHistory,
  position: Lsn,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { store, source, systemId, segmentSize } = archive;
  const segment = segmentAt(timelineAt(path, position), position, segmentSize);
  const place = { source, systemId, segment, segmentSize };
  if (await store.head(segmentKey(place), { signal })) return segmentKey(place);
  const offset = Number(position - segmentStart(segment, segmentSize));
  const chunks = await listChunks(store, place, signal);
  return chunks.find(({ from, to }) => from <= offset && offset < to)?.key;
}
