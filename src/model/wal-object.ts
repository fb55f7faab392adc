import { advance, formatLsn, type Lsn } from '#model/lsn';
import { formatTimeline, type Timeline } from '#model/timeline';
import { isSegmentName, parseSegmentName, segmentName, segmentStart, type WalSegment } from '#model/wal-segment';

/**
 * How WAL lies in the bucket, under `<source>/wal/<system id>/<timeline>/`:
 *
 *     000000010000000000000003                     a complete segment
 *     000000010000000000000003.00000000-0001A2B0   a chunk: bytes [from, to) of the segment still being written
 *     000000010000000000000003.partial             what PostgreSQL archived of a timeline's last segment
 *
 * Byte order of the names is LSN order, and a complete segment comes before its chunks.
 */
export type WalObject =
  | { kind: 'segment'; segment: WalSegment }
  | { kind: 'chunk'; segment: WalSegment; from: number; to: number }
  | { kind: 'partial'; segment: WalSegment };

const offset = (bytes: number): string => bytes.toString(16).toUpperCase().padStart(8, '0');

export function walObjectName(object: WalObject, segmentSize: number): string {
  const name = segmentName(object.segment, segmentSize);
  if (object.kind === 'segment') return name;
  return object.kind === 'partial' ? `${name}.partial` : `${name}.${offset(object.from)}-${offset(object.to)}`;
}

/** undefined for a name that is none of them */
export function parseWalObjectName(name: string, segmentSize: number): WalObject | undefined {
  const [base, suffix, ...more] = name.split('.');
  if (!base || !isSegmentName(base) || more.length > 0) return undefined;
  const segment = parseSegmentName(base, segmentSize);
  if (suffix === undefined) return { kind: 'segment', segment };
  if (suffix === 'partial') return { kind: 'partial', segment };
  const range = /^([0-9A-F]{8})-([0-9A-F]{8})$/.exec(suffix);
  if (!range) return undefined;
  const from = Number.parseInt(range[1]!, 16);
  const to = Number.parseInt(range[2]!, 16);
  return from < to && to <= segmentSize ? { kind: 'chunk', segment, from, to } : undefined;
}

/** The WAL that an object holds: `[start, end)`; a partial counts up to nothing that can be relied on. */
export function walRange(object: WalObject, segmentSize: number): { start: Lsn; end: Lsn } {
  const start = segmentStart(object.segment, segmentSize);
  if (object.kind === 'chunk') return { start: advance(start, object.from), end: advance(start, object.to) };
  return { start, end: object.kind === 'segment' ? advance(start, segmentSize) : start };
}

export const describeWal = (timeline: Timeline, start: Lsn, end: Lsn): string =>
  `${formatLsn(start)}..${formatLsn(end)} on timeline ${formatTimeline(timeline)}`;
