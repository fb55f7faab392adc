import type { Lsn } from '#model/lsn';

/** WAL without a hole: `[start, end)` */
export interface WalInterval {
  start: Lsn;
  end: Lsn;
}

/** Names come in LSN order, a whole segment before its chunks: only the last interval can grow. */
export function addInOrder(intervals: WalInterval[], range: WalInterval): void {
  const last = intervals.at(-1);
  if (!last || range.start > last.end) intervals.push({ ...range });
  else if (range.end > last.end) last.end = range.end;
}
