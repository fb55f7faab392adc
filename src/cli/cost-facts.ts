import type { CostFacts } from '#model/cost';
import { daysPerMonth } from '#model/cost-line';
import type { ManagedCostFacts } from '#model/cost-managed';
import { backupStays, pointStays, type Stay, type StayRules, yearDays } from '#model/cost-stays';
import { work } from '#model/cost-work';
import type { ManagedSource } from '#model/managed-source';
import { nextFiring } from '#model/next-firing';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import type { Schedule } from '#model/schedule';

/** What the plan cannot know. */
export interface Given {
  databaseBytes: number;
  walPerDay: number | undefined;
  changed: number | undefined;
  ratio: number | undefined;
  /** in days, instead of the plan's retention */
  keep: number | undefined;
}

/** Without retention and `--keep`, what has come together after so many days is told. */
const usualKeepDays = 35;

/** What the plan has done with a database of that size. */
export function costFacts(plan: Plan, source: PostgresSource, given: Given, now: Date): CostFacts {
  const { databaseBytes } = given;
  const { schedules, walChunkSeconds, dump } = source;
  const { monthly, twoYears } = firingsSince(now, schedules.timezone);
  const taken = { from: now, fulls: twoYears(schedules.full), incrementals: twoYears(schedules.incremental) };
  const dumps = twoYears(schedules.dump);
  const rules = rulesOf(plan, source, given);
  const alike = (firings: readonly Date[]) => stay(firings, now, keepDays(given));
  const stays = rules
    ? backupStays(taken, rules, databaseBytes / work.bytesPerSecond.backup / 86_400)
    : {
        fulls: alike(taken.fulls),
        incrementals: alike(taken.incrementals),
        wal: [{ perMonth: daysPerMonth, days: keepDays(given) }],
      };
  return {
    ...commonFacts(plan, given, rules),
    ...stays,
    walBytesPerDay: given.walPerDay ?? databaseBytes * 0.05,
    walChunkSeconds,
    chunkDays: rules ? Math.max(1, rules.lockDays) : keepDays(given),
    drillsPerMonth: monthly(schedules.drill),
    scrubsPerMonth: monthly(schedules.scrub),
    dumps: rules ? pointStays(dumps, now, rules) : alike(dumps),
    schemaOnly: dump.schemaOnly,
    restoreTest: dump.restoreTest,
    retentionsPerMonth: rules ? monthly(schedules.retention) : 0,
  };
}

/** The same of one that RDS runs. */
export function managedCostFacts(plan: Plan, source: ManagedSource, given: Given, now: Date): ManagedCostFacts {
  const { schedules, dump, database, copyTo } = source;
  const { monthly, twoYears } = firingsSince(now, schedules.timezone);
  const snapshots = twoYears(schedules.snapshot);
  const dumps = twoYears(schedules.dump);
  const rules = rulesOf(plan, source, given);
  const alike = (firings: readonly Date[]) => stay(firings, now, keepDays(given));
  return {
    ...commonFacts(plan, given, rules),
    type: database.type,
    // a bucket's lock is no snapshot's
    snapshots: rules ? pointStays(snapshots, now, { ...rules, lockDays: 0 }) : alike(snapshots),
    copied: copyTo !== undefined,
    dumps: rules ? pointStays(dumps, now, rules) : alike(dumps),
    schemaOnly: dump.schemaOnly,
    restoreTest: dump.restoreTest,
    retentionsPerMonth: rules ? monthly(schedules.retention) : 0,
  };
}

/** Why some of it is not what the plan's rules say; one line each. */
export function costNotes(plan: Plan, source: PostgresSource | ManagedSource, given: Pick<Given, 'keep'>): string[] {
  const days = keepDays(given);
  if (given.keep !== undefined)
    return [`everything is reckoned to be kept for ${days} days, as --keep says, and nothing to go before`];
  if (!(source.retention ?? plan.retention))
    return [
      `the plan has no retention: nothing ever goes, and storage grows on from what it costs after ${days} days, which is shown`,
    ];
  if (lastsForEver(source))
    return [
      `no full backup is scheduled, so no chain ever ends and nothing goes: storage is shown after ${days} days, and grows on`,
    ];
  if (source.schedules.retention === undefined)
    return [
      'schedules.retention is not in the plan: this is what it costs when somebody runs `lifeboat expire` each day, which is not in it',
    ];
  return [];
}

/** undefined: nothing goes */
function rulesOf(plan: Plan, source: PostgresSource | ManagedSource, { keep }: Given): StayRules | undefined {
  const rules = source.retention ?? plan.retention;
  if (!rules || keep !== undefined || lastsForEver(source)) return undefined;
  return { ...rules, lockDays: plan.storage.lock.days, timezone: source.schedules.timezone };
}

const lastsForEver = (source: PostgresSource | ManagedSource): boolean =>
  source.kind === 'postgres' && source.schedules.full === undefined;

const keepDays = ({ keep }: Pick<Given, 'keep'>): number => keep ?? usualKeepDays;

const commonFacts = (plan: Plan, given: Given, rules: StayRules | undefined) => ({
  databaseBytes: given.databaseBytes,
  ratio: given.ratio ?? 3,
  changedPerDay: given.changed ?? 0.02,
  tiers: plan.storage.tiers,
  goes: rules !== undefined,
  lockDays: rules?.lockDays ?? 0,
  replicated: plan.aws?.recoveryRegion !== undefined,
});

const dayMs = 24 * 3600 * 1000;

function firingsSince(from: Date, timezone: string) {
  const twoYears = (expression: Schedule | undefined): Date[] => {
    const until = from.getTime() + 2 * yearDays * dayMs;
    const firings: Date[] = [];
    if (expression === undefined) return firings;
    const recurrence = { expression, timezone, anchor: from };
    for (let at = nextFiring(recurrence, from); at && at.getTime() < until; at = nextFiring(recurrence, at))
      firings.push(at);
    return firings;
  };
  const monthly = (expression: Schedule | undefined): number =>
    (twoYears(expression).length / 2) * (daysPerMonth / yearDays);
  return { twoYears, monthly };
}

/** Of those of the first year; each as long. */
function stay(firings: readonly Date[], from: Date, days: number): Stay[] {
  const count = firings.filter((at) => at.getTime() < from.getTime() + yearDays * dayMs).length;
  return count === 0 ? [] : [{ perMonth: (count * daysPerMonth) / yearDays, days }];
}
