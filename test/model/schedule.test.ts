import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { parseSchedule, scheduleProblem } from '#model/schedule';

describe('a schedule is accepted', () => {
  const accepted = [
    'cron(0 2 * * ? *)',
    'cron(15 12 * * ? *)',
    'cron(0 18 ? * MON-FRI *)',
    'cron(0 8 1 * ? *)',
    'cron(0/15 * * * ? *)',
    'cron(*/15 * * * ? *)',
    'cron(0/5 8-17 ? * MON-FRI *)',
    'cron(10-50/20 0,12 ? * SUN,WED *)',
    'cron(0 9 ? * 2#1 *)',
    'cron(0 10 ? * 6L 2026-2027)',
    'cron(0 0 L * ? *)',
    'cron(0 0 LW * ? *)',
    'cron(0 0 15W * ? *)',
    'cron(0 0 28W 2 ? *)',
    'cron(0 0 31W JAN,MAR ? *)',
    'cron(0 0 29 2 ? 2024/4)',
    'cron(30 3 ? * 1 *)',
    'cron(30 3 ? * L *)',
    'cron(30 3 ? * * *)',
    'cron(0 4 ? JAN,JUL SUN *)',
    'cron(0 12 1/5 * ? *)',
    'cron(59 23 31 12 ? 2030)',
    'cron(00 02 * * ? *)',
    'cron(0 0 29 2 ? *)',
    'cron(0 0 30,31 2/2 ? *)',
    'rate(1 minute)',
    'rate(1 hour)',
    'rate(12 hours)',
    'rate(7 days)',
  ];
  for (const text of accepted) test(text, () => assert.equal(scheduleProblem(text), undefined));
});

describe('a schedule is refused, and the field named', () => {
  const refused: [text: string, problem: RegExp][] = [
    ['', /cron\(minutes hours/],
    ['0 2 * * ? *', /cron\(minutes hours/],
    ['at(2026-01-01T00:00:00)', /cron\(minutes hours/],
    ['cron(0 2 * * ? *) ', /cron\(minutes hours/],
    ['cron(0 2 * * ?)', /six fields .* found 5/],
    ['cron(0 0 2 * * ? *)', /six fields .* found 7/],
    ['cron(0  2 * * ? *)', /six fields with one blank/],
    ['cron(60 2 * * ? *)', /0 to 59.* minutes \(field 1\), found "60"/],
    ['cron(-1 2 * * ? *)', /minutes \(field 1\)/],
    ['cron(? 2 * * ? *)', /minutes \(field 1\)/],
    ['cron(0/0 2 * * ? *)', /minutes \(field 1\)/],
    ['cron(0/60 2 * * ? *)', /minutes \(field 1\)/],
    ['cron(5,, 2 * * ? *)', /minutes \(field 1\)/],
    ['cron(0 24 * * ? *)', /0 to 23.* hours \(field 2\), found "24"/],
    ['cron(0 17-8 * * ? *)', /go up.* hours \(field 2\)/],
    ['cron(0 two * * ? *)', /hours \(field 2\)/],
    ['cron(0 L * * ? *)', /hours \(field 2\)/],
    ['cron(0 2 0 * ? *)', /1 to 31.* day-of-month \(field 3\), found "0"/],
    ['cron(0 2 32 * ? *)', /day-of-month \(field 3\)/],
    ['cron(0 2 L-3 * ? *)', /day-of-month \(field 3\), found "L-3"/],
    ['cron(0 2 1,L * ? *)', /day-of-month \(field 3\)/],
    ['cron(0 2 W * ? *)', /day-of-month \(field 3\)/],
    ['cron(0 2 32W * ? *)', /day-of-month \(field 3\)/],
    ['cron(0 2 * 13 ? *)', /1 to 12 or JAN to DEC.* month \(field 4\), found "13"/],
    ['cron(0 2 * Jan ? *)', /month \(field 4\)/],
    ['cron(0 2 * ? ? *)', /month \(field 4\)/],
    ['cron(0 2 ? * 0 *)', /1 to 7 or SUN to SAT.* day-of-week \(field 5\), found "0"/],
    ['cron(0 2 ? * FRI-MON *)', /day-of-week \(field 5\)/],
    ['cron(0 2 ? * 2#6 *)', /day-of-week \(field 5\)/],
    ['cron(0 2 ? * 2#1,3#1 *)', /day-of-week \(field 5\)/],
    ['cron(0 2 ? * 2/2 *)', /day-of-week \(field 5\)/],
    ['cron(0 2 ? * 8L *)', /day-of-week \(field 5\)/],
    ['cron(0 2 * * ? 1969)', /1970 to 2199.* year \(field 6\), found "1969"/],
    ['cron(0 2 * * ? 2200)', /year \(field 6\)/],
    ['cron(0 2 * * * *)', /exactly one "\?".* found "\*" and "\*"/],
    ['cron(0 2 ? * ? *)', /exactly one "\?"/],
    ['cron(0 2 1 * MON *)', /exactly one "\?"/],
    ['cron(0 2 31 2 ? *)', /a day that occurs, found day-of-month "31"/],
    ['cron(0 2 31 4,6,SEP ? *)', /a day that occurs/],
    ['cron(0 2 30W FEB ? *)', /a day that occurs/],
    ['cron(0 2 29 2 ? 2027)', /a day that occurs/],
    ['cron(0 2 31W * ? *)', /before W a day that each of these months has \(LW is/],
    ['cron(0 2 29W 2 ? *)', /before W a day/],
    ['cron(0 2 31W 3,4 ? *)', /before W a day/],
    ['rate(0 minutes)', /from 1/],
    ['rate(5 seconds)', /minutes, hours or days/],
    ['rate(1 hours)', /"hour" after 1/],
    ['rate(2 hour)', /"hours" after 2/],
    ['rate(1.5 hours)', /whole number/],
    ['rate(12hours)', /whole number/],
  ];
  for (const [text, problem] of refused)
    test(text || 'nothing', () => assert.match(scheduleProblem(text) ?? '', problem));
});

test('parsing answers the expression itself, or a failure that names the field it was in', () => {
  assert.equal(parseSchedule('rate(1 day)'), 'rate(1 day)');
  assert.throws(
    () => parseSchedule('rate(1 days)', 'schedules.full'),
    (error) => {
      assert.ok(error instanceof InputInvalid);
      assert.match(error.message, /^schedules\.full: "rate\(1 days\)" is not allowed/);
      return true;
    },
  );
});
