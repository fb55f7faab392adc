import { type DumpFacts, dumpLine, dumpLots } from '#model/cost-dumps';
import { type CostLine, daysPerMonth, gb, thousands } from '#model/cost-line';
import { retentionLine } from '#model/cost-retention';
import { scrubLine } from '#model/cost-scrub';
import type { BackupStays, Stay } from '#model/cost-stays';
import { earlyLine, type Lot, type StorageFacts, storageLine, transitionLine } from '#model/cost-storage';
import { restoreDiskDollars, taskDollars } from '#model/cost-tasks';
import { walLots, walObjectsPerDay } from '#model/cost-wal';
import { work } from '#model/cost-work';
import type { Prices } from '#model/prices';

/** What one source keeps and does; sizes in bytes. */
export interface CostFacts extends StorageFacts, DumpFacts, BackupStays {
  /** what a day writes of WAL */
  walBytesPerDay: number;
  /** of the database, what an incremental backup holds */
  changedPerDay: number;
  walChunkSeconds: number;
  /** how long a chunk of WAL stays, once its segment is whole */
  chunkDays: number;
  drillsPerMonth: number;
  scrubsPerMonth: number;
  retentionsPerMonth: number;
  /** copied to another region, and kept there, too */
  replicated: boolean;
}

/** Dollars a month for one source, line by line; nothing is rounded. What is taken is proven each time. */
export function monthlyCost(facts: CostFacts, prices: Prices): CostLine[] {
  const backups = backupLots(facts);
  const wal = walLots(facts);
  const lots = [...backups, ...dumpLots(facts), ...wal];
  const stored = [
    storageLine(lots, facts, prices),
    ...(facts.goes && Object.keys(facts.tiers).length > 0 ? [earlyLine(lots, facts, prices)] : []),
    transitionLine(lots, facts, prices),
  ];
  return [
    ...stored,
    requestLine(facts, backups, prices),
    fargateLine(facts, prices),
    lambdaLine(facts, prices),
    machineLine(facts, prices),
    watchLine(facts, prices),
    kmsLine(facts, prices),
    ...(facts.scrubsPerMonth > 0 ? [scrubLine({ ...facts, parts: backups }, facts, prices)] : []),
    ...(facts.dumps.length > 0 ? [dumpLine(facts, prices)] : []),
    ...(facts.retentionsPerMonth > 0 ? [expiryLine(facts, { backups, wal }, prices)] : []),
    ...(facts.replicated ? [secondRegionLine(facts, { stored, lots }, prices)] : []),
  ];
}

function backupLots({ fulls, incrementals, databaseBytes, changedPerDay, ratio }: CostFacts): Lot[] {
  const lotOf =
    (rawBytes: number) =>
    ({ perMonth, days }: Stay): Lot => ({
      bytesPerMonth: (perMonth * rawBytes) / ratio,
      objectsPerMonth: (perMonth * rawBytes) / work.partBytes,
      days,
      cold: true,
    });
  return [...fulls.map(lotOf(databaseBytes)), ...incrementals.map(lotOf(databaseBytes * changedPerDay))];
}

const countOf = (stays: readonly Stay[]): number => stays.reduce((sum, { perMonth }) => sum + perMonth, 0);

const runsOf = ({ fulls, incrementals }: CostFacts): number => countOf(fulls) + countOf(incrementals);

const bytesOf = (lots: readonly Lot[]): number => lots.reduce((sum, { bytesPerMonth }) => sum + bytesPerMonth, 0);

/** Of backups and WAL. */
function requestLine(facts: CostFacts, backups: readonly Lot[], prices: Prices): CostLine {
  const wal = walObjectsPerDay(facts) * daysPerMonth;
  const stored = bytesOf(backups);
  const pieces = stored / work.pieceBytes + (2 * stored * facts.ratio) / work.partBytes;
  const puts = wal * work.putsPerWalObject + pieces;
  const gets = wal * work.getsPerWalObject + 2 * pieces;
  const dollars = (puts / 1000) * prices.putThousand + (gets / 1000) * prices.getThousand;
  return { what: 'requests', dollars, basis: `${thousands(puts)} puts, ${thousands(gets)} gets` };
}

