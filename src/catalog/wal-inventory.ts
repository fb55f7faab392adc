import { lookAgain } from '#catalog/stored-wal';
import { addInOrder, type WalInterval } from '#catalog/wal-interval';
import { ObjectDamaged } from '#model/failure';
import { type Lsn, lsn } from '#model/lsn';
import { formatTimeline, parseHistory, type Timeline, type TimelineHistory } from '#model/timeline';
import { parseWalObjectName, walRange } from '#model/wal-object';
import { segmentAt, segmentName } from '#model/wal-segment';
import { systemFolder, timelineFolder } from '#store/bucket-layout';
import type { ObjectStore, StoredObject } from '#store/object-store';

/** What is stored of one timeline. */
export interface TimelineWal {
  timeline: Timeline;
  /** in LSN order; neither overlapping nor touching */
  intervals: readonly WalInterval[];
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
  /** neither is WAL that begins here or later */
  until?: Lsn;
  /** WAL of these timelines that need not be listed, since it was seen before: only what came later or between is */
  known?: ReadonlyMap<Timeline, readonly WalInterval[]>;
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
      const { from = lsn(0n), until } = options;
      const query = { source, systemId, timeline, segmentSize, from, until, unreadable, ...signal };
      const known = unreadable.size === 0 ? options.known?.get(timeline) : undefined;
      timelines.set(timeline, known ? await addToKnown(store, query, known) : await readTimeline(store, query));
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
  until?: Lsn | undefined;
  unreadable?: ReadonlySet<string>;
  signal?: AbortSignal;
}

/** What is stored of one timeline, from the segment that holds `from`. */
export async function readTimeline(store: ObjectStore, query: TimelineQuery): Promise<TimelineWal> {
  const { source, systemId, timeline, segmentSize, from, until, unreadable, signal } = query;
  const folder = timelineFolder(source, systemId, timeline);
  const before = segmentAt(timeline, from, segmentSize).number - 1n;
  const startAfter =
    before < 0n ? folder : afterSegment(folder + segmentName({ timeline, number: before }, segmentSize));
  const intervals: WalInterval[] = [];
  for await (const stored of store.list(folder, { startAfter, ...(signal ? { signal } : {}) })) {
    const object = parseWalObjectName(stored.key.slice(folder.length), segmentSize);
    if (object?.segment.timeline !== timeline) continue;
    if (unreadable?.has(segmentName(object.segment, segmentSize))) continue;
    const range = walRange(object, segmentSize);
    if (until !== undefined && range.start >= until) break;
    if (range.start === range.end) continue;
    addInOrder(intervals, range);
  }
  return { timeline, intervals };
}

async function addToKnown(
  store: ObjectStore,
  { source, systemId, timeline, segmentSize, from }: TimelineQuery,
  known: readonly WalInterval[],
): Promise<TimelineWal> {
  const folder = { key: timelineFolder(source, systemId, timeline), timeline, segmentSize };
  return { timeline, intervals: await lookAgain(store, folder, known, from) };
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
