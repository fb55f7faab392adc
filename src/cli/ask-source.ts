import { committedBackups } from '#catalog/backups';
import { type MeasuredExposure, readExposure, type SourceSummary } from '#catalog/exposure';
import { readStanding } from '#catalog/standing';
import { type DumpReport, lastDump } from '#cli/last-dump';
import { passingProblems } from '#cli/passing-problems';
import type { Problem, SourceReport } from '#cli/status-report';
import { formatDuration } from '#model/duration';
import type { PostgresSource } from '#model/postgres-source';
import { printInstant } from '#model/recovery-target';
import { gatherFacts } from '#recovery/gather-facts';
import { summarizeBackups } from '#recovery/summarize-source';
import { recoveryWindows, type Window } from '#recovery/windows';
import type { Bucket } from '#runtime/open-bucket';
import type { Stack } from '#runtime/stack';

/** What status asks the bucket with. */
export interface AskedBucket {
  vault: Bucket;
  stack: Stack | undefined;
  signal: AbortSignal;
  now: Date;
}

export interface AskedSource {
  report: SourceReport;
  problems: Problem[];
}

/** Everything about a source by what is stored at this moment. */
export async function askSource(source: PostgresSource, asked: AskedBucket): Promise<AskedSource> {
  const { vault, signal } = asked;
  const { name } = source;
  const backups = await committedBackups(vault.store, name);
  const { backups: standings } = await readStanding(vault.store, name, backups);
  const measured = await readExposure(vault.store, name);
  const facts = await gatherFacts(vault, name, signal);
  const broken = new Set(standings.filter(({ state }) => state === 'broken').map(({ backup }) => backup));
  const windows = recoveryWindows({ ...facts, backups: facts.backups.filter(({ backup }) => !broken.has(backup)) });
  const newest = windows.reduce<Window | undefined>(
    (a, b) => (a === undefined || b.toMicros > a.toMicros ? b : a),
    undefined,
  );
  const window = newest && {
    from: printInstant(BigInt(newest.from.getTime()) * 1000n),
    to: printInstant(newest.toMicros),
    count: windows.length,
  };
  const glance = { ...summarizeBackups(backups, standings), dump: await lastDump(vault.store, name) };
  const { report, problems } = describe(source, glance, window, measured, asked);
  return { report, problems: [...problems, ...passingProblems(name, measured, newest)] };
}

/**
 * The same by what the watch measured in the last minutes: two objects are read, however much is stored. undefined when it
 * did not.
 */
export async function glanceAtSource(source: PostgresSource, asked: AskedBucket): Promise<AskedSource | undefined> {
  const measured = await readExposure(asked.vault.store, source.name);
  if (!measured?.summary || isOld(measured, asked.now)) return undefined;
  const { summary } = measured;
  const micros = (instant: string) => printInstant(BigInt(Date.parse(instant)) * 1000n);
  const window = summary.window && { from: micros(summary.window.from), to: micros(summary.window.to), count: 1 };
  const dump = await lastDump(asked.vault.store, source.name);
  return describe(source, { ...summary, dump }, window ?? undefined, measured, asked);
}

type Glance = Omit<SourceSummary, 'window'> & { dump: DumpReport | undefined };

function describe(
  { name, tier }: PostgresSource,
  glance: Glance,
  window: SourceReport['window'],
  measured: MeasuredExposure | undefined,
  { stack, now }: AskedBucket,
): AskedSource {
  const { counts, bytes, proven, dump } = glance;
  const report: SourceReport = {
    ...{ name, tier, window, counts, bytes, dump },
    proven: proven ?? undefined,
    rpo: measured && { lossMs: measured.lossMs, reason: measured.reason, at: measured.at },
    rto: measured?.rto ?? undefined,
  };
  return { report, problems: sourceProblems(name, glance, measured, stack, now) };
}

/** What to do about a watch that does not run. */
const todoOf = (stack: Stack | undefined): string =>
  stack
    ? `look at the log of its function: /aws/lambda/${stack.functionPrefix}watch`
    : 'start `lifeboat up`, or look at its log';

/** A watch that has not measured for so long does not run. */
const oldMeasureMs = 180_000;

const ageMsOf = (measured: MeasuredExposure, now: Date): number => now.getTime() - Date.parse(measured.at);
const isOld = (measured: MeasuredExposure, now: Date): boolean => ageMsOf(measured, now) > oldMeasureMs;

function sourceProblems(
  name: string,
  { counts, broken, tried }: Glance,
  measured: MeasuredExposure | undefined,
  stack: Stack | undefined,
  now: Date,
): Problem[] {
  const findings: Problem[] = measured?.findings ?? [];
  const old = measured && isOld(measured, now) ? [notMeasured(name, measured, stack, now)] : [];
  // a daemon has just been asked to measure
  const never =
    stack && !measured ? [{ source: name, what: 'nothing was measured yet', since: null, todo: todoOf(stack) }] : [];
  const isBroken = broken
    .filter(({ backup }) => !findings.some(({ what }) => what.includes(backup)))
    .map(({ backup, reason, since }) => ({
      source: name,
      what: `${backup} is broken: ${reason}`,
      since,
      todo: `lifeboat backup --source ${name}`,
    }));
  const untried = tried
    ? [
        {
          source: name,
          what: `the drill of ${tried.backup} could not be carried out: ${tried.why}`,
          since: tried.at,
          todo: `remove the cause, then: lifeboat drill --source ${name} ${tried.backup}`,
        },
      ]
    : [];
  const none =
    Object.values(counts).every((count) => count === 0) && !findings.some(({ source }) => source === name)
      ? [{ source: name, what: 'there is no backup', since: null, todo: `lifeboat backup --source ${name}` }]
      : [];
  return [...findings, ...old, ...never, ...isBroken, ...untried, ...none];
}

const notMeasured = (name: string, measured: MeasuredExposure, stack: Stack | undefined, now: Date): Problem => ({
  source: name,
  what: `the last measurement is ${formatDuration(ageMsOf(measured, now))} old`,
  since: measured.at,
  todo: todoOf(stack),
});
