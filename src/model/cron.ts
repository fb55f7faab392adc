/**
 * The body of an AWS cron expression: minutes, hours, day-of-month, month, day-of-week, year.
 *
 * Everywhere: `*`, numbers, ranges `a-b`, steps `a/n`, `a-b/n` and `* /n`, lists with commas.
 * day-of-month also `?`, `L` (last day), `nW` (weekday nearest to day n), `LW`.
 * day-of-week also `?`, `L` (Saturday), `nL` (last such day of the month), `n#k` (the k-th); 1 is Sunday.
 * Exactly one of day-of-month and day-of-week is `?`. `L-3` exists elsewhere, not in AWS. AWS does not say what `31W` is
 * in a month of 30 days, so a day with W has to be in each of the chosen months.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function cronProblem(body: string): string | undefined {
  const texts = body.split(' ');
  if (texts.length !== cronFields.length || texts.includes('')) {
    return `six fields with one blank between them (${cronFields.map(({ name }) => name).join(' ')}), found ${texts.filter(Boolean).length}`;
  }
  for (const [index, field] of cronFields.entries()) {
    const problem = fieldProblem(texts[index]!, field);
    if (problem) return `${problem} in ${field.name} (field ${index + 1}), found "${texts[index]}"`;
  }
  const [, , dayOfMonth, month, dayOfWeek, year] = texts;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    return `exactly one "?" in day-of-month (field 3) and day-of-week (field 5), found "${dayOfMonth}" and "${dayOfWeek}"`;
  }
  return neverProblem(dayOfMonth!, month!, year!);
}

/** The numbers that a field of a good expression stands for; undefined for `*`, `?` and the special forms. */
export function cronValues(text: string, index: number): number[] | undefined {
  const field = cronFields[index]!;
  if (text === '*' || field.special?.pattern.test(text)) return undefined;
  const all = Array.from({ length: field.max - field.min + 1 }, (_, above) => field.min + above);
  return all.filter((value) => isIn(value, text, field));
}

interface CronField {
  name: string;
  min: number;
  max: number;
  names?: readonly string[];
  /** forms of this field alone, which stand alone, and how they are told to people */
  special?: { pattern: RegExp; told: string };
  steps?: false;
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const cronFields: readonly CronField[] = [
  { name: 'minutes', min: 0, max: 59 },
  { name: 'hours', min: 0, max: 23 },
  {
    name: 'day-of-month',
    min: 1,
    max: 31,
    special: { pattern: /^(\?|L|LW|([1-9]|[12]\d|3[01])W)$/, told: '? L LW 15W' },
  },
  { name: 'month', min: 1, max: 12, names: months },
  {
    name: 'day-of-week',
    min: 1,
    max: 7,
    names: weekdays,
    special: { pattern: /^(\?|L|[1-7]L|[1-7]#[1-5])$/, told: '? L 6L 2#1' },
    steps: false,
  },
  { name: 'year', min: 1970, max: 2199 },
];

function fieldProblem(text: string, field: CronField): string | undefined {
  if (field.special?.pattern.test(text)) return undefined;
  if (text.split(',').every((item) => itemSpan(item, field))) return undefined;
  const names = field.names ? ` or ${field.names[0]} to ${field.names.at(-1)}` : '';
  const steps = field.steps === false ? '' : ', steps';
  const special = field.special ? `, or one of ${field.special.told}` : '';
  return `numbers from ${field.min} to ${field.max}${names}, ranges that go up${steps}${special}`;
}

/** The numbers that an item of a list stands for; undefined when it is none. */
function itemSpan(item: string, field: CronField): { from: number; to: number; step: number } | undefined {
  const match = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d{1,4}))?$/.exec(item);
  if (!match || (match[4] !== undefined && field.steps === false)) return undefined;
  const step = match[4] === undefined ? 1 : Number(match[4]);
  const from = match[1] ? field.min : valueIn(match[2]!, field);
  const open = match[1] !== undefined || (match[4] !== undefined && match[3] === undefined);
  const to = open ? field.max : match[3] === undefined ? from : valueIn(match[3], field);
  if (from === undefined || to === undefined || from > to || step < 1 || step > field.max) return undefined;
  return { from, to, step };
}

function valueIn(text: string, field: CronField): number | undefined {
  const named = field.names?.indexOf(text) ?? -1;
  if (named >= 0) return field.min + named;
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.min && value <= field.max ? value : undefined;
}

/** Days that no chosen month has: AWS takes `31 2`, and nothing would ever be backed up. */
function neverProblem(dayOfMonth: string, month: string, year: string): string | undefined {
  const [, , dayField, monthField] = cronFields;
  const days = dayOfMonth.split(',').map((item) => itemSpan(item, dayField!)?.from ?? (Number.parseInt(item, 10) || 1));
  const leap = cronValues(year, 5)?.some(isLeap) ?? true;
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].filter((_, index) =>
    isIn(index + 1, month, monthField!),
  );
  const found = `found day-of-month "${dayOfMonth}" (field 3) and month "${month}" (field 4)`;
  if (Math.min(...days) > Math.max(...lengths)) return `a day that occurs, ${found}`;
  const shortest = Math.min(...lengths.map((length) => (length === 29 ? 28 : length)));
  if (!dayOfMonth.endsWith('W') || Math.min(...days) <= shortest) return undefined;
  return `before W a day that each of these months has (LW is the last weekday), ${found}`;
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

const isIn = (value: number, text: string, field: CronField): boolean =>
  text.split(',').some((item) => {
    const { from, to, step } = itemSpan(item, field)!;
    return value >= from && value <= to && (value - from) % step === 0;
  });
