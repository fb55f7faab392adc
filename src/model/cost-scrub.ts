import { type CostLine, daysPerMonth, gb } from '#model/cost-line';
import type { Lot, StorageFacts } from '#model/cost-storage';
import { taskDollars } from '#model/cost-tasks';
import { work } from '#model/cost-work';
import type { Prices } from '#model/prices';

export interface ScrubCostFacts {
  scrubsPerMonth: number;
  /** of backups */
  parts: readonly Lot[];
  ratio: number;
}

/** Each backup that is not in an archive is read once a month (src/model/scrub-share.ts). */
export function scrubLine(facts: ScrubCostFacts, { tiers }: Pick<StorageFacts, 'tiers'>, prices: Prices): CostLine {
  const { scrubsPerMonth, parts, ratio } = facts;
  const archived = Math.min(tiers.glacier ?? Infinity, tiers.deepArchive ?? Infinity);
  const between = (from: number, to: number): number =>
    parts.reduce(
      (sum, { bytesPerMonth, days }) => sum + (bytesPerMonth * Math.max(0, Math.min(days, to) - from)) / daysPerMonth,
      0,
    );
  const read = between(0, archived);
  const dearlyRead = between(tiers.infrequentAccess ?? Infinity, archived);
  const seconds = (read * ratio) / work.bytesPerSecond.verify + scrubsPerMonth * work.taskSeconds;
  const dollars =
    taskDollars('verify', seconds, prices) +
    gb(dearlyRead) * prices.infrequentAccessReadGb +
    ((read / work.pieceBytes) * prices.getThousand) / 1000 +
    (scrubsPerMonth * (work.transitions.scrub + work.transitions.verify) * prices.transitionThousand) / 1000;
  return {
    what: 'scrub',
    dollars,
    basis: `${Math.round(gb(read))} GB read, ${Math.round(gb(dearlyRead))} GB of it in Standard-IA`,
  };
}
