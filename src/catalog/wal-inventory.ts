import { ObjectDamaged } from '#model/failure';
import type { Lsn } from '#model/lsn';
import { formatTimeline, parseHistory, type Timeline, type TimelineHistory } from '#model/timeline';
import { parseWalObjectName, walRange } from '#model/wal-object';
import { segmentAt, segmentName } from '#model/wal-segment';
import { systemFolder, timelineFolder } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

/** WAL without a hole: `[start, end)` */
export interface WalInterval {
  start: Lsn;
  end: Lsn;
}

/** What is stored of one timeline. */
export interface TimelineWal {
  timeline: Timeline;
  /** in LSN order; neither overlapping nor touching */
  intervals: readonly WalInterval[];
  /** the object that reaches furthest; its header says when its last byte was written */
  last: { key: string; end: Lsn; storedAt: Date } | undefined;
}

/** All WAL of one system that a source has in the bucket, or all of it from one position on. */
export interface WalInventory {
  source: string;
  systemId: string;
  /** undefined when there is no WAL */
  segmentSize: number | undefined;
  timelines: ReadonlyMap<Timeline, TimelineWal>;
  /** timeline 1 has none */
  histories: ReadonlyMap<Timeline, TimelineHistory>;
}

/** Looks into WAL objects, which the catalog cannot do itself: they may be encrypted. */
export interface WalObjectReader {
  /** from the header of any piece of WAL */
  segmentSize(key: string): Promise<number>;
  /** the text of a history file */
  history(key: string): Promise<string>;
}

export interface InventoryOptions {
  /** WAL of segments before this position's is not even listed */
  from?: Lsn;
  /** when it is known already: saves a read */
  segmentSize?: number;
  /** names of segments and history files that are stored and no good: as if they were not */
  unreadable?: ReadonlySet<string>;
  signal?: AbortSignal;
}

/**
 * List what WAL there is. Costs one request for a thousand objects, and one more for each timeline.
 * @throws ObjectDamaged for a history file that is none
 */
export async function readInventory(
  store: ObjectStore,
  reader: WalObjectReader,
  source: string,
  systemId: string,
  options: InventoryOptions = {},
): Promise<WalInventory> {
  const folder = systemFolder(source, systemId);
  const signal = options.signal ? { signal: options.signal } : {};
  const unreadable = options.unreadable ?? new Set();
  const timelines = new Map<Timeline, TimelineWal>();
  const histories = new Map<Timeline, TimelineHistory>();
  let segmentSize = options.segmentSize;
  let startAfter = '';
  for (;;) {
    const next = await first(store.list(folder, { startAfter, ...signal }));
    if (!next) return { source, systemId, segmentSize, timelines, histories };
    const [element = '', ...below] = next.key.slice(folder.length).split('/');
    startAfter = below.length > 0 ? afterFolder(`${folder}${element}`) : next.key;
    if (below.length === 0) {
      const timeline = historyTimeline(element);
      if (timeline && !unreadable.has(element)) histories.set(timeline, await readHistory(reader, timeline, next.key));
    } else if (/^[0-9A-F]{8}$/.test(element)) {
      const timeline = Number.parseInt(element, 16);
      segmentSize ??= await reader.segmentSize(next.key);
      const from = options.from ?? (0n as Lsn);
      timelines.set(
        timeline,
        await readTimeline(store, { source, systemId, timeline, segmentSize, from, unreadable, ...signal }),
      );
    }
  }
}

async function readHistory(reader: WalObjectReader, timeline: Timeline, key: string): Promise<TimelineHistory> {
  const content = await reader.history(key);
  try {
    return parseHistory(timeline, content);
  } catch (cause) {
    const what = `${key} is no timeline history: ${(cause as Error).message}`;
    throw new ObjectDamaged(what, { operation: 'read wal inventory', subject: key, cause });
  }
}

export interface TimelineQuery {
  source: string;
  systemId: string;
  timeline: Timeline;
  segmentSize: number;
  from: Lsn;
  unreadable?: ReadonlySet<string>;
  signal?: AbortSignal;
}

/** What is stored of one timeline, from the segment that holds `from`. */
export async function readTimeline(store: ObjectStore, query: TimelineQuery): Promise<TimelineWal> {
  const { source, systemId, timeline, segmentSize, from, unreadable, signal } = query;
  const folder = timelineFolder(source, systemId, timeline);
  const before = segmentAt(timeline, from, segmentSize).number - 1n;
  const startAfter =
    before < 0n ? folder : afterSegment(folder + segmentName({ timeline, number: before }, segmentSize));
  const intervals: WalInterval[] = [];
  let last: TimelineWal['last'];
  for await (const stored of store.list(folder, { startAfter, ...(signal ? { signal } : {}) })) {
    const object = parseWalObjectName(stored.key.slice(folder.length), segmentSize);
    if (object?.segment.timeline !== timeline) continue;
    if (unreadable?.has(segmentName(object.segment, segmentSize))) continue;
    const range = walRange(object, segmentSize);
    if (range.start === range.end) continue;
    addInOrder(intervals, range);
    if (!last || range.end > last.end) last = { key: stored.key, end: range.end, storedAt: stored.lastModified };
  }
  return { timeline, intervals, last };
}

/** Names come in LSN order, a whole segment before its chunks: only the last interval can grow. */
export function addInOrder(intervals: WalInterval[], range: WalInterval): void {
  const last = intervals.at(-1);
  if (!last || range.start > last.end) intervals.push({ ...range });
  else if (range.end > last.end) last.end = range.end;
}

async function first(objects: AsyncIterable<StoredObject>): Promise<StoredObject | undefined> {
  for await (const object of objects) return object;
  return undefined;
}

/** After everything in the folder: `0` is the character that follows `/`. */
const afterFolder = (folder: string): string => `${folder}0`;

/** After the segment and its chunks: `/` is the character that follows `.`. */
const afterSegment = (name: string): string => `${name}/`;

function historyTimeline(name: string): Timeline | undefined {
  const timeline = Number.parseInt(name.slice(0, 8), 16);
  return name === `${formatTimeline(timeline)}.history` ? timeline : undefined;
}
