import { coveredUntil } from '#catalog/wal-coverage';
import { formatLsn, type Lsn } from '#model/lsn';
import { type BackupSummary, startLsn, stopLsn, stopTime } from '#model/manifest';
import { printInstant, printPoint, type RecoveryTarget, type TargetPoint } from '#model/recovery-target';
import { spanOnPath } from '#model/timeline';
import { chainOf } from '#recovery/chain';
import type { LocatedPoint } from '#recovery/locate-point';
import { reachablePoints } from '#recovery/reachable-points';
import { pathTo, type RecoveryFacts, type SystemWal, type TimelineReach } from '#recovery/recovery-facts';
import { hashPlan, type RecoveryPlan } from '#recovery/recovery-plan';
import { isUsable } from '#recovery/usable-backups';

export type PlanOutcome =
  | { possible: true; plan: RecoveryPlan; hash: string }
  /** `reachable`: what could be restored instead, nearest first, in words */
  | { possible: false; reason: string; reachable: string[] };

/**
 * Pure: the same facts and the same target always give the same plan. A transaction or a named point must have been
 * located in the WAL before; where it was not found there is no plan.
 */
export function planRecovery(facts: RecoveryFacts, target: RecoveryTarget, located?: LocatedPoint): PlanOutcome {
  if (facts.backups.length === 0) return impossible(`${facts.source} has no committed backup`, []);
  const { kind } = target.point;
  if ((kind === 'xid' || kind === 'name') && !located) {
    return impossible(`${printPoint(target.point)} is not in the WAL that is stored`, reachablePoints(facts));
  }
  const choice = chooseWay(facts, target, located);
  if ('reason' in choice) return impossible(choice.reason, choice.reachable ?? reachablePoints(facts));
  const stop = stopPoint(target, choice);
  if ('reason' in stop) return impossible(stop.reason, reachablePoints(facts));
  const plan = describe(facts, target, choice, stop.point, located ? located.lsn : stop.needs, located);
  return { possible: true, plan, hash: hashPlan(plan) };
}

const impossible = (reason: string, reachable: string[]): PlanOutcome => ({ possible: false, reason, reachable });

/** Base rates, bytes per second, for a forecast without drills. */
const restoreRate = 200e6;
const replayRate = 60e6;

interface Way {
  base: BackupSummary;
  chain: BackupSummary[];
  system: SystemWal;
  reach: TimelineReach;
}

type Refusal = { reason: string; reachable?: string[] };

/** Which backup, along which timeline. */
function chooseWay(facts: RecoveryFacts, target: RecoveryTarget, located: LocatedPoint | undefined): Way | Refusal {
  const all = waysOf(facts, target);
  if ('reason' in all) return all;
  const usable = all.filter((way) => isBefore(way.base, target.point, located));
  if (usable.length === 0)
    return { reason: `${printPoint(target.point)} is before the end of the first usable backup` };
  const ways = located ? usable.filter((way) => holds(way, located)) : waysAt(usable, target.point);
  return (
    ambiguity(ways, target.point) ?? ways.at(-1) ?? { reason: `no usable backup leads to ${printPoint(target.point)}` }
  );
}

/** Is what was found in the WAL that this way replays? */
const holds = ({ base, reach }: Way, { systemId, timeline, lsn }: LocatedPoint): boolean =>
  base.server.systemId === systemId && reach.timeline === timeline && lsn < reach.until;

/** Two servers called themselves primary, or were backed up as the same source: a person has to say which is meant. */
function ambiguity(ways: readonly Way[], point: TargetPoint): Refusal | undefined {
  const systems = [...new Set(ways.map((way) => way.base.server.systemId))];
  if (systems.length > 1) {
    return {
      reason: `systems ${systems.join(' and ')} both lead to ${printPoint(point)}: name a backup with --backup`,
    };
  }
  const timelines = [...new Set(ways.map((way) => way.reach.timeline))].sort((a, b) => a - b);
  if (timelines.length < 2) return undefined;
  return { reason: `timelines ${timelines.join(' and ')} both lead to ${printPoint(point)}: name one with --timeline` };
}

