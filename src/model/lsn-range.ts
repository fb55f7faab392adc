import { type Lsn, maxLsn } from '#model/lsn';

/** `[start, end)` */
export interface LsnRange {
  start: Lsn;
  end: Lsn;
}

/** What of some ranges is in none of the others; each list in order and without overlaps, and so is the outcome. */
export function subtractRanges(ranges: readonly LsnRange[], others: readonly LsnRange[]): LsnRange[] {
  const left: LsnRange[] = [];
  let first = 0;
  for (const { start, end } of ranges) {
    while (first < others.length && others[first]!.end <= start) first++;
    let from = start;
    for (let next = first; next < others.length && others[next]!.start < end; next++) {
      if (others[next]!.start > from) left.push({ start: from, end: others[next]!.start });
      from = maxLsn(from, others[next]!.end);
    }
    if (from < end) left.push({ start: from, end });
  }
  return left;
}
