import { cronCalendar } from '#model/cron-calendar';
import type { Schedule } from '#model/schedule';
import { instantOf, wallTime } from '#model/zone-time';

/**
 * When something is due again and again, as EventBridge Scheduler has it. `cron(…)` is about the clocks of its zone: a
 * time that they leave out when they go forward is skipped, and one that they show twice when they go back is due once,
 * the first time. `rate(…)` knows no clocks: it is due at its anchor and every interval from there, and does not drift.
 * Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 */
export interface Recurrence {
  expression: Schedule;
  timezone: string;
  /** only a rate has to do with it */
  anchor: Date;
}

/** The first firing after `after`; undefined when there is none, as of a year that is over. */
export function nextFiring(recurrence: Recurrence, after: Date): Date | undefined {
  const { expression, timezone, anchor } = recurrence;
  const rateMs = rateInterval(expression);
  if (rateMs === undefined) return firingsAfter(expression, timezone, after).next().value;
  const passed = Math.floor((after.getTime() - anchor.getTime()) / rateMs);
  return new Date(anchor.getTime() + Math.max(passed + 1, 0) * rateMs);
}

/** The last firing that is not after `until`; undefined when there is none. */
export function latestFiring({ expression, timezone, anchor }: Recurrence, until: Date): Date | undefined {
  const rateMs = rateInterval(expression);
  if (rateMs === undefined) return latestOfCron(expression, timezone, until);
  const passed = Math.floor((until.getTime() - anchor.getTime()) / rateMs);
  return passed < 0 ? undefined : new Date(anchor.getTime() + passed * rateMs);
}

export interface PastFirings {
  latest: Date;
  /** at most `mostCounted`, which then means that many or more */
  count: number;
}

export const mostCounted = 1000;

/** The firings after `after`, up to and including `until`; undefined when there are none. */
export function pastFirings(recurrence: Recurrence, after: Date, until: Date): PastFirings | undefined {
  const latest = latestFiring(recurrence, until);
  if (latest === undefined || latest <= after) return undefined;
  const rateMs = rateInterval(recurrence.expression);
  if (rateMs !== undefined) {
    const missed = (latest.getTime() - nextFiring(recurrence, after)!.getTime()) / rateMs;
    return { latest, count: Math.min(missed + 1, mostCounted) };
  }
  let count = 0;
  for (const firing of firingsAfter(recurrence.expression, recurrence.timezone, after)) {
    if (firing > until || count === mostCounted) break;
    count++;
  }
  return { latest, count };
}

const unitMs: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** undefined for cron */
export function rateInterval(expression: Schedule): number | undefined {
  const match = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  return match ? Number(match[1]) * unitMs[match[2]!]! : undefined;
}

const dayMs = 86_400_000;

/** In order. Times of the wall never overtake each other, for of two that look the same the first one counts. */
function* firingsAfter(expression: Schedule, timezone: string, after: Date): Generator<Date, undefined> {
  const { isDay, minutes, firstDay, lastDay } = cronCalendar(expression);
  const shown = wallTime(after.getTime(), timezone);
  for (let day = Math.max(dayOf(shown), firstDay); day <= lastDay; day++) {
    if (!isDay(day)) continue;
    for (const minute of minutes) {
      const wall = day * dayMs + minute * 60_000;
      const instant = wall > shown ? instantOf(wall, timezone) : undefined;
      if (instant !== undefined && instant > after.getTime()) yield new Date(instant);
    }
  }
}

/** More than clocks ever go back: so much later than what they show now, they may have shown already. */
const mostBackMs = 3 * 3_600_000;

function latestOfCron(expression: Schedule, timezone: string, until: Date): Date | undefined {
  const { isDay, minutes, firstDay, lastDay } = cronCalendar(expression);
  const latestShown = wallTime(until.getTime(), timezone) + mostBackMs;
  for (let day = Math.min(dayOf(latestShown), lastDay); day >= firstDay; day--) {
    if (!isDay(day)) continue;
    for (const minute of minutes.toReversed()) {
      const wall = day * dayMs + minute * 60_000;
      const instant = wall <= latestShown ? instantOf(wall, timezone) : undefined;
      if (instant !== undefined && instant <= until.getTime()) return new Date(instant);
    }
  }
  return undefined;
}

const dayOf = (wall: number): number => Math.floor(wall / dayMs);