/** Every committed backup with every timeline that can be reached from it. */
function waysOf(facts: RecoveryFacts, target: RecoveryTarget): Way[] | Refusal {
  const ways: Way[] = [];
  const broken: string[] = [];
  const stored = new Set([...facts.systems.values()].flatMap(({ inventory }) => [...inventory.timelines.keys()]));
  if (target.timeline !== undefined && !stored.has(target.timeline)) {
    return { reason: `no WAL of timeline ${target.timeline} is stored, only of ${[...stored].join(', ') || 'none'}` };
  }
  for (const base of facts.backups) {
    if (target.backup !== undefined && base.backup !== target.backup) continue;
    const system = facts.systems.get(base.server.systemId);
    const chain = chainOf(facts.backups, base);
    if ('missing' in chain) broken.push(`${base.backup} needs ${chain.missing}, which is gone`);
    else if (system) {
      for (const reach of system.reaches) {
        if (target.timeline !== undefined && reach.timeline !== target.timeline) continue;
        if (isUsable(base, system, reach)) ways.push({ base, chain: chain.backups, system, reach });
      }
      if (!ways.some((way) => way.base === base)) broken.push(wantsWal(base, system));
    }
  }
  if (ways.length > 0) return ways;
  if (target.backup !== undefined && !facts.backups.some((backup) => backup.backup === target.backup)) {
    return { reason: `${target.backup} is no committed backup of ${facts.source}` };
  }
  return { reason: broken.at(-1) ?? 'no backup has the WAL that it needs to become consistent' };
}

function wantsWal(base: BackupSummary, { inventory }: SystemWal): string {
  const { until, gap } = coveredUntil(inventory, pathTo(inventory, base.stop.timeline), startLsn(base));
  const missing = gap ? `, segment ${gap.missing} is missing` : '';
  return `${base.backup} needs WAL from ${base.start.lsn} to ${base.stop.lsn}, stored up to ${formatLsn(until)}${missing}`;
}

/** Was the backup consistent by the point? */
function isBefore(base: BackupSummary, point: TargetPoint, located: LocatedPoint | undefined): boolean {
  if (located) return stopLsn(base) <= located.lsn;
  if (point.kind === 'time') return BigInt(stopTime(base).getTime()) * 1000n <= point.micros;
  return point.kind !== 'lsn' || stopLsn(base) <= point.lsn;
}

/**
 * The ways along what was being written at the point. Backups are in order of time, and a later one needs less WAL: the
 * last of these ways is the best.
 */
function waysAt(ways: readonly Way[], point: TargetPoint): Way[] {
  const along = (suits: (reach: TimelineReach) => boolean) => ways.filter((way) => suits(way.reach));
  if (point.kind === 'time') {
    const live = along((reach) => reach.firstMicros <= point.micros && point.micros <= reach.lastMicros);
    return live.length > 0 ? live : waysAround(ways, point.micros);
  }
  if (point.kind === 'lsn') {
    const own = along((reach) => beginOf(reach) <= point.lsn && point.lsn < reach.until);
    if (own.length > 0) return own;
  }
  if (point.kind === 'immediate') {
    const newest = ways.filter((way) => way.base === ways.at(-1)!.base);
    const own = newest.filter((way) => way.reach.timeline === way.base.stop.timeline);
    return own.length > 0 ? own : newest.slice(-1);
  }
  const newest = lastWritten(ways);
  return along((reach) => reach === newest);
}

/**
 * Nothing was being written at the time: what was written next goes on from the state that is meant, unless it left out
 * something that had been written before.
 */
function waysAround(ways: readonly Way[], micros: bigint): Way[] {
  const before = ways.filter(({ reach }) => reach.lastMicros < micros);
  const after = ways.filter(({ reach }) => reach.lastMicros >= micros);
  const previous = before.length > 0 ? lastWritten(before) : undefined;
  const next = after.map((way) => way.reach).sort((a, b) => (a.firstMicros < b.firstMicros ? -1 : 1))[0];
  const left = previous && next && spanOnPath(next.path, previous.timeline);
  const goesOn = previous && (left?.to === undefined ? left !== undefined : previous.until <= left.to);
  return ways.filter(({ reach }) => reach === next || (reach === previous && !(next && goesOn)));
}

