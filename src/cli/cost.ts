import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { type CommandContext, defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { chooseAny } from '#model/choose-source';
import { monthlyCost } from '#model/cost';
import type { CostLine } from '#model/cost-line';
import { managedCost } from '#model/cost-managed';
import { isDuration, parseDuration } from '#model/duration';
import { InputInvalid } from '#model/failure';
import { listPrices, type Prices, pricesSchema } from '#model/prices';
import { parseSize } from '#model/size';
import { costFacts, costNotes, managedCostFacts } from './cost-facts.ts';

const dayMs = 24 * 3600 * 1000;
const usualSizes = ['10GB', '500GB', '10TB'];

export const command = defineCommand({
  name: 'cost',
  summary: 'tell what a source costs on AWS in a month',
  help: `Computes what AWS asks for: storage by class (storage.tiers) of what the plan's retention keeps, once there are backups of as many
years as it speaks of, and of what it deleted until storage.lock has ended; what leaves a cold class before its least time; requests, moves
between classes, Fargate, Lambda, Step Functions and events, CloudWatch, KMS, scrubs, dumps, retention itself, and the second region
where the plan has one. Of a database that RDS runs: its snapshots beyond what is free, their copies, and our machines, but neither
the database nor the backups that RDS takes by itself. Sizes are given, or three usual ones. Nothing is asked and nothing is changed.

A plan without retention keeps everything, and costs more every month: --keep says after how many days to look. Each backup is
taken to be proven, retention to run every day, a dump to be as large as the database, snapshots to hold what changed since the
one before, and RDS to give as much room for them for nothing as the database has.

Prices are list prices of us-east-1 in US dollars, without free tiers, without Spot's discount and without what leaves AWS; --prices FILE
takes JSON with others, like {"standardGbMonth": 0.0245}. The endpoints of a VPC and a NAT gateway are not in it.`,
  examples: ['lifeboat cost', 'lifeboat cost --source orders --size 2TB --wal-per-day 40GB --keep 365d --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan, ours or in RDS (needed when it has several)' },
    size: {
      flags: '--size <bytes>',
      summary: `of the database, several times for several columns (default: ${usualSizes.join(', ')})`,
      repeatable: true,
      parse: parseSize,
    },
    walPerDay: { flags: '--wal-per-day <bytes>', summary: 'WAL of a day (default: 5 % of the size)', parse: parseSize },
    changed: { flags: '--changed <percent>', summary: 'of the database in a day (default: 2)', parse: parsePercent },
    ratio: { flags: '--ratio <number>', summary: 'raw bytes for a stored one (default: 3)', parse: parseRatio },
    keep: {
      flags: '--keep <days>',
      summary: "instead of the plan's retention: everything stays so long (without retention: 35d)",
      parse: parseKeep,
    },
    prices: { flags: '--prices <file>', summary: 'JSON with other prices' },
  },

  async run({ source, size, prices: file, ...given }, context) {
    const plan = await context.writtenPlan();
    const chosen = chooseAny(plan, source, '--source');
    const prices = file === undefined ? listPrices : await readPrices(file, context);
    const sizes = size.length > 0 ? size : usualSizes.map((text) => parseSize(text, '--size'));
    const notes = costNotes(plan, chosen, given);
    const columns = sizes.map((databaseBytes): Column => {
      const asked = { databaseBytes, ...given };
      const { facts, lines } =
        chosen.kind === 'rds'
          ? reckon(managedCostFacts(plan, chosen, asked, context.now()), prices, managedCost)
          : reckon(costFacts(plan, chosen, asked, context.now()), prices, monthlyCost);
      return { databaseBytes, facts, lines, dollars: lines.reduce((sum, { dollars }) => sum + dollars, 0) };
    });
    const json = { source: chosen.name, currency: 'USD', notes, months: columns };
    context.output.print(describe(chosen.name, columns, notes), json);
  },
});

const reckon = <Facts extends object>(
  facts: Facts,
  prices: Prices,
  cost: (facts: Facts, prices: Prices) => CostLine[],
) => ({
  facts,
  lines: cost(facts, prices),
});

interface Column {
  databaseBytes: number;
  facts: object;
  lines: CostLine[];
  dollars: number;
}

function describe(source: string, columns: readonly Column[], notes: readonly string[]): string {
  const names = columns[0]!.lines.map(({ what }) => what);
  const rows = names.map((name, index) => [name, ...columns.map(({ lines }) => money(lines[index]!.dollars))]);
  const head = ['USD A MONTH', ...columns.map(({ databaseBytes }) => decimal(databaseBytes))];
  const total = ['all together', ...columns.map(({ dollars }) => money(dollars))];
  const basis = columns.flatMap(({ databaseBytes, lines }) => [
    '',
    `${source} with ${decimal(databaseBytes)}:`,
    ...lines.map(({ what, basis: of }) => `  ${what}: ${of}`),
  ]);
  const told = notes.map((note) => `\n${note}`);
  return [formatTable([head, ...rows, total]), ...told, ...basis].join('\n');
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
