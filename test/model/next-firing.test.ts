import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { latestFiring, mostCounted, nextFiring, pastFirings, type Recurrence } from '#model/next-firing';
import { parseSchedule, type Schedule, scheduleProblem } from '#model/schedule';

const at = (text: string): Date => new Date(`${text}Z`);
const anchor = at('2026-11-20T05:13:45');
const due = (expression: string, timezone = 'UTC'): Recurrence => ({
  expression: expression as Schedule,
  timezone,
  anchor,
});

function firings(expression: string, after: Date, count: number, timezone = 'UTC'): string[] {
  const found: string[] = [];
  let firing: Date | undefined = after;
  while (found.length < count) {
    firing = nextFiring(due(parseSchedule(expression), timezone), firing);
    if (firing === undefined) break;
    found.push(firing.toISOString().slice(0, 16));
  }
  return found;
}

describe('a cron expression fires when AWS says', () => {
  const cases: [expression: string, expected: string[]][] = [
    ['cron(0 2 ? * SUN *)', ['2026-11-22T02:00', '2026-11-29T02:00']],
    ['cron(0 2 ? * MON-SAT *)', ['2026-11-20T02:00', '2026-11-21T02:00', '2026-11-23T02:00']],
    ['cron(0 5 1 * ? *)', ['2026-12-01T05:00', '2027-01-01T05:00']],
    ['cron(50/7 23 * * ? *)', ['2026-11-20T23:50', '2026-11-20T23:57', '2026-11-21T23:50']],
    ['cron(0 0 L * ? *)', ['2026-11-30T00:00', '2026-12-31T00:00', '2027-01-31T00:00', '2027-02-28T00:00']],
    ['cron(0 0 LW * ? *)', ['2026-11-30T00:00', '2026-12-31T00:00', '2027-01-29T00:00', '2027-02-26T00:00']],
    ['cron(0 0 1W 8 ? *)', ['2027-08-02T00:00', '2028-08-01T00:00']],
    ['cron(0 0 15W * ? *)', ['2026-12-15T00:00', '2027-01-15T00:00', '2027-02-15T00:00']],
    ['cron(0 0 28W 2,3 ? *)', ['2027-02-26T00:00', '2027-03-29T00:00']],
    ['cron(0 9 ? * 2#1 *)', ['2026-12-07T09:00', '2027-01-04T09:00']],
    ['cron(0 9 ? * 3#5 *)', ['2026-12-29T09:00', '2027-03-30T09:00']],
    ['cron(0 10 ? * 6L 2026-2027)', ['2026-11-27T10:00', '2026-12-25T10:00']],
    ['cron(0 0 ? * L *)', ['2026-11-21T00:00', '2026-11-28T00:00']],
    ['cron(0 0 ? * 1 *)', ['2026-11-22T00:00']],
    ['cron(0 0 29 2 ? *)', ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['cron(0 12 1/5 * ? *)', ['2026-11-21T12:00', '2026-11-26T12:00', '2026-12-01T12:00']],
    ['cron(59 23 31 12 ? 2030,2199)', ['2030-12-31T23:59', '2199-12-31T23:59']],
  ];
  for (const [expression, expected] of cases) {
    test(expression, () => assert.deepEqual(firings(expression, at('2026-11-20T00:00:00'), expected.length), expected));
  }
});

test('a firing that is over does not come back, and what is exactly due is not after itself', () => {
  assert.deepEqual(firings('cron(0 2 * * ? 2025)', at('2026-11-20T00:00:00'), 1), []);
  assert.deepEqual(firings('cron(0 2 * * ? *)', at('2026-11-20T02:00:00'), 1), ['2026-11-21T02:00']);
  assert.deepEqual(firings('cron(0 2 * * ? *)', at('2026-11-20T01:59:59.999'), 1), ['2026-11-20T02:00']);
});

// a library's search went wrong here: it took the end of one month for the length of the next
test('a day that short months leave out is found again behind them', () => {
  assert.equal(
    latestFiring(due('cron(0-0/1 0-0 */5 1/1 ? *)'), at('2029-02-17T21:47:34.904'))?.toISOString(),
    '2029-02-16T00:00:00.000Z',
  );
  assert.deepEqual(firings('cron(0 0-0 1-1/1,30 *,1 ? 2026-2031)', at('2029-02-01T00:00:00'), 3), [
    '2029-03-01T00:00',
    '2029-03-30T00:00',
    '2029-04-01T00:00',
  ]);
});

describe('a cron expression is about the clocks of its zone', () => {
  const cases: [what: string, expression: string, zone: string, after: string, expected: string[]][] = [
    [
      'in winter and in summer',
      'cron(0 2 * * ? *)',
      'Europe/Berlin',
      '2027-03-26T12:00:00',
      ['2027-03-27T01:00', '2027-03-29T00:00'],
    ],
    [
      'a time that the clocks leave out is skipped',
      'cron(30 2 * * ? *)',
      'Europe/Berlin',
      '2027-03-27T00:00:00',
      ['2027-03-27T01:30', '2027-03-29T00:30'],
    ],
    [
      'the times around it are not',
      'cron(0 1-3 * * ? *)',
      'Europe/Berlin',
      '2027-03-27T23:00:00',
      ['2027-03-28T00:00', '2027-03-28T01:00', '2027-03-28T23:00'],
    ],
    [
      'a time that they show twice is due the first time',
      'cron(30 2 * * ? *)',
      'Europe/Berlin',
      '2026-10-24T12:00:00',
      ['2026-10-25T00:30', '2026-10-26T01:30'],
    ],
    [
      'so that what is due every half hour rests for an hour',
      'cron(0/30 * * * ? *)',
      'Europe/Berlin',
      '2026-10-25T00:00:00',
      ['2026-10-25T00:30', '2026-10-25T02:00', '2026-10-25T02:30'],
    ],
    [
      'days begin and end there',
      'cron(0 0 1 * ? *)',
      'Pacific/Auckland',
      '2026-11-20T00:00:00',
      ['2026-11-30T11:00', '2026-12-31T11:00'],
    ],
    [
      'a day without a midnight has no firing at midnight',
      'cron(0 0 * * ? *)',
      'Asia/Beirut',
      '2027-03-26T12:00:00',
      ['2027-03-26T22:00', '2027-03-28T21:00'],
    ],
  ];
  for (const [what, expression, zone, after, expected] of cases) {
    test(what, () => assert.deepEqual(firings(expression, at(after), expected.length, zone), expected));
  }

  test('what was due before the clocks went back over midnight is found afterwards', () => {
    const midnights = due('cron(0 0 * * ? *)', 'America/St_Johns');
    assert.equal(latestFiring(midnights, at('2010-11-07T03:00:00'))?.toISOString(), '2010-11-07T02:30:00.000Z');
    assert.equal(nextFiring(midnights, at('2010-11-07T03:00:00'))?.toISOString(), '2010-11-08T03:30:00.000Z');
  });

  test('a rate has no zone', () => {
    const rate = due('rate(1 day)', 'Europe/Berlin');
    assert.equal(nextFiring(rate, at('2027-03-28T12:00:00'))?.toISOString(), '2027-03-29T05:13:45.000Z');
  });
});

test('a rate fires at its anchor and every interval from there, without drift', () => {
  const rate = due(parseSchedule('rate(7 minutes)'));
  const next = (after: Date) => nextFiring(rate, after)?.toISOString();
  assert.equal(next(new Date(anchor.getTime() - 1)), '2026-11-20T05:13:45.000Z');
  assert.equal(next(anchor), '2026-11-20T05:20:45.000Z');
  assert.equal(next(at('2026-11-20T05:20:44.999')), '2026-11-20T05:20:45.000Z');
  assert.equal(next(at('2020-01-01T00:00:00')), '2026-11-20T05:13:45.000Z');
  const far = new Date(anchor.getTime() + 1_000_000 * 7 * 60_000 + 12_345);
  assert.equal(nextFiring(rate, far)?.getTime(), anchor.getTime() + 1_000_001 * 7 * 60_000);
});

test('what was missed is told by its last firing and how many there were', () => {
  const past = (expression: string, after: string, until: string) =>
    pastFirings(due(parseSchedule(expression)), at(after), at(until));
  assert.equal(past('cron(0 2 * * ? *)', '2026-11-20T02:00:00', '2026-11-21T01:59:59.999'), undefined);
  assert.deepEqual(past('cron(0 2 * * ? *)', '2026-11-20T02:00:00', '2026-11-21T02:00:00'), {
    latest: at('2026-11-21T02:00:00'),
    count: 1,
  });
  assert.deepEqual(past('cron(0 2 * * ? *)', '2026-11-20T02:00:00', '2026-11-25T17:00:00.5'), {
    latest: at('2026-11-25T02:00:00'),
    count: 5,
  });
  assert.deepEqual(past('cron(* * * * ? *)', '2016-11-20T02:00:00', '2026-11-20T02:00:00'), {
    latest: at('2026-11-20T02:00:00'),
    count: mostCounted,
  });
  assert.deepEqual(past('rate(1 minute)', '2026-11-20T05:13:45', '2026-11-20T06:13:50'), {
    latest: at('2026-11-20T06:13:45'),
    count: 60,
  });
  assert.equal(past('rate(1 minute)', '2026-11-19T05:13:45', '2026-11-20T05:13:44'), undefined);
  assert.equal(past('cron(0 2 * * ? 2025)', '2026-11-20T02:00:00', '2026-11-25T17:00:00'), undefined);
});

// From https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html, asked of each minute alone.
const names: Record<string, number> = Object.fromEntries([
  ...['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'].map((name, index) => [name, index + 1]),
  ...['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'].map((n, i) => [n, i + 1]),
]);

function fits(value: number, field: string, min: number): boolean {
  return field.split(',').some((item) => {
    const [span, step] = item.split('/') as [string, string | undefined];
    const [first, last] = span.split('-').map((word) => names[word] ?? Number(word));
    const from = span === '*' ? min : first!;
    const to = span === '*' || (step !== undefined && last === undefined) ? Number.POSITIVE_INFINITY : (last ?? from);
    return value >= from && value <= to && (value - from) % Number(step ?? 1) === 0;
  });
}

function fitsDay(date: Date, dayOfMonth: string, dayOfWeek: string): boolean {
  const day = date.getUTCDate();
  const weekday = date.getUTCDay() + 1;
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  const isWorkday = (other: number) => {
    const that = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), other)).getUTCDay();
    return that >= 1 && that <= 5;
  };
  if (dayOfMonth === 'L') return day === last;
  if (dayOfMonth === 'LW') {
    return isWorkday(day) && !Array.from({ length: last - day }, (_, i) => day + 1 + i).some(isWorkday);
  }
  if (dayOfMonth.endsWith('W')) {
    const wanted = Number(dayOfMonth.slice(0, -1));
    const workdays = Array.from({ length: last }, (_, i) => i + 1).filter(isWorkday);
    const distance = Math.min(...workdays.map((other) => Math.abs(other - wanted)));
    return isWorkday(day) && Math.abs(day - wanted) === distance;
  }
  if (dayOfMonth !== '?') return fits(day, dayOfMonth, 1);
  if (dayOfWeek === 'L') return weekday === 7;
  if (dayOfWeek.endsWith('L')) return weekday === Number(dayOfWeek[0]) && day + 7 > last;
  if (dayOfWeek.includes('#')) {
    return weekday === Number(dayOfWeek[0]) && Math.ceil(day / 7) === Number(dayOfWeek[2]);
  }
  return fits(weekday, dayOfWeek, 1);
}