const lastWritten = (ways: readonly Way[]): TimelineReach =>
  ways.map((way) => way.reach).reduce((a, b) => (b.lastMicros > a.lastMicros ? b : a));

const beginOf = (reach: TimelineReach): Lsn => reach.path.ancestors.at(-1)?.switchpoint ?? (0n as Lsn);

/** What PostgreSQL stops at, and the WAL that has to be there for it. */
function stopPoint(
  target: RecoveryTarget,
  { base, reach }: Way,
): { point: RecoveryPlan['stop']; needs: Lsn } | { reason: string } {
  const { point } = target;
  const { until, gap } = reach;
  const hole = describeHole(reach);
  const latest = () => ({ point: { kind: 'lsn' as const, lsn: reach.end.lastRecord ?? stopLsn(base) }, needs: until });
  if (point.kind === 'immediate') return { point, needs: stopLsn(base) };
  if (point.kind === 'lsn') {
    if (point.lsn < until && isReplayed(point.lsn, reach)) return { point, needs: point.lsn };
    return {
      reason: `lsn ${formatLsn(point.lsn)} is beyond the WAL that is stored, which ends at ${formatLsn(until)}${hole}`,
    };
  }
  if (point.kind === 'time') {
    if (point.micros > reach.lastMicros) {
      return {
        reason: `${printPoint(point)} is beyond the WAL that is stored, which ends at ${printInstant(reach.lastMicros)}${hole}`,
      };
    }
    // PostgreSQL stops at the first commit after the time. Without one, the time and the end of WAL are the same state.
    const commits = reach.end.lastCommitMicros;
    const follows = commits !== undefined && (target.inclusive ? commits > point.micros : commits >= point.micros);
    return follows ? { point, needs: until } : latest();
  }
  if (point.kind === 'latest') {
    if (gap !== undefined)
      return { reason: `the latest point is out of reach: WAL ends at ${formatLsn(until)}${hole}` };
    return latest();
  }
  return { point, needs: until };
}

function describeHole({ gap, damage }: TimelineReach): string {
  if (gap === undefined) return '';
  return damage === undefined
    ? `; segment ${gap} is missing, though later WAL is stored`
    : `; segment ${gap} is damaged: ${damage}`;
}

/** A position is reached by replaying the record that begins at or after it. */
const isReplayed = (position: Lsn, reach: TimelineReach): boolean =>
  reach.end.lastRecord === undefined || position <= reach.end.lastRecord;

function describe(
  facts: RecoveryFacts,
  target: RecoveryTarget,
  { base, chain, reach }: Way,
  stop: RecoveryPlan['stop'],
  needs: Lsn,
  located: LocatedPoint | undefined,
): RecoveryPlan {
  const from = startLsn(base);
  const rawBytes = sum(chain.map((backup) => backup.rawBytes));
  const walBytes = needs - from;
  return {
    source: facts.source,
    systemId: base.server.systemId,
    major: base.server.major,
    target: printPoint(target.point),
    stop,
    // `latest` and times without a later commit replay the last record, too.
    inclusive: stop.kind === target.point.kind ? target.inclusive : true,
    action: target.action,
    chain: chain.map((backup) => backup.backup),
    timeline: reach.timeline,
    wal: { from, until: needs, bytes: walBytes },
    leftOut: leftOut(target.point, reach, located),
    storedBytes: sum(chain.map((backup) => backup.storedBytes)),
    rawBytes,
    forecastMs: Math.round((rawBytes / restoreRate + Number(walBytes) / replayRate) * 1000) + 3000,
  };
}

function leftOut(point: TargetPoint, reach: TimelineReach, located?: LocatedPoint): RecoveryPlan['leftOut'] {
  if (point.kind === 'latest') return { bytes: 0n, ms: 0 };
  if (located) return { bytes: reach.until - located.lsn, ms: Number((reach.lastMicros - located.micros) / 1000n) };
  if (point.kind === 'lsn') return { bytes: reach.until - point.lsn, ms: undefined };
  if (point.kind === 'time') return { bytes: undefined, ms: Number((reach.lastMicros - point.micros) / 1000n) };
  return { bytes: undefined, ms: undefined };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
