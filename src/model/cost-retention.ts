import { type CostLine, daysPerMonth, thousands } from '#model/cost-line';
import type { Lot } from '#model/cost-storage';
import { taskDollars } from '#model/cost-tasks';
import { work } from '#model/cost-work';
import type { Prices } from '#model/prices';

export interface RetentionFacts {
  retentionsPerMonth: number;
  /** backups and dumps that are kept, and those that go in a month */
  keptPoints: number;
  goneInMonth: number;
  parts: readonly Lot[];
  wal: readonly Lot[];
  /** of WAL, each of which is asked about before its chunks go */
  segmentsPerMonth: number;
}

/**
 * The machine that deletes: as much goes as comes. Deleting costs nothing, finding out what does: a run lists all WAL four
 * times (to see whether some goes, to forget it, to delete it, to see that the rest is whole) and the parts of what is kept twice.
 * https://aws.amazon.com/s3/pricing/ (LIST is priced as PUT, HEAD as GET)
 */
export function retentionLine(facts: RetentionFacts, prices: Prices): CostLine {
  const { retentionsPerMonth: runs, keptPoints, goneInMonth, parts, wal, segmentsPerMonth } = facts;
  const { keysPerList, listSeconds, retentionGb, deletesPerSecond, taskSeconds, transitions, stepSeconds } = work;
  const listsPerRun = 4 * Math.ceil(held(wal) / keysPerList) + 2 * Math.max(keptPoints, held(parts) / keysPerList) + 10;
  const lists = runs * listsPerRun;
  const gets = runs * (2 * keptPoints + 20) + goneInMonth + 2 * segmentsPerMonth;
  // each object of WAL has a record of its own
  const deletes = made(parts) + 2 * made(wal);
  const task = taskDollars(
    'expire',
    runs * taskSeconds + (lists / 2) * listSeconds + deletes / deletesPerSecond,
    prices,
  );
  const functions = (lists / 2) * listSeconds * retentionGb + runs * 3 * stepSeconds * retentionGb;
  const dollars =
    (lists / 1000) * prices.putThousand +
    (gets / 1000) * prices.getThousand +
    task +
    functions * prices.lambdaGbSecond +
    ((runs * transitions.retention) / 1000) * prices.transitionThousand;
  const basis = `${Math.round(runs)} runs, ${thousands(lists)} lists, ${thousands(gets)} gets, ${thousands(deletes)} deletes (which are free)`;
  return { what: 'retention', dollars, basis };
}

/** Objects that are there on average. */
const held = (lots: readonly Lot[]): number =>
  lots.reduce((sum, { objectsPerMonth, days }) => sum + (objectsPerMonth * days) / daysPerMonth, 0);

const made = (lots: readonly Lot[]): number => lots.reduce((sum, { objectsPerMonth }) => sum + objectsPerMonth, 0);