function isDay(date: Date, expression: string): boolean {
  const [, , dayOfMonth, month, dayOfWeek, year] = expression.slice(5, -1).split(' ') as string[];
  if (!fits(date.getUTCFullYear(), year!, 1970) || !fits(date.getUTCMonth() + 1, month!, 1)) return false;
  return fitsDay(date, dayOfMonth!, dayOfWeek!);
}

function isMinute(date: Date, expression: string): boolean {
  const [minutes, hours] = expression.slice(5, -1).split(' ') as string[];
  return fits(date.getUTCMinutes(), minutes!, 0) && fits(date.getUTCHours(), hours!, 0) && isDay(date, expression);
}

const number = (min: number, max: number) => fc.integer({ min, max }).map(String);
const item = (min: number, max: number, words: string[] = [], steps = true) =>
  fc.oneof(
    number(min, max),
    fc.constant('*'),
    ...(words.length > 0 ? [fc.constantFrom(...words)] : []),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    ...(steps
      ? [
          fc.tuple(number(min, max), number(1, max)).map(([a, step]) => `${a}/${step}`),
          number(1, max).map((step) => `*/${step}`),
          fc
            .tuple(fc.integer({ min, max }), fc.integer({ min, max }), number(1, max))
            .map(([a, b, step]) => `${Math.min(a, b)}-${Math.max(a, b)}/${step}`),
        ]
      : []),
  );
