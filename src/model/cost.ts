import type { Prices } from '#model/prices';
import type { StorageRules } from '#model/storage-rules';

/** What one source keeps and does; sizes in bytes. */
export interface CostFacts {
  databaseBytes: number;
  /** what a day writes of WAL */
  walBytesPerDay: number;
  /** raw bytes for one stored byte */
  ratio: number;
  /** of the database, what an incremental of a day holds */
  changedPerDay: number;
  walChunkSeconds: number;
  fullsPerMonth: number;
  incrementalsPerMonth: number;
  drillsPerMonth: number;
  /** how long backups and WAL are kept */
  keepDays: number;
  tiers: StorageRules['tiers'];
  /** copied to another region, and kept there, too */
  replicated: boolean;
}

/** One line of the table: dollars a month. */
export interface CostLine {
  what:
    | 'storage'
    | 'requests'
    | 'transitions'
    | 'fargate'
    | 'lambda'
    | 'machines'
    | 'cloudwatch'
    | 'kms'
    | 'second region';
  dollars: number;
  /** of what it is made */
  basis: string;
}

/*
 * What our own work takes, as bench/requests.ts counts it.
 */
const work = {
  /** S3 requests for a stored object of WAL: the put, its record, the catalog's projection; and the reading back */
  putsPerWalObject: 3,
  getsPerWalObject: 12,
  /** parts are 64 to 256 MiB raw, stored in pieces of 8 MiB */
  pieceBytes: 8 * 2 ** 20,
  partBytes: 128 * 2 ** 20,
  segmentBytes: 16 * 2 ** 20,
  /** bytes a second that a task of 2 vCPU and 4 GB gets through */
  bytesPerSecond: { backup: 150e6, verify: 250e6, drill: 120e6 },
  taskSeconds: 60,
  transitions: { backup: 21, verify: 20, drill: 20 },
  /** the two functions that an object of WAL invokes, and the watch of each minute */
  walSeconds: 0.3,
  walInvocations: 2,
  watchSeconds: 1,
  functionGb: 0.25,
  metrics: 21,
  alarms: 9,
};

const daysPerMonth = 30;
const hour = 3600;
const gb = (bytes: number): number => bytes / 1e9;

/** Dollars a month for one source, line by line; nothing is rounded. */
export function monthlyCost(facts: CostFacts, prices: Prices): CostLine[] {
  const stored = storedOf(facts);
  const lines: CostLine[] = [
    storageLine(facts, stored, prices),
    requestLine(facts, prices),
    transitionLine(facts, prices),
    fargateLine(facts, prices),
    lambdaLine(facts, prices),
    machineLine(facts, prices),
    watchLine(prices),
    kmsLine(facts, prices),
  ];
  return facts.replicated ? [...lines, secondRegionLine(facts, lines, prices)] : lines;
}

interface StoredPerMonth {
  backupBytes: number;
  walBytes: number;
}

function storedOf(facts: CostFacts): StoredPerMonth {
  const { databaseBytes, ratio, changedPerDay, fullsPerMonth, incrementalsPerMonth, walBytesPerDay } = facts;
  const fulls = (fullsPerMonth * databaseBytes) / ratio;
  const incrementals = (incrementalsPerMonth * databaseBytes * changedPerDay) / ratio;
  return { backupBytes: fulls + incrementals, walBytes: (walBytesPerDay * daysPerMonth) / ratio };
}

/** A day's bytes are a thirtieth of a month's; each day of age is in one class. */
function storageLine({ keepDays, tiers }: CostFacts, stored: StoredPerMonth, prices: Prices): CostLine {
  const perDay = (stored.backupBytes + stored.walBytes) / daysPerMonth;
  const classes = classDays(keepDays, tiers).map(({ name, days }) => ({ name, gb: gb(perDay * days) }));
  const dollars = classes.reduce((sum, one) => sum + one.gb * prices[`${one.name}GbMonth`], 0);
  const basis = classes
    .filter((one) => one.gb > 0)
    .map((one) => `${Math.round(one.gb)} GB ${words[one.name]}`)
    .join(', ');
  return { what: 'storage', dollars, basis };
}

type StorageClass = 'standard' | 'infrequentAccess' | 'glacier' | 'deepArchive';

const words: Record<StorageClass, string> = {
  standard: 'Standard',
  infrequentAccess: 'Standard-IA',
  glacier: 'Glacier Flexible Retrieval',
  deepArchive: 'Deep Archive',
};

function classDays(keepDays: number, tiers: StorageRules['tiers']): { name: StorageClass; days: number }[] {
  const begins: [StorageClass, number][] = [['standard', 0]];
  for (const name of ['infrequentAccess', 'glacier', 'deepArchive'] as const) {
    const begin = tiers[name];
    if (begin !== undefined && begin < keepDays) begins.push([name, begin]);
  }
  return begins.map(([name, begin], index) => ({ name, days: (begins[index + 1]?.[1] ?? keepDays) - begin }));
}

/** Chunks of a busy server, and a segment for each that was filled. */
export function walObjectsPerDay({
  walBytesPerDay,
  walChunkSeconds,
}: Pick<CostFacts, 'walBytesPerDay' | 'walChunkSeconds'>): number {
  const segments = walBytesPerDay / work.segmentBytes;
  const chunks = 86_400 / walChunkSeconds;
  // who fills segments faster than chunks are due stores no chunks
  return segments >= chunks ? segments : chunks + segments;
}

