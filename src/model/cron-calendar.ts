import { cronValues } from '#model/cron';
import type { Schedule } from '#model/schedule';

/** When a cron expression is due by calendar and wall clock, in no zone. Days are counted from 1970-01-01, which is 0. */
export interface CronCalendar {
  isDay(day: number): boolean;
  /** of each such day, from midnight, ascending */
  minutes: readonly number[];
  /** no day before or after these is one */
  firstDay: number;
  lastDay: number;
}

const known = new Map<Schedule, CronCalendar>();

/** The calendar of `cron(…)`. */
export function cronCalendar(schedule: Schedule): CronCalendar {
  const calendar = known.get(schedule) ?? read(schedule);
  known.set(schedule, calendar);
  return calendar;
}

/** The years that EventBridge Scheduler takes, and so the end of every search. */
const firstYear = 1970;
const lastYear = 2199;

function read(schedule: Schedule): CronCalendar {
  const fields = schedule.slice('cron('.length, -1).split(' ');
  const [minutes, hours, , months, , years] = fields.map(cronValues);
  const isDayOf = fields[2] === '?' ? weekdayTest(fields[4]!) : dayOfMonthTest(fields[2]!);
  return {
    isDay(day) {
      const date = calendarDate(day);
      const isTime = (years?.includes(date.year) ?? true) && (months?.includes(date.month) ?? true);
      return isTime && isDayOf(date);
    },
    minutes: (hours ?? upTo(24)).flatMap((hour) => (minutes ?? upTo(60)).map((minute) => hour * 60 + minute)),
    firstDay: Date.UTC(years?.at(0) ?? firstYear, 0, 1) / dayMs,
    lastDay: Date.UTC(years?.at(-1) ?? lastYear, 11, 31) / dayMs,
  };
}

const dayMs = 86_400_000;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, value) => value);

interface CalendarDate {
  year: number;
  /** 1: January */
  month: number;
  /** of the month */
  day: number;
  /** 1: Sunday */
  weekday: number;
  /** days of the month */
  length: number;
}

function calendarDate(day: number): CalendarDate {
  const date = new Date(day * dayMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return { year, month: month + 1, day: date.getUTCDate(), weekday: date.getUTCDay() + 1, length };
}

type DateTest = (date: CalendarDate) => boolean;

function dayOfMonthTest(field: string): DateTest {
  const days = cronValues(field, 2);
  if (days) return ({ day }) => days.includes(day);
  if (field === 'L') return ({ day, length }) => day === length;
  if (field === 'LW') return (date) => date.day === nearestWorkday(date, date.length);
  if (field.endsWith('W')) return (date) => date.day === nearestWorkday(date, Number.parseInt(field, 10));
  return () => true;
}

function weekdayTest(field: string): DateTest {
  const weekdays = cronValues(field, 4);
  if (weekdays) return ({ weekday }) => weekdays.includes(weekday);
  const wanted = Number(field[0]);
  if (field === 'L') return ({ weekday }) => weekday === 7;
  if (field.endsWith('L')) return ({ weekday, day, length }) => weekday === wanted && day + 7 > length;
  if (field[1] === '#') return ({ weekday, day }) => weekday === wanted && Math.ceil(day / 7) === Number(field[2]);
  return () => true;
}

/** In this date's month: Monday to Friday, never in the month before or after. */
function nearestWorkday({ day, weekday, length }: CalendarDate, wanted: number): number {
  const weekdayOf = (weekday - 1 + (wanted - day) + 35) % 7;
  if (weekdayOf === 6) return wanted === 1 ? 3 : wanted - 1;
  if (weekdayOf === 0) return wanted === length ? wanted - 2 : wanted + 1;
  return wanted;
}