/** The receiver, backups, reading them back, and a drill of each. */
function fargateLine(facts: CostFacts, prices: Prices): CostLine {
  const { databaseBytes, changedPerDay, drillsPerMonth } = facts;
  const { bytesPerSecond, taskSeconds } = work;
  const runs = runsOf(facts);
  const kept = databaseBytes * (countOf(facts.fulls) + countOf(facts.incrementals) * changedPerDay);
  const backup = (databaseBytes * runs) / bytesPerSecond.backup + runs * taskSeconds;
  const verify = kept / bytesPerSecond.verify + runs * taskSeconds;
  const drill = (runs + drillsPerMonth) * (databaseBytes / bytesPerSecond.drill + taskSeconds);
  const dollars =
    taskDollars('receive', 24 * 3600 * daysPerMonth, prices) +
    taskDollars('backup', backup, prices) +
    taskDollars('verify', verify, prices) +
    taskDollars('drill', drill, prices) +
    restoreDiskDollars(databaseBytes, drill, prices);
  const hours = (seconds: number): number => Math.round(seconds / 3600);
  const basis = `a receiver, ${hours(backup)} h of backups, ${hours(verify)} h of reading back, ${hours(drill)} h of drills`;
  return { what: 'fargate', dollars, basis };
}

function lambdaLine(facts: CostFacts, prices: Prices): CostLine {
  const { wal, watches } = invocationsOf(facts);
  const gbSeconds = (wal * work.walSeconds + watches * work.watchSeconds) * work.functionGb;
  const dollars = gbSeconds * prices.lambdaGbSecond + ((wal + watches) / 1e6) * prices.lambdaMillion;
  return { what: 'lambda', dollars, basis: `${thousands(wal + watches)} invocations` };
}

const invocationsOf = (facts: CostFacts) => ({
  wal: walObjectsPerDay(facts) * daysPerMonth * work.walInvocations,
  watches: 24 * 60 * daysPerMonth,
});

function machineLine(facts: CostFacts, prices: Prices): CostLine {
  const { backup, verify, drill } = work.transitions;
  const transitions = runsOf(facts) * (backup + verify + drill) + facts.drillsPerMonth * drill;
  const events = walObjectsPerDay(facts) * daysPerMonth;
  const dollars = (transitions / 1000) * prices.transitionThousand + (events / 1e6) * prices.eventMillion;
  return { what: 'machines', dollars, basis: `${Math.round(transitions)} transitions, ${thousands(events)} events` };
}

/** What the watch measures of a source, what is told by it, and what functions log. */
function watchLine(facts: CostFacts, prices: Prices): CostLine {
  const metrics = work.metrics.ours;
  const alarms = work.alarms.ours + (facts.dumps.length > 0 ? work.dumpAlarms : 0);
  const { wal, watches } = invocationsOf(facts);
  const logGb = gb((wal + watches) * work.logBytes);
  const dollars = metrics * prices.metricMonth + alarms * prices.alarmMonth + logGb * prices.logGb;
  return { what: 'cloudwatch', dollars, basis: `${metrics} metrics, ${alarms} alarms, ${logGb.toFixed(1)} GB of logs` };
}

/** S3's bucket key asks seldom; our data keys are asked for once a task, and by the function that reads WAL back. */
function kmsLine(facts: CostFacts, prices: Prices): CostLine {
  const requests = walObjectsPerDay(facts) * daysPerMonth + 10 * (runsOf(facts) + countOf(facts.dumps));
  const dollars = 3 * prices.kmsKeyMonth + (requests / 10_000) * prices.kmsTenThousand;
  return { what: 'kms', dollars, basis: `3 keys, at most ${thousands(requests)} requests` };
}

function expiryLine(
  facts: CostFacts,
  { backups, wal }: { backups: readonly Lot[]; wal: readonly Lot[] },
  prices: Prices,
): CostLine {
  const points = [...facts.fulls, ...facts.incrementals, ...facts.dumps];
  return retentionLine(
    {
      retentionsPerMonth: facts.retentionsPerMonth,
      keptPoints: points.reduce((sum, { perMonth, days }) => sum + (perMonth * days) / daysPerMonth, 0),
      goneInMonth: countOf(points),
      parts: [...backups, ...dumpLots(facts)],
      wal,
      segmentsPerMonth: (facts.walBytesPerDay * daysPerMonth) / work.segmentBytes,
    },
    prices,
  );
}

/** Retention's markers are copied, so what lies there is the same. */
function secondRegionLine(
  facts: CostFacts,
  { stored, lots }: { stored: readonly CostLine[]; lots: readonly Lot[] },
  prices: Prices,
): CostLine {
  const copied = gb(bytesOf(lots));
  const puts = walObjectsPerDay(facts) * daysPerMonth * work.putsPerWalObject;
  const kept = stored.reduce((sum, { dollars }) => sum + dollars, 0);
  const dollars = kept + copied * prices.otherRegionGb + (puts / 1000) * prices.putThousand;
  return { what: 'second region', dollars, basis: `storage once more, ${Math.round(copied)} GB copied a month` };
}