const field = (...parameters: Parameters<typeof item>) =>
  fc.array(item(...parameters), { minLength: 1, maxLength: 3 }).map((items) => items.join(','));
const days = fc.oneof(
  fc.tuple(
    fc.oneof(
      field(1, 31),
      fc.constantFrom('L', 'LW'),
      number(1, 31).map((day) => `${day}W`),
    ),
    fc.constant('?'),
  ),
  fc.tuple(
    fc.constant('?'),
    fc.oneof(
      field(1, 7, ['SUN', 'SAT', 'MON-FRI', 'TUE'], false),
      fc.constant('L'),
      number(1, 7).map((day) => `${day}L`),
      fc.tuple(number(1, 7), number(1, 5)).map(([day, which]) => `${day}#${which}`),
    ),
  ),
);
const years = fc.oneof(fc.constant('*'), fc.constantFrom('2026-2031', '2024/4', '2027', '2026,2029,2100', '2096-2105'));
const expressions = fc
  .tuple(field(0, 59), field(0, 23), days, field(1, 12, ['JAN', 'FEB', 'SEP-DEC']), years)
  .map(([minutes, hours, [dayOfMonth, dayOfWeek], month, year]) =>
    [minutes, hours, dayOfMonth, month, dayOfWeek, year].join(' '),
  )
  .map((body) => `cron(${body})`)
  .filter((expression) => scheduleProblem(expression) === undefined);
