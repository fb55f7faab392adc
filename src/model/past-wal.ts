import { parseLsn } from '#model/lsn';
import type { LsnRange } from '#model/lsn-range';
import type { WalRule } from '#model/retention-record';

/**
 * Which pieces of a system's WAL nothing needs any more. By `all` each of them is past that was stored before the rule's
 * instant, but of no purge only if all of them were: who asks has to look at the whole first.
 */
export function pastWal(rule: WalRule): (range: LsnRange, storedAt: Date) => boolean {
  if (rule.rule === 'none') return () => false;
  const storedBefore = new Date(rule.storedBefore);
  if (rule.rule === 'all') return (_, storedAt) => storedAt < storedBefore;
  const before = parseLsn(rule.before);
  const kept = merged(rule.keep.map(({ from, to }) => ({ start: parseLsn(from), end: parseLsn(to) })));
  return (range, storedAt) => range.end <= before && storedAt < storedBefore && !overlapsAny(kept, range);
}

/** `ranges` in order of where they begin */
function merged(ranges: readonly LsnRange[]): LsnRange[] {
  const joined: LsnRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (!last || range.start > last.end) joined.push({ ...range });
    else if (range.end > last.end) last.end = range.end;
  }
  return joined;
}

/** By bisection: there may be a thousand kept backups, and millions of pieces. */
function overlapsAny(ranges: readonly LsnRange[], { start, end }: LsnRange): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.end > start) high = middle;
    else low = middle + 1;
  }
  const next = ranges[low];
  return next !== undefined && next.start < end;
}
