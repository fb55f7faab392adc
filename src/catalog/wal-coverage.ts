import type { WalInterval } from '#catalog/wal-interval';
import type { WalInventory } from '#catalog/wal-inventory';
import { compareLsn, type Lsn, lsn, maxLsn } from '#model/lsn';
import { spanOnPath, type Timeline, type TimelineHistory } from '#model/timeline';
import { segmentAt, segmentName, segmentStart } from '#model/wal-segment';

/*
 * Which WAL a recovery gets to see along a path of timelines, decided as PostgreSQL reads it:
 *
 * - It reads whole segments. One that is stored as chunks counts from its first byte to the first hole.
 * - Of the timelines on the path that have begun by a segment's end it takes the newest that has the segment, and
 *   goes back to an older one only where the newer has none. (XLogFileReadAnyTLI in xlogrecovery.c)
 * - What an older timeline has after its switch point happened to another server, and counts for nothing.
 */

export interface Coverage {
  /** every byte from the start to here is stored */
  until: Lsn;
  /** the timeline of the last of these bytes */
  timeline: Timeline;
  /** there is later WAL on the path, which cannot be reached */
  gap?: WalGap;
}

export interface WalGap {
  /** the first position that is missing, and the segment that holds it */
  at: Lsn;
  missing: string;
  /** where a segment begins from which on there is WAL again; missing when what is left begins inside segments */
  nextAvailable?: Lsn;
}

/** How far WAL goes without a hole from `from` along the path to its timeline. */
export function coveredUntil(inventory: WalInventory, path: TimelineHistory, from: Lsn): Coverage {
  const { segmentSize } = inventory;
  if (segmentSize === undefined) return { until: from, timeline: timelineAt(path, from) };
  const stored = new PathWal(inventory, path, segmentSize);
  let until = from;
  let segment = segmentAt(0, from, segmentSize).number;
  for (;;) {
    const reach = stored.reachOf(segment);
    if (reach > until) until = reach;
    const turn = stored.nextBeginAfter(segment);
    if (turn === undefined || reach < segmentStart({ timeline: 0, number: turn }, segmentSize)) break;
    segment = turn;
  }
  const timeline = timelineAt(path, until > from ? lsn(until - 1n) : from);
  if (!stored.anythingAfter(until)) return { until, timeline };
  const nextAvailable = stored.nextReadable(until);
  const missing = segmentName(segmentAt(timelineAt(path, until), until, segmentSize), segmentSize);
  return { until, timeline, gap: { at: until, missing, ...(nextAvailable === undefined ? {} : { nextAvailable }) } };
}

/** The timeline that was being written at a position, on this path. */
export function timelineAt(path: TimelineHistory, position: Lsn): Timeline {
  return path.ancestors.find((ancestor) => position < ancestor.switchpoint)?.timeline ?? path.timeline;
}

interface PathTimeline {
  from: Lsn;
  /** where it was left for the next one on the path */
  to: Lsn | undefined;
  /** but those that end before the timeline's own WAL begins: they say no more than the older timeline's do */
  intervals: readonly WalInterval[];
}

class PathWal {
  /** newest first */
  readonly #timelines: readonly PathTimeline[];
  readonly #segmentSize: bigint;

  constructor(inventory: WalInventory, path: TimelineHistory, segmentSize: number) {
    this.#segmentSize = BigInt(segmentSize);
    this.#timelines = [...path.ancestors.map((ancestor) => ancestor.timeline), path.timeline]
      .map((timeline) => {
        const span = spanOnPath(path, timeline)!;
        const intervals = inventory.timelines.get(timeline)?.intervals ?? [];
        return { ...span, intervals: intervals.filter(({ end }) => end > span.from) };
      })
      .reverse();
  }

  /** How far a reader gets who asks for this segment and goes on within the same timeline; its start when it is missing. */
  reachOf(segment: bigint): Lsn {
    const start = lsn(segment * this.#segmentSize);
    for (const { from, to, intervals } of this.#timelines) {
      if (from / this.#segmentSize > segment) continue;
      const stored = intervalAt(intervals, start);
      if (!stored) continue;
      return to === undefined ? stored.end : minLsn(to, stored.end);
    }
    return start;
  }

  /** The next segment in which a timeline of the path begins. */
  nextBeginAfter(segment: bigint): bigint | undefined {
    const begins = this.#timelines.map(({ from }) => from / this.#segmentSize);
    return begins.filter((begin) => begin > segment).at(-1);
  }

  anythingAfter(position: Lsn): boolean {
    return this.#timelines.some((timeline) => ownWal(timeline).some(({ end }) => end > position));
  }

  /** The first segment boundary after a position from which on there is something to read. */
  nextReadable(position: Lsn): Lsn | undefined {
    const after = lsn((position / this.#segmentSize + 1n) * this.#segmentSize);
    const starts = this.#timelines.flatMap((timeline) =>
      ownWal(timeline).map(({ start, end }) => ({ start: this.#boundaryFrom(maxLsn(start, after)), end })),
    );
    const readable = starts.filter(({ start, end }) => start < end && this.reachOf(start / this.#segmentSize) > start);
    return readable.reduce<Lsn | undefined>((least, { start }) => (least && least < start ? least : start), undefined);
  }

  #boundaryFrom(position: Lsn): Lsn {
    return lsn(((position + this.#segmentSize - 1n) / this.#segmentSize) * this.#segmentSize);
  }
}

/** A timeline's intervals without what came after it was left. */
function ownWal({ to, intervals }: PathTimeline): WalInterval[] {
  if (to === undefined) return [...intervals];
  return intervals.filter(({ start }) => start < to).map(({ start, end }) => ({ start, end: minLsn(end, to) }));
}

/** The interval that holds the byte at a position; by bisection, since a year of WAL may have many holes. */
function intervalAt(intervals: readonly WalInterval[], position: Lsn): WalInterval | undefined {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (intervals[middle]!.end > position) high = middle;
    else low = middle + 1;
  }
  const found = intervals[low];
  return found && found.start <= position ? found : undefined;
}

const minLsn = (a: Lsn, b: Lsn): Lsn => (compareLsn(a, b) <= 0 ? a : b);