const instants = fc
  .date({ min: at('2023-12-25T00:00:00'), max: at('2032-03-05T00:00:00'), noInvalidDate: true })
  .map((date) => date);

const minuteMs = 60_000;
const dayMs = 86_400_000;

test('every accepted expression fires exactly in the minutes that AWS describes', () => {
  fc.assert(
    fc.property(expressions, instants, (expression, after) => {
      const window = new Date(after.getTime() + 3 * dayMs);
      const expected: number[] = [];
      const first = Math.floor(after.getTime() / minuteMs) * minuteMs + minuteMs;
      for (let minute = first; minute <= window.getTime(); minute += minuteMs) {
        if (isMinute(new Date(minute), expression)) expected.push(minute);
        if (expected.length === 40) break;
      }
      let firing: Date | undefined = after;
      for (const minute of expected) {
        firing = nextFiring(due(expression), firing!);
        assert.equal(firing?.toISOString(), new Date(minute).toISOString());
      }
      if (expected.length === 40) return;
      const beyond = nextFiring(due(expression), firing!);
      assert.ok(beyond === undefined || beyond > window, `${beyond?.toISOString()} is no firing`);
    }),
    { numRuns: 400 },
  );
});

test('a firing far away is right, and no day before it was one', () => {
  fc.assert(
    fc.property(expressions, instants, (expression, after) => {
      const firing = nextFiring(due(expression), after);
      const horizon = firing?.getTime() ?? after.getTime() + 3000 * dayMs;
      const nextDay = Math.floor(after.getTime() / dayMs) * dayMs + dayMs;
      for (let day = nextDay; day < Math.min(horizon, nextDay + 30_000 * dayMs) - dayMs; day += dayMs) {
        assert.ok(!isDay(new Date(day), expression), `${new Date(day).toISOString()} was left out`);
      }
      if (firing) assert.ok(isMinute(firing, expression), firing.toISOString());
    }),
    { numRuns: 400 },
  );
});

