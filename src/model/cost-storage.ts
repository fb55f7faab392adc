import { type CostLine, daysPerMonth, gb, thousands } from '#model/cost-line';
import type { Prices } from '#model/prices';
import type { StorageRules } from '#model/storage-rules';

/** What a bucket gets of one kind, and how long it keeps it. */
export interface Lot {
  bytesPerMonth: number;
  objectsPerMonth: number;
  /** until retention deletes it */
  days: number;
  /** moves to colder classes by age; small objects do not (src/stack/storage.ts) */
  cold: boolean;
}

export interface StorageFacts {
  tiers: StorageRules['tiers'];
  /** false: what is older than its days stays, too, and is not in the numbers */
  goes: boolean;
  /** so long the version stays under what was deleted */
  lockDays: number;
}

/** What lies in the bucket on average, by class; a deleted version stays in the class that it has reached. */
export function storageLine(lots: readonly Lot[], facts: StorageFacts, prices: Prices): CostLine {
  const sums = new Map<StorageClass, number>();
  let deleted = 0;
  for (const lot of lots) {
    for (const { name, days, deletedDays } of classesOf(lot, facts)) {
      sums.set(name, (sums.get(name) ?? 0) + (gb(lot.bytesPerMonth) * (days + deletedDays)) / daysPerMonth);
      deleted += (gb(lot.bytesPerMonth) * deletedDays) / daysPerMonth;
    }
  }
  const classes = classNames.map((name) => ({ name, gb: sums.get(name) ?? 0 })).filter((one) => one.gb > 0);
  const basis = classes.map((one) => `${Math.round(one.gb)} GB ${words[one.name]}`).join(', ') || 'nothing';
  return {
    what: 'storage',
    dollars: classes.reduce((sum, one) => sum + one.gb * prices[`${one.name}GbMonth`], 0),
    basis:
      deleted > 0 ? `${basis}; ${Math.round(deleted)} GB of it deleted and not gone for ${facts.lockDays} days` : basis,
  };
}

/** What goes sooner than its class allows is billed to the end of that time. */
export function earlyLine(lots: readonly Lot[], facts: StorageFacts, prices: Prices): CostLine {
  let dollars = 0;
  let early = 0;
  for (const lot of lots) {
    for (const { name, missingDays } of classesOf(lot, facts)) {
      dollars += (gb(lot.bytesPerMonth) * missingDays * prices[`${name}GbMonth`]) / daysPerMonth;
      if (missingDays > 0) early += gb(lot.bytesPerMonth);
    }
  }
  return { what: 'deleted early', dollars, basis: `${Math.round(early)} GB a month before its class's least time` };
}

/** Objects that move from class to class. */
export function transitionLine(lots: readonly Lot[], facts: StorageFacts, prices: Prices): CostLine {
  let dollars = 0;
  let moves = 0;
  for (const lot of lots) {
    for (const { name } of classesOf(lot, facts)) {
      if (name === 'standard') continue;
      moves += lot.objectsPerMonth;
      dollars += (lot.objectsPerMonth / 1000) * movePrice(name, prices);
    }
  }
  return { what: 'transitions', dollars, basis: `${thousands(moves)} moves` };
}

const classNames = ['standard', 'infrequentAccess', 'glacier', 'deepArchive'] as const;
type StorageClass = (typeof classNames)[number];

const words: Record<StorageClass, string> = {
  standard: 'Standard',
  infrequentAccess: 'Standard-IA',
  glacier: 'Glacier Flexible Retrieval',
  deepArchive: 'Deep Archive',
};

/** Days; https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html */
const leastDays: Record<StorageClass, number> = { standard: 0, infrequentAccess: 30, glacier: 90, deepArchive: 180 };

interface InClass {
  name: StorageClass;
  days: number;
  deletedDays: number;
  /** what is billed beyond both */
  missingDays: number;
}

/** The classes that an object of the lot goes through. */
function classesOf({ days, cold }: Lot, { tiers, goes, lockDays }: StorageFacts): InClass[] {
  const begins = classNames.flatMap((name): [StorageClass, number][] => {
    const begin = name === 'standard' ? 0 : cold ? tiers[name] : undefined;
    return begin !== undefined && begin < days ? [[name, begin]] : [];
  });
  return begins.map(([name, begin], index) => {
    const end = begins[index + 1]?.[1];
    const inIt = (end ?? days) - begin;
    const deletedDays = end === undefined && goes ? lockDays : 0;
    const missingDays = goes ? Math.max(0, leastDays[name] - inIt - deletedDays) : 0;
    return { name, days: inIt, deletedDays, missingDays };
  });
}

const movePrice = (name: Exclude<StorageClass, 'standard'>, prices: Prices): number =>
  ({
    infrequentAccess: prices.toInfrequentAccessThousand,
    glacier: prices.toGlacierThousand,
    deepArchive: prices.toDeepArchiveThousand,
  })[name];
