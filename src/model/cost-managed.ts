import { dumpLine, dumpLots } from '#model/cost-dumps';
import { type CostLine, daysPerMonth, gb, thousands } from '#model/cost-line';
import { retentionLine } from '#model/cost-retention';
import type { Stay } from '#model/cost-stays';
import { earlyLine, type StorageFacts, storageLine, transitionLine } from '#model/cost-storage';
import { work } from '#model/cost-work';
import type { Prices } from '#model/prices';

/** Of a database that RDS runs; its own cost is not in it, nor are the backups that RDS takes by itself. */
export interface ManagedCostFacts extends StorageFacts {
  type: 'instance' | 'cluster';
  /** as provisioned, and all of it in use */
  databaseBytes: number;
  ratio: number;
  /** of the database, what a day changes */
  changedPerDay: number;
  snapshots: readonly Stay[];
  /** to another region */
  copied: boolean;
  dumps: readonly Stay[];
  schemaOnly: boolean;
  restoreTest: boolean;
  retentionsPerMonth: number;
  /** dumps are copied with the bucket, and kept there, too */
  replicated: boolean;
}

/** Dollars a month, line by line; nothing is rounded. */
export function managedCost(facts: ManagedCostFacts, prices: Prices): CostLine[] {
  const { dumps, copied, retentionsPerMonth, goes, tiers, replicated } = facts;
  const parts = dumpLots(facts);
  const stored =
    dumps.length === 0
      ? []
      : [
          storageLine(parts, facts, prices),
          ...(goes && Object.keys(tiers).length > 0 ? [earlyLine(parts, facts, prices)] : []),
          transitionLine(parts, facts, prices),
        ];
  const storedDollars = stored.reduce((sum, { dollars }) => sum + dollars, 0);
  const sentGb = gb(parts.reduce((sum, { bytesPerMonth }) => sum + bytesPerMonth, 0));
  return [
    snapshotLine(facts, prices),
    ...(copied ? [copyLine(facts, prices)] : []),
    machineLine(facts, prices),
    watchLine(facts, prices),
    ...stored,
    ...(dumps.length > 0 ? [dumpLine(facts, prices), kmsLine(prices)] : []),
    ...(retentionsPerMonth > 0 ? [expiryLine(facts, prices)] : []),
    ...(replicated && dumps.length > 0
      ? [
          {
            what: 'second region' as const,
            dollars: storedDollars + sentGb * prices.otherRegionGb,
            basis: `storage of dumps once more, ${Math.round(sentGb)} GB copied a month`,
          },
        ]
      : []),
  ];
}

/**
 * RDS keeps of a snapshot what no other has, so all of them take the first one and what changed since, and no more than each
 * in full. As much as the region's databases are large is free; a database is taken to have its own size, and nothing else, of that.
 * https://aws.amazon.com/blogs/database/demystifying-amazon-rds-backup-storage-costs/
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-storage-backup.html
 */
function snapshotLine(facts: ManagedCostFacts, prices: Prices): CostLine {
  const all = gb(snapshotBytes(facts));
  const billed = Math.max(0, all - gb(facts.databaseBytes));
  const basis = `${keptOf(facts.snapshots).toFixed(1)} of them are ${Math.round(all)} GB, ${Math.round(billed)} GB of it beyond what is free`;
  return { what: 'snapshots', dollars: billed * priceOf(facts, prices), basis };
}

/**
 * In the other region nothing is free. Copies of an instance's snapshots send what is new, those of a cluster everything, and
 * keep it. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-copy-snapshot.html
 */
function copyLine(facts: ManagedCostFacts, prices: Prices): CostLine {
  const { type, databaseBytes, snapshots } = facts;
  const stored = type === 'cluster' ? keptOf(snapshots) * databaseBytes : snapshotBytes(facts);
  const sent = countOf(snapshots) * copyBytes(facts);
  const dollars = gb(stored) * priceOf(facts, prices) + gb(sent) * prices.otherRegionGb;
  return { what: 'copies', dollars, basis: `${Math.round(gb(stored))} GB, ${Math.round(gb(sent))} GB copied a month` };
}

