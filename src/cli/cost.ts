import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { type CommandContext, defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { chooseSource } from '#model/choose-source';
import { type CostFacts, type CostLine, monthlyCost } from '#model/cost';
import { isDuration, parseDuration } from '#model/duration';
import { InputInvalid } from '#model/failure';
import { pastFirings } from '#model/next-firing';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import { listPrices, type Prices, pricesSchema } from '#model/prices';
import type { Schedule } from '#model/schedule';
import { parseSize } from '#model/size';

const dayMs = 24 * 3600 * 1000;
const usualSizes = ['10GB', '500GB', '10TB'];

export const command = defineCommand({
  name: 'cost',
  summary: 'tell what a source costs on AWS in a month',
  help: `Computes what AWS asks for: storage by class as the plan's storage.tiers say, requests, moves between classes, Fargate,
Lambda, Step Functions and events, CloudWatch, KMS, and the second region where the plan has one. Schedules, WAL chunks and tiers are
the plan's; sizes are given, or three usual ones. Nothing is asked and nothing is changed.

Prices are list prices of us-east-1 in US dollars, without free tiers and without what leaves AWS; --prices FILE takes JSON
with others, like {"standardGbMonth": 0.0245}. The endpoints of a VPC and a NAT gateway are not in it.`,
  examples: ['lifeboat cost', 'lifeboat cost --source orders --size 2TB --wal-per-day 40GB --keep 365d --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    size: {
      flags: '--size <bytes>',
      summary: `of the database, several times for several columns (default: ${usualSizes.join(', ')})`,
      repeatable: true,
      parse: parseSize,
    },
    walPerDay: { flags: '--wal-per-day <bytes>', summary: 'WAL of a day (default: 5 % of the size)', parse: parseSize },
    changed: { flags: '--changed <percent>', summary: 'of the database in a day (default: 2)', parse: parsePercent },
    ratio: { flags: '--ratio <number>', summary: 'raw bytes for a stored one (default: 3)', parse: parseRatio },
    keep: { flags: '--keep <days>', summary: 'how long backups and WAL are kept (default: 35d)', parse: parseKeep },
    prices: { flags: '--prices <file>', summary: 'JSON with other prices' },
  },

  async run({ source, size, prices: file, ...given }, context) {
    const plan = await context.writtenPlan();
    const chosen = chooseSource(plan, source, '--source');
    const prices = file === undefined ? listPrices : await readPrices(file, context);
    const sizes = size.length > 0 ? size : usualSizes.map((text) => parseSize(text, '--size'));
    const columns = sizes.map((bytes) => {
      const facts = factsOf(plan, chosen, bytes, given, context.now());
      const lines = monthlyCost(facts, prices);
      return { databaseBytes: bytes, facts, lines, dollars: lines.reduce((sum, { dollars }) => sum + dollars, 0) };
    });
    context.output.print(describe(chosen.name, columns), { source: chosen.name, currency: 'USD', months: columns });
  },
});

interface Given {
  walPerDay: number | undefined;
  changed: number | undefined;
  ratio: number | undefined;
  keep: number | undefined;
}

function factsOf(plan: Plan, source: PostgresSource, databaseBytes: number, given: Given, now: Date): CostFacts {
  const { schedules, walChunkSeconds } = source;
  const monthly = (schedule: Schedule | undefined): number => firingsAMonth(schedule, schedules.timezone, now);
  return {
    databaseBytes,
    walBytesPerDay: given.walPerDay ?? databaseBytes * 0.05,
    ratio: given.ratio ?? 3,
    changedPerDay: given.changed ?? 0.02,
    walChunkSeconds,
    fullsPerMonth: monthly(schedules.full),
    incrementalsPerMonth: monthly(schedules.incremental),
    drillsPerMonth: monthly(schedules.drill),
    keepDays: given.keep ?? 35,
    tiers: plan.storage.tiers,
    replicated: plan.aws?.recoveryRegion !== undefined,
  };
}

/** Of four months, since a month may have five Sundays. */
function firingsAMonth(expression: Schedule | undefined, timezone: string, now: Date): number {
  if (expression === undefined) return 0;
  const until = new Date(now.getTime() + 120 * dayMs);
  return (pastFirings({ expression, timezone, anchor: now }, now, until)?.count ?? 0) / 4;
}

interface Column {
  databaseBytes: number;
  lines: CostLine[];
  dollars: number;
}

function describe(source: string, columns: readonly Column[]): string {
  const names = columns[0]!.lines.map(({ what }) => what);
  const rows = names.map((name, index) => [name, ...columns.map(({ lines }) => money(lines[index]!.dollars))]);
  const head = ['USD A MONTH', ...columns.map(({ databaseBytes }) => decimal(databaseBytes))];
  const total = ['all together', ...columns.map(({ dollars }) => money(dollars))];
  const basis = columns.flatMap(({ databaseBytes, lines }) => [
    '',
    `${source} with ${decimal(databaseBytes)}:`,
    ...lines.map(({ what, basis: of }) => `  ${what}: ${of}`),
  ]);
  return [formatTable([head, ...rows, total]), ...basis].join('\n');
}

const money = (dollars: number): string => dollars.toFixed(2);

function decimal(bytes: number): string {
  const [unit, size] = bytes >= 1e12 ? (['TB', 1e12] as const) : (['GB', 1e9] as const);
  return `${Number((bytes / size).toPrecision(3))} ${unit}`;
}

async function readPrices(file: string, { cwd }: CommandContext): Promise<Prices> {
  try {
    const read = pricesSchema.safeParse(JSON.parse(await readFile(resolve(cwd, file), 'utf8')));
    if (read.success) return read.data;
    throw new InputInvalid('--prices', file, `JSON of prices: ${z.prettifyError(read.error).split('\n').join(' ')}`);
  } catch (failure) {
    if (failure instanceof InputInvalid) throw failure;
    throw new InputInvalid('--prices', file, `a file of JSON that can be read (${(failure as Error).message})`);
  }
}

function parsePercent(text: string, field: string): number {
  const percent = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (percent >= 0 && percent <= 100) return percent / 100;
  throw new InputInvalid(field, text, 'a number from 0 to 100');
}

function parseRatio(text: string, field: string): number {
  const ratio = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 1 && ratio <= 100) return ratio;
  throw new InputInvalid(field, text, 'a number from 1 to 100');
}

function parseKeep(text: string, field: string): number {
  if (isDuration(text) && parseDuration(text) >= dayMs) return parseDuration(text) / dayMs;
  throw new InputInvalid(field, text, 'days like 35d');
}
