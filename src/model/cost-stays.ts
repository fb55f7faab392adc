import { daysPerMonth } from '#model/cost-line';
import { periodsOf } from '#model/keep-generations';
import type { RetentionRules } from '#model/retention-rules';

/** So many of a kind a month stay for so many days, of WAL so many days' worth. */
export interface Stay {
  perMonth: number;
  days: number;
}

export interface StayRules extends RetentionRules {
  /** nothing younger goes */
  lockDays: number;
  timezone: string;
}

/** What is taken in the year from `from`, and in the next one, which tells how long the first one's stays. Each is in order. */
export interface TwoYears {
  from: Date;
  fulls: readonly Date[];
  incrementals: readonly Date[];
}

export interface BackupStays {
  fulls: Stay[];
  incrementals: Stay[];
  /** days' worth: 30 a month in all */
  wal: Stay[];
}

/**
 * How long backups and WAL stay by the rules (src/model/retention.ts) once there are backups of as many years as these speak
 * of, where each backup is proven and each incremental one builds on the one before it. `backupDays`: as long as one is
 * taken, and its WAL stays as long as it does. Whole days, as retention runs.
 */
export function backupStays(
  { from, fulls, incrementals }: TwoYears,
  rules: StayRules,
  backupDays: number,
): BackupStays {
  const backups = [
    ...fulls.map((at) => ({ at: at.getTime(), isFull: true })),
    ...incrementals.map((at) => ({ at: at.getTime(), isFull: false })),
  ].sort((a, b) => a.at - b.at || Number(b.isFull) - Number(a.isFull));
  const exits = exitsOf(
    backups.map(({ at }) => at),
    rules,
  );
  for (let index = backups.length - 2; index >= 0; index--)
    if (!backups[index + 1]!.isFull) exits[index] = Math.max(exits[index]!, exits[index + 1]!);
  const known = backups.map((backup, index) => ({ ...backup, exit: exits[index]! }));
  return {
    fulls: staysOf(
      known.filter(({ isFull }) => isFull),
      from,
    ),
    incrementals: staysOf(
      known.filter(({ isFull }) => !isFull),
      from,
    ),
    wal: walStays(known, from, rules, backupDays),
  };
}

/** The same of what nothing builds on: dumps and snapshots. */
export function pointStays(taken: readonly Date[], from: Date, rules: StayRules): Stay[] {
  const times = taken.map((at) => at.getTime());
  const exits = exitsOf(times, rules);
  return staysOf(
    times.map((at, index) => ({ at, exit: exits[index]! })),
    from,
  );
}

const dayMs = 24 * 3600 * 1000;
export const yearDays = 365;
const periodDays = { daily: 1, weekly: 7, monthly: 365.2425 / 12, yearly: 365.2425 };

/** When each goes: the next one ends its part in the window, and as many later periods as a rule counts its part in generations. */
function exitsOf(times: readonly number[], rules: StayRules): number[] {
  const meanMs = times.length > 1 ? (times.at(-1)! - times[0]!) / (times.length - 1) : yearDays * dayMs;
  const periods = times.map((at) => periodsOf(new Date(at), rules.timezone));
  return times.map((at, index) => {
    const next = times[index + 1] ?? at + meanMs;
    const generations = (['daily', 'weekly', 'monthly', 'yearly'] as const)
      // only the last of a period outlives the next one, and a period that has none does not count
      .filter((name) => rules[name] > 0 && periods[index]![name] !== periods[index + 1]?.[name])
      .map((name) => next + (rules[name] - 1) * Math.max(periodDays[name] * dayMs, meanMs));
    return Math.max(next + rules.windowDays * dayMs, at + rules.lockDays * dayMs, ...generations);
  });
}

/** Of those of the first year. */
function staysOf(points: readonly { at: number; exit: number }[], from: Date): Stay[] {
  const until = from.getTime() + yearDays * dayMs;
  const taken = points.filter(({ at }) => at < until);
  return merged(taken.map(({ at, exit }) => ({ perMonth: daysPerMonth / yearDays, days: (exit - at) / dayMs })));
}

interface Known {
  at: number;
  isFull: boolean;
  exit: number;
}

/** WAL stays until a chain that begins after it leads into the window; what was written while a backup was taken as long as that. */
function walStays(backups: readonly Known[], from: Date, { windowDays }: StayRules, backupDays: number): Stay[] {
  const until = from.getTime() + yearDays * dayMs;
  const fulls = backups.filter(({ isFull }) => isFull);
  const stays = backups.flatMap(({ at, exit }, index): Stay[] => {
    const next = backups[index + 1]?.at;
    const nextFull = fulls.find((full) => full.at > at)?.at;
    if (at >= until || next === undefined || nextFull === undefined) return [];
    const writtenDays = (next - at) / dayMs;
    const ownDays = Math.min(writtenDays, backupDays);
    const days = windowDays + (nextFull - (at + next) / 2) / dayMs;
    return [
      { perMonth: writtenDays - ownDays, days },
      { perMonth: ownDays, days: Math.max(days, (exit - at) / dayMs) },
    ];
  });
  const allDays = stays.reduce((sum, { perMonth }) => sum + perMonth, 0);
  return merged(stays.map(({ perMonth, days }) => ({ perMonth: (perMonth / allDays) * daysPerMonth, days })));
}

/** By whole days, the shortest first. */
function merged(stays: readonly Stay[]): Stay[] {
  const byDays = new Map<number, number>();
  for (const { perMonth, days } of stays) {
    const whole = Math.max(1, Math.round(days));
    if (perMonth > 0) byDays.set(whole, (byDays.get(whole) ?? 0) + perMonth);
  }
  return [...byDays].sort(([a], [b]) => a - b).map(([days, perMonth]) => ({ perMonth, days }));
}