function requestLine(facts: CostFacts, prices: Prices): CostLine {
  const wal = walObjectsPerDay(facts) * daysPerMonth;
  const { backupBytes } = storedOf(facts);
  const pieces = backupBytes / work.pieceBytes + (2 * backupBytes * facts.ratio) / work.partBytes;
  const puts = wal * work.putsPerWalObject + pieces;
  const gets = wal * work.getsPerWalObject + 2 * pieces;
  const dollars = (puts / 1000) * prices.putThousand + (gets / 1000) * prices.getThousand;
  return { what: 'requests', dollars, basis: `${thousands(puts)} puts, ${thousands(gets)} gets` };
}

const thousands = (count: number): string => `${Math.round(count / 1000).toLocaleString('en')}k`;

function transitionLine(facts: CostFacts, prices: Prices): CostLine {
  const { tiers, keepDays } = facts;
  // chunks stay where they are: each would cost more to move than to keep, and its segment moves
  const parts = (storedOf(facts).backupBytes * facts.ratio) / work.partBytes;
  const objects = parts + (facts.walBytesPerDay * daysPerMonth) / work.segmentBytes;
  const moved = (begin: number | undefined): boolean => begin !== undefined && begin < keepDays;
  const perThousand =
    (moved(tiers.infrequentAccess) ? prices.toInfrequentAccessThousand : 0) +
    (moved(tiers.glacier) ? prices.toGlacierThousand : 0) +
    (moved(tiers.deepArchive) ? prices.toDeepArchiveThousand : 0);
  return { what: 'transitions', dollars: (objects / 1000) * perThousand, basis: `${thousands(objects)} objects` };
}

function fargateLine(facts: CostFacts, prices: Prices): CostLine {
  const { databaseBytes, changedPerDay, fullsPerMonth, incrementalsPerMonth, drillsPerMonth } = facts;
  const { backup, verify, drill } = work.bytesPerSecond;
  const runs = fullsPerMonth + incrementalsPerMonth;
  const readPerMonth = databaseBytes * runs;
  const keptPerMonth = databaseBytes * (fullsPerMonth + incrementalsPerMonth * changedPerDay);
  const seconds =
    readPerMonth / backup +
    keptPerMonth / verify +
    (databaseBytes * (runs + drillsPerMonth)) / drill +
    3 * runs * work.taskSeconds;
  const hours = seconds / hour;
  // a receiver with a quarter of a CPU and half a GB, always
  const receiver = 24 * daysPerMonth * (0.25 * prices.fargateCpuHour + 0.5 * prices.fargateGbHour);
  const diskHours = ((runs + drillsPerMonth) * Math.max(0, gb(databaseBytes) - 20) * (databaseBytes / drill)) / hour;
  const dollars =
    receiver + hours * (2 * prices.fargateCpuHour + 4 * prices.fargateGbHour) + diskHours * prices.fargateDiskGbHour;
  return { what: 'fargate', dollars, basis: `a receiver, and ${Math.round(hours)} h of tasks with 2 vCPU and 4 GB` };
}

function lambdaLine(facts: CostFacts, prices: Prices): CostLine {
  const wal = walObjectsPerDay(facts) * daysPerMonth * work.walInvocations;
  const watches = 24 * 60 * daysPerMonth;
  const gbSeconds = (wal * work.walSeconds + watches * work.watchSeconds) * work.functionGb;
  const dollars = gbSeconds * prices.lambdaGbSecond + ((wal + watches) / 1e6) * prices.lambdaMillion;
  return { what: 'lambda', dollars, basis: `${thousands(wal + watches)} invocations` };
}

function machineLine(facts: CostFacts, prices: Prices): CostLine {
  const { backup, verify, drill } = work.transitions;
  const runs = facts.fullsPerMonth + facts.incrementalsPerMonth;
  const transitions = runs * (backup + verify + drill) + facts.drillsPerMonth * drill;
  const events = walObjectsPerDay(facts) * daysPerMonth;
  const dollars = (transitions / 1000) * prices.transitionThousand + (events / 1e6) * prices.eventMillion;
  return { what: 'machines', dollars, basis: `${Math.round(transitions)} transitions, ${thousands(events)} events` };
}

/** What the watch measures of a source, and what is told by it. */
function watchLine(prices: Prices): CostLine {
  const { metrics, alarms } = work;
  const dollars = metrics * prices.metricMonth + alarms * prices.alarmMonth;
  return { what: 'cloudwatch', dollars, basis: `${metrics} metrics, ${alarms} alarms` };
}

/** S3's bucket key asks seldom; our data keys are asked for once a task, and by the function that reads WAL back. */
function kmsLine(facts: CostFacts, prices: Prices): CostLine {
  const requests = walObjectsPerDay(facts) * daysPerMonth + 10 * (facts.fullsPerMonth + facts.incrementalsPerMonth);
  const dollars = 3 * prices.kmsKeyMonth + (requests / 10_000) * prices.kmsTenThousand;
  return { what: 'kms', dollars, basis: `3 keys, at most ${thousands(requests)} requests` };
}

function secondRegionLine(facts: CostFacts, lines: readonly CostLine[], prices: Prices): CostLine {
  const { backupBytes, walBytes } = storedOf(facts);
  const copied = gb(backupBytes + walBytes);
  const puts = walObjectsPerDay(facts) * daysPerMonth * work.putsPerWalObject;
  const storage = lines.find(({ what }) => what === 'storage')!.dollars;
  const dollars = storage + copied * prices.otherRegionGb + (puts / 1000) * prices.putThousand;
  return { what: 'second region', dollars, basis: `storage once more, ${Math.round(copied)} GB copied a month` };
}
