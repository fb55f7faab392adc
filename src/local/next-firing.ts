import { Cron } from 'croner';
import { cronValues } from '#model/cron';
import type { Schedule } from '#model/schedule';

/**
 * The first firing after `after`; undefined when there is none, as of a year that is over. A rate fires at its anchor
 * and every interval from there, so it does not drift.
 */
export function nextFiring(schedule: Schedule, after: Date, anchor: Date): Date | undefined {
  const rateMs = rateInterval(schedule);
  if (rateMs === undefined) return cronOf(schedule).nextRuns(1, after)[0];
  const passed = Math.floor((after.getTime() - anchor.getTime()) / rateMs);
  return new Date(anchor.getTime() + Math.max(passed + 1, 0) * rateMs);
}

export interface PastFirings {
  latest: Date;
  /** at most `mostCounted`, which then means that many or more */
  count: number;
}

export const mostCounted = 1000;

/** The firings after `after`, up to and including `until`; undefined when there are none. */
export function pastFirings(schedule: Schedule, after: Date, until: Date, anchor: Date): PastFirings | undefined {
  const latest = latestFiring(schedule, until, anchor);
  if (latest === undefined || latest <= after) return undefined;
  let count = 1;
  let firing = nextFiring(schedule, after, anchor);
  for (; firing !== undefined && firing < latest && count < mostCounted; count++) {
    firing = nextFiring(schedule, firing, anchor);
  }
  return { latest, count };
}

/** The last firing that is not after `until`. */
function latestFiring(schedule: Schedule, until: Date, anchor: Date): Date | undefined {
  const rateMs = rateInterval(schedule);
  if (rateMs === undefined) {
    // it looks back from a whole second, and leaves that out
    const second = new Date(Math.floor(until.getTime() / 1000) * 1000 + 1000);
    return cronOf(schedule).previousRuns(1, second)[0];
  }
  const passed = Math.floor((until.getTime() - anchor.getTime()) / rateMs);
  return passed < 0 ? undefined : new Date(anchor.getTime() + passed * rateMs);
}

const unitMs: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** undefined for cron */
export function rateInterval(schedule: Schedule): number | undefined {
  const match = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(schedule);
  return match ? Number(match[1]) * unitMs[match[2]!]! : undefined;
}

function cronOf(schedule: Schedule): Cron {
  const fields = schedule.slice('cron('.length, -1).split(' ');
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields.map(translate);
  return new Cron(`0 ${minutes} ${hours} ${dayOfMonth} ${month} ${dayOfWeek} ${year}`, {
    timezone: 'UTC',
    paused: true,
  });
}

const weekdayField = 4;

/** A field of AWS as croner has it: everything that can be is spelled out, and Sunday is 0 and not 1. */
function translate(text: string, index: number): string {
  if (text === '?') return '*';
  const values = cronValues(text, index);
  if (values) return values.map((value) => (index === weekdayField ? value - 1 : value)).join(',');
  if (index !== weekdayField || text === '*') return text;
  if (text === 'L') return '6';
  const [, weekday, which] = /^([1-7])(L|#[1-5])$/.exec(text)!;
  return `${Number(weekday) - 1}${which === 'L' ? '#L' : which}`;
}