/** The machine looks at RDS each minute until a snapshot is there, and until its copy is. */
function machineLine(facts: ManagedCostFacts, prices: Prices): CostLine {
  const { transitions, bytesPerSecond, stepSeconds, watchSeconds, functionGb } = work;
  const minutesOf = (bytes: number): number => Math.ceil(bytes / bytesPerSecond.snapshot / 60);
  const looks = minutesOf(changedBytes(facts));
  const copyLooks = facts.copied ? minutesOf(copyBytes(facts)) : 0;
  const states =
    transitions.snapshot +
    looks * transitions.lookAtSnapshot +
    (facts.copied ? transitions.copy + copyLooks * transitions.lookAtCopy : 0);
  const count = countOf(facts.snapshots);
  const watches = 24 * 60 * daysPerMonth;
  const calls = count * (3 + copyLooks) + watches;
  const seconds = count * (3 + copyLooks) * stepSeconds + watches * watchSeconds;
  const dollars =
    ((count * states) / 1000) * prices.transitionThousand +
    seconds * functionGb * prices.lambdaGbSecond +
    (calls / 1e6) * prices.lambdaMillion;
  const basis = `${Math.round(count * states)} transitions, ${thousands(calls)} invocations`;
  return { what: 'machines', dollars, basis };
}

function watchLine({ dumps }: ManagedCostFacts, prices: Prices): CostLine {
  const metrics = work.metrics.managed;
  const alarms = work.alarms.managed + (dumps.length > 0 ? work.dumpAlarms : 0);
  const dollars = metrics * prices.metricMonth + alarms * prices.alarmMonth;
  return { what: 'cloudwatch', dollars, basis: `${metrics} metrics, ${alarms} alarms` };
}

/** The keys of the bucket and of its access, and the one that wraps; asked a few times for each dump. */
const kmsLine = (prices: Prices): CostLine => ({ what: 'kms', dollars: 3 * prices.kmsKeyMonth, basis: '3 keys' });

const expiryLine = (facts: ManagedCostFacts, prices: Prices): CostLine =>
  retentionLine(
    {
      retentionsPerMonth: facts.retentionsPerMonth,
      keptPoints: keptOf(facts.dumps),
      goneInMonth: countOf(facts.dumps),
      parts: dumpLots(facts),
      wal: [],
      segmentsPerMonth: 0,
    },
    prices,
  );

const countOf = (stays: readonly Stay[]): number => stays.reduce((sum, { perMonth }) => sum + perMonth, 0);

/** On average. */
const keptOf = (stays: readonly Stay[]): number =>
  stays.reduce((sum, { perMonth, days }) => sum + (perMonth * days) / daysPerMonth, 0);

/** The oldest, and of each other one what changed since the one before it: the fewer of an age there are, the more that is. */
function snapshotBytes({ databaseBytes, changedPerDay, snapshots }: ManagedCostFacts): number {
  const stays = snapshots.toSorted((a, b) => a.days - b.days);
  const changes = stays.reduce((sum, { days }, index) => {
    const olderPerDay = countOf(stays.slice(index)) / daysPerMonth;
    return sum + (days - (stays[index - 1]?.days ?? 0)) * Math.min(olderPerDay, changedPerDay);
  }, 0);
  return databaseBytes * Math.min(keptOf(snapshots), 1 + changes);
}

/** Since the snapshot before. */
function changedBytes({ databaseBytes, changedPerDay, snapshots }: ManagedCostFacts): number {
  const count = countOf(snapshots);
  return count === 0 ? 0 : databaseBytes * Math.min(1, (changedPerDay * daysPerMonth) / count);
}

const copyBytes = (facts: ManagedCostFacts): number =>
  facts.type === 'cluster' ? facts.databaseBytes : changedBytes(facts);

const priceOf = ({ type }: ManagedCostFacts, prices: Prices): number =>
  type === 'cluster' ? prices.clusterSnapshotGbMonth : prices.snapshotGbMonth;
