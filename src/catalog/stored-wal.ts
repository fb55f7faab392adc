import type { StoredWal } from '#catalog/exposure';
import { coveredUntil, type WalGap } from '#catalog/wal-coverage';
import { addInOrder, type WalInterval } from '#catalog/wal-interval';
import { formatLsn, type Lsn, maxLsn, parseLsn } from '#model/lsn';
import type { Timeline, TimelineHistory } from '#model/timeline';
import { parseWalObjectName, walRange } from '#model/wal-object';
import { segmentAt, segmentName } from '#model/wal-segment';
import { systemFolder, timelineFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface TrackedSystem {
  source: string;
  systemId: string;
  segmentSize: number;
  /** WAL before it is not looked at */
  from: Lsn;
}

/**
 * What is stored of a system's WAL, out of what was known a while ago: lists what came after it, and the holes once
 * more, since WAL may arrive late. So it costs what has arrived since, however much is stored.
 */
export async function followStoredWal(
  store: ObjectStore,
  known: StoredWal | null,
  { source, systemId, segmentSize, from }: TrackedSystem,
): Promise<StoredWal> {
  const before = known?.systemId === systemId && known.segmentSize === segmentSize ? known.timelines : [];
  const newest = await newestTimeline(store, source, systemId);
  if (newest === undefined) return { systemId, segmentSize, timelines: [] };
  const timelines: StoredWal['timelines'] = [];
  for (const timeline of new Set([...before.map((one) => one.timeline), newest])) {
    const stretches = before.find((one) => one.timeline === timeline)?.stretches.map(intervalOf) ?? [];
    const folder: TimelineFolder = { key: timelineFolder(source, systemId, timeline), timeline, segmentSize };
    const found = await lookAgain(store, folder, stretches, from);
    const kept = found.filter(({ end }) => end > from);
    if (kept.length > 0 || timeline === newest) timelines.push({ timeline, stretches: kept.map(textOf) });
  }
  return { systemId, segmentSize, timelines: timelines.sort((a, b) => a.timeline - b.timeline) };
}

async function newestTimeline(store: ObjectStore, source: string, systemId: string): Promise<Timeline | undefined> {
  const timelines: Timeline[] = [];
  for await (const folder of store.folders(systemFolder(source, systemId))) {
    if (/^[0-9A-F]{8}\/$/.test(folder)) timelines.push(Number.parseInt(folder, 16));
  }
  return timelines.length === 0 ? undefined : Math.max(...timelines);
}

export interface TimelineFolder {
  key: string;
  timeline: Timeline;
  segmentSize: number;
}

/** What is stored of one timeline: what is known, what came after it, and what came into its holes. */
export async function lookAgain(
  store: ObjectStore,
  folder: TimelineFolder,
  known: readonly WalInterval[],
  from: Lsn,
): Promise<WalInterval[]> {
  const found: WalInterval[] = [...known];
  const looked = known.slice(-mostHoles - 1);
  // of the stretches that are left out, not even the hole behind them is looked at: it may be as long as all of them
  let holeAt = looked.length < known.length ? maxLsn(from, looked[0]!.start) : from;
  for (const { start, end } of looked) {
    if (start > holeAt) found.push(...(await listWal(store, folder, holeAt, start)));
    holeAt = maxLsn(holeAt, end);
  }
  found.push(...(await listWal(store, folder, holeAt, undefined)));
  const merged: WalInterval[] = [];
  for (const range of found.sort((a, b) => (a.start < b.start ? -1 : 1))) addInOrder(merged, range);
  return merged;
}

/** Older holes are not looked at again: nothing arrives that late. */
const mostHoles = 20;

/** What there is from the segment of `from` on, up to the first object that begins at `to`. */
async function listWal(
  store: ObjectStore,
  { key, timeline, segmentSize }: TimelineFolder,
  from: Lsn,
  to: Lsn | undefined,
): Promise<WalInterval[]> {
  const found: WalInterval[] = [];
  const before = segmentAt(timeline, from, segmentSize).number - 1n;
  // after the segment before and its chunks: `/` is the character that follows `.`
  const startAfter = before < 0n ? key : `${key}${segmentName({ timeline, number: before }, segmentSize)}/`;
  for await (const stored of store.list(key, { startAfter })) {
    const object = parseWalObjectName(stored.key.slice(key.length), segmentSize);
    if (object?.segment.timeline !== timeline) continue;
    const range = walRange(object, segmentSize);
    if (to !== undefined && range.start >= to) break;
    if (range.end > from && range.end > range.start) addInOrder(found, range);
  }
  return found;
}

const intervalOf = ({ start, end }: { start: string; end: string }): WalInterval => ({
  start: parseLsn(start),
  end: parseLsn(end),
});

const textOf = ({ start, end }: WalInterval) => ({ start: formatLsn(start), end: formatLsn(end) });

export interface StoredReach {
  timeline: Timeline;
  until: Lsn;
  /** where later WAL is stored that cannot be reached */
  gap: WalGap | undefined;
  /** the end of all that is stored */
  end: Lsn;
}

/** How far it goes without a hole, along the way to the newest timeline; undefined when nothing is stored. */
export function storedReach(
  stored: StoredWal,
  source: string,
  histories: ReadonlyMap<Timeline, TimelineHistory>,
  from: Lsn,
): StoredReach | undefined {
  const newest = stored.timelines.findLast(({ stretches }) => stretches.length > 0);
  if (!newest) return undefined;
  const { timeline } = newest;
  const timelines = new Map(
    stored.timelines.map((one) => [
      one.timeline,
      { timeline: one.timeline, intervals: one.stretches.map(intervalOf), last: undefined },
    ]),
  );
  const inventory = { source, systemId: stored.systemId, segmentSize: stored.segmentSize, timelines, histories };
  const path = histories.get(timeline) ?? { timeline, ancestors: [] };
  const { until, gap } = coveredUntil(inventory, path, from);
  return { timeline, until, gap, end: parseLsn(newest.stretches.at(-1)!.end) };
}
