import type { WalInventory } from '#catalog/wal-inventory';
import { formatLsn, type Lsn } from '#model/lsn';
import { formatTimeline, historyFileName, type Timeline } from '#model/timeline';

/**
 * What proves that a timeline's WAL went on beyond a position; undefined when the position may be its end.
 * A server that is told "end of WAL" too early starts with rows missing, and says nothing.
 */
export function proofOfLaterWal(inventory: WalInventory, timeline: Timeline, position: Lsn): string | undefined {
  const later = inventory.timelines.get(timeline)?.intervals.find(({ end }) => end > position);
  if (later) {
    return `WAL from ${formatLsn(later.start)} to ${formatLsn(later.end)} on timeline ${formatTimeline(timeline)} is stored`;
  }
  for (const history of inventory.histories.values()) {
    const left = history.ancestors.find((ancestor) => ancestor.timeline === timeline);
    if (left && left.switchpoint > position) {
      const end = formatLsn(left.switchpoint);
      return `${historyFileName(history.timeline)} says that timeline ${formatTimeline(timeline)} went on to ${end}`;
    }
  }
  return undefined;
}