/** The zones whose clocks do what others do not: half an hour, two hours, at midnight, without a day, never. */
const zones: [zone: string, from: string, to: string][] = [
  ['Europe/Berlin', '2026-01-01', '2031-01-01'],
  ['America/New_York', '2026-01-01', '2031-01-01'],
  ['Australia/Lord_Howe', '2026-01-01', '2031-01-01'],
  ['Antarctica/Troll', '2026-01-01', '2031-01-01'],
  ['Asia/Beirut', '2026-01-01', '2031-01-01'],
  ['America/Havana', '2026-01-01', '2031-01-01'],
  ['Africa/Casablanca', '2026-01-01', '2031-01-01'],
  ['Pacific/Chatham', '2026-01-01', '2031-01-01'],
  ['Asia/Kolkata', '2026-01-01', '2026-02-01'],
  ['America/St_Johns', '2007-01-01', '2011-12-01'],
  ['Pacific/Apia', '2011-12-20', '2012-01-05'],
];

const clocks = new Map(
  zones.map(([timeZone]) => [
    timeZone,
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }),
  ]),
);
const shown = (zone: string, instant: number): string => clocks.get(zone)!.format(instant).replace(' ', 'T');

/** Days before the clocks change. */
const changes = new Map(
  zones.map(([zone, from, to]) => [zone, [...changesOf(zone, Date.parse(from), Date.parse(to))]]),
);

function* changesOf(zone: string, from: number, to: number): Generator<number> {
  const offset = (instant: number) => Date.parse(`${shown(zone, instant)}Z`) - instant;
  for (let day = from; day < to; day += dayMs) if (offset(day) !== offset(day + dayMs)) yield day;
}

/** Half the time within a day of a change of the clocks. */
const zonedInstants = fc.constantFrom(...zones).chain(([zone, from, to]) => {
  const anywhere = fc.integer({ min: Date.parse(from), max: Date.parse(to) });
  const known = changes.get(zone)!;
  const somewhere = fc.oneof(anywhere, known.length === 0 ? anywhere : fc.constantFrom(...known));
  return fc
    .tuple(somewhere, fc.integer({ min: -dayMs, max: dayMs }))
    .map(([instant, more]) => ({ zone, after: new Date(instant + more) }));
});

test('in every zone it fires when its clocks first show what is asked for, and looking back finds the same', () => {
  fc.assert(
    fc.property(expressions, zonedInstants, (expression, { zone, after }) => {
      const until = after.getTime() + dayMs;
      const expected: number[] = [];
      const seen = new Set<string>();
      const first = Math.floor(after.getTime() / minuteMs) * minuteMs;
      for (let minute = first - 240 * minuteMs; minute <= until; minute += minuteMs) {
        const wall = shown(zone, minute);
        if (!seen.has(wall) && isMinute(new Date(`${wall}Z`), expression)) expected.push(minute);
        seen.add(wall);
      }
      const following = expected.filter((minute) => minute > after.getTime()).slice(0, 200);
      let firing: Date | undefined = after;
      for (const minute of following) {
        firing = nextFiring(due(expression, zone), firing!);
        assert.equal(firing?.toISOString(), new Date(minute).toISOString());
        assert.equal(latestFiring(due(expression, zone), firing!)?.getTime(), minute);
      }
      const beyond = following.length === 200 ? undefined : nextFiring(due(expression, zone), firing!);
      assert.ok(beyond === undefined || beyond.getTime() > until, `${beyond?.toISOString()} is no firing`);
      const before = expected.findLast((minute) => minute <= after.getTime());
      const latest = latestFiring(due(expression, zone), after)?.getTime() ?? 0;
      if (before === undefined) assert.ok(latest < first - 240 * minuteMs, new Date(latest).toISOString());
      else assert.equal(latest, before);
    }),
    { numRuns: 200 },
  );
});

test('looking back finds the same firings as looking ahead', () => {
  fc.assert(
    fc.property(expressions, instants, fc.integer({ min: 0, max: 40 * dayMs }), (expression, after, spanMs) => {
      const until = new Date(after.getTime() + spanMs);
      const expected: Date[] = [];
      let firing = nextFiring(due(expression), after);
      while (firing && firing <= until && expected.length < mostCounted) {
        expected.push(firing);
        firing = nextFiring(due(expression), firing);
      }
      const past = pastFirings(due(expression), after, until);
      assert.equal(past?.count ?? 0, expected.length);
      if (expected.length < mostCounted) assert.equal(past?.latest.getTime(), expected.at(-1)?.getTime());
    }),
    { numRuns: 200 },
  );
});
