import { advance } from '#model/lsn';
import { parseWalObjectName } from '#model/wal-object';
import { segmentName, segmentStart, type WalSegment } from '#model/wal-segment';
import type { WalReader } from '#recovery/read-wal';
import { timelineFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface SegmentPlace {
  source: string;
  systemId: string;
  segment: WalSegment;
  segmentSize: number;
}

/** A range of a segment that is stored as one object. */
export interface StoredChunk {
  key: string;
  from: number;
  to: number;
}

export const segmentKey = ({ source, systemId, segment, segmentSize }: SegmentPlace): string =>
  timelineFolder(source, systemId, segment.timeline) + segmentName(segment, segmentSize);

/** The chunks of a segment, in the order in which they begin. */
export async function listChunks(
  store: ObjectStore,
  place: SegmentPlace,
  signal?: AbortSignal,
): Promise<StoredChunk[]> {
  const folder = timelineFolder(place.source, place.systemId, place.segment.timeline);
  const keys: string[] = [];
  for await (const { key } of store.list(`${segmentKey(place)}.`, signal ? { signal } : {})) keys.push(key);
  return chunksOf(place.segment, keys, folder, place.segmentSize);
}

/** The chunks of one segment among the keys of its folder. */
function chunksOf(segment: WalSegment, keys: readonly string[], folder: string, segmentSize: number): StoredChunk[] {
  return keys.flatMap((key) => {
    const object = parseWalObjectName(key.slice(folder.length), segmentSize);
    const ours = object?.kind === 'chunk' && object.segment.timeline === segment.timeline;
    return ours && object.segment.number === segment.number ? [{ key, from: object.from, to: object.to }] : [];
  });
}

/**
 * Of chunks in the order in which they begin, those that hold all bytes from `from` to the first hole, as few as
 * possible. Chunks of different writers overlap: what they share is the same.
 */
export function chooseChunks(chunks: readonly StoredChunk[], from = 0): StoredChunk[] {
  const chosen: StoredChunk[] = [];
  let end = from;
  let best: StoredChunk | undefined;
  for (const chunk of chunks) {
    if (chunk.from > end) {
      if (!best || chunk.from > best.to) break;
      chosen.push(best);
      end = best.to;
      best = undefined;
    }
    if (chunk.to > (best?.to ?? end)) best = chunk;
  }
  return best ? [...chosen, best] : chosen;
}

/** Many small objects: what takes time is waiting for each. */
const readsAtOnce = 8;

/** Hand on the bytes of chosen chunks, in any order, each with its offset in the segment. */
export async function readChunks(
  reader: WalReader,
  place: SegmentPlace,
  chunks: readonly StoredChunk[],
  onBytes: (offset: number, bytes: Buffer) => Promise<void> | void,
  signal?: AbortSignal,
): Promise<void> {
  const { source, systemId, segment, segmentSize } = place;
  const start = segmentStart(segment, segmentSize);
  const queue = chunks.values();
  const reading = Array.from({ length: readsAtOnce }, async () => {
    for (const { key, from, to } of queue) {
      const range = { start: advance(start, from), end: advance(start, to) };
      const walPlace = { source, systemId, timeline: segment.timeline, ...range, segmentSize };
      let offset = from;
      for await (const block of (await reader.open(key, walPlace, signal)).blocks()) {
        await onBytes(offset, block);
        offset += block.length;
      }
    }
  });
  await Promise.all(reading);
}
