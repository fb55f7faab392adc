import { cronProblem } from '#model/cron';
import { InputInvalid } from '#model/failure';

/**
 * When something is due: `cron(...)` with AWS's six fields, by the clocks of a zone that stands beside it, or `rate(...)`. The
 * same text goes to EventBridge Scheduler unchanged, so nothing is accepted here that AWS would refuse or that would never
 * fire. Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
export type Schedule = string & { readonly unit: 'schedule' };

/** @throws InputInvalid that tells which field is wrong. */
export function parseSchedule(text: string, field = 'schedule'): Schedule {
  const problem = scheduleProblem(text);
  if (problem !== undefined) throw new InputInvalid(field, text, problem);
  return text as Schedule;
}

/** What is expected instead, ending in what was found; undefined when the expression is a good one. */
export function scheduleProblem(text: string): string | undefined {
  const match = /^(cron|rate)\((.*)\)$/.exec(text);
  if (!match) return 'cron(minutes hours day-of-month month day-of-week year) or rate(value unit)';
  return match[1] === 'cron' ? cronProblem(match[2]!) : rateProblem(match[2]!);
}

function rateProblem(body: string): string | undefined {
  const match = /^([1-9]\d{0,5}) (minute|hour|day)(s?)$/.exec(body);
  if (!match) return 'rate(value unit): a whole number from 1 and minutes, hours or days, like rate(12 hours)';
  const singular = match[1] === '1';
  if (singular !== (match[3] === '')) {
    return `rate(value unit): "${match[2]}${singular ? '' : 's'}" after ${match[1]}, as AWS wants it`;
  }
  return undefined;
}
