import { listOpenQuestions } from '#catalog/approvals';
import { committedBackups } from '#catalog/backups';
import { readExposure } from '#catalog/exposure';
import { readStanding } from '#catalog/standing';
import type { CommandContext } from '#cli/command';
import { describeProgress } from '#cli/describe-progress';
import { passingProblems } from '#cli/passing-problems';
import { serviceProblem } from '#cli/service-problem';
import type { Problem, SourceReport, StatusReport } from '#cli/status-report';
import type { DaemonReport } from '#local/daemon-report';
import { formatDuration } from '#model/duration';
import type { PostgresSource } from '#model/postgres-source';
import { printInstant } from '#model/recovery-target';
import type { Standing, StandingState } from '#model/standing';
import { gatherFacts } from '#recovery/gather-facts';
import { recoveryWindows } from '#recovery/windows';
import type { DaemonEndpoint } from '#runtime/daemon-endpoint';
import type { Machines } from '#runtime/machines';
import { type Bucket, openBucket } from '#runtime/open-bucket';
import type { Stack } from '#runtime/stack';

/** Who runs the plan: a daemon with its endpoint, or a stack. */
export interface AskedPlace {
  machines: Machines;
  endpoint: DaemonEndpoint | undefined;
  stack: Stack | undefined;
}

/** Ask the bucket and who runs the plan. Without a daemon, what is measured comes from the bucket, and is as old as that. */
export async function gatherStatus(
  sources: readonly PostgresSource[],
  context: CommandContext,
  place: AskedPlace | undefined,
): Promise<StatusReport> {
  const now = context.now();
  const vault = await openBucket(await context.plan(), context.environment);
  const daemon = place?.endpoint && place.machines;
  // where it cannot measure, what it measured before is shown, and why
  const unseen = await daemon?.invoke('watch', {}).then(
    () => undefined,
    (failure: Error) => failure.message,
  );
  const asked = await Promise.all(sources.map((source) => askSource(vault, source, place?.stack, context.signal, now)));
  const names = new Set(sources.map(({ name }) => name));
  const own = (await daemon?.invoke('daemon-status', {})) as DaemonReport | undefined;
  const running = (await place?.machines.list('RUNNING')) ?? [];
  // an execution that somebody stopped waits for no answer any more
  const waits = (arn: string) => !place || running.some((execution) => execution.arn === arn);
  const open = await listOpenQuestions(vault.store, now);
  const questions = open.filter(({ source, execution }) => names.has(source) && waits(execution));
  return {
    now,
    sources: asked.map(({ report }) => report),
    daemon: place?.endpoint && { pid: place.endpoint.pid, startedAt: place.endpoint.startedAt },
    stack: place?.stack && { name: place.stack.name, region: place.stack.region },
    services: (own?.services ?? []).map(({ name, pid, restarts }) => ({ name, runs: pid !== null, restarts })),
    next: own?.next ?? [],
    running: running.map((execution) => ({ ...execution, ...describeProgress(execution.arn, own?.tasks ?? []) })),
    questions,
    problems: [
      ...(unseen === undefined ? [] : [watchProblem(unseen)]),
      ...asked.flatMap(({ problems }) => problems),
      ...(own ? [...own.services.flatMap((service) => serviceProblem(service, now)), ...daemonProblems(own)] : []),
    ],
  };
}

async function askSource(
  vault: Bucket,
  source: PostgresSource,
  stack: Stack | undefined,
  signal: AbortSignal,
  now: Date,
): Promise<{ report: SourceReport; problems: Problem[] }> {
  const { name, tier } = source;
  const backups = await committedBackups(vault.store, name);
  const { backups: standings } = await readStanding(vault.store, name, backups);
  const measured = await readExposure(vault.store, name);
  const facts = await gatherFacts(vault, name, signal);
  const broken = new Set(standings.filter(({ state }) => state === 'broken').map(({ backup }) => backup));
  const windows = recoveryWindows({ ...facts, backups: facts.backups.filter(({ backup }) => !broken.has(backup)) });
  const newest = windows.reduce<(typeof windows)[number] | undefined>(
    (a, b) => (a === undefined || b.toMicros > a.toMicros ? b : a),
    undefined,
  );
  const proven = standings.findLast(({ state }) => state === 'proven');
  const report: SourceReport = {
    name,
    proven: proven && { backup: proven.backup, since: proven.since!, reason: proven.reason },
    window: newest && {
      from: printInstant(BigInt(newest.from.getTime()) * 1000n),
      to: printInstant(newest.toMicros),
      count: windows.length,
    },
    rpo: measured && { lossMs: measured.lossMs, reason: measured.reason, at: measured.at },
    rto: measured?.rto ?? undefined,
    tier,
    counts: countStates(standings),
    bytes: backups.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
  };
  const lasting = sourceProblems(report, standings, measured, stack, now);
  return { report, problems: [...lasting, ...passingProblems(name, measured, newest)] };
}

function countStates(standings: readonly Standing[]): Record<StandingState, number> {
  const counts = { proven: 0, verified: 0, committed: 0, broken: 0 };
  for (const { state } of standings) counts[state]++;
  return counts;
}

/** What to do about a watch that does not run. */
const todoOf = (stack: Stack | undefined): string =>
  stack
    ? `look at the log of its function: /aws/lambda/${stack.functionPrefix}watch`
    : 'start `lifeboat up`, or look at its log';

/** A watch that has not measured for so long does not run. */
const oldMeasureMs = 180_000;

function sourceProblems(
  { name, counts }: SourceReport,
  standings: readonly Standing[],
  measured: Awaited<ReturnType<typeof readExposure>>,
  stack: Stack | undefined,
  now: Date,
): Problem[] {
  const findings: Problem[] = measured?.findings ?? [];
  const ageMs = measured ? now.getTime() - Date.parse(measured.at) : 0;
  const old =
    measured && ageMs > oldMeasureMs
      ? [
          {
            source: name,
            what: `the last measurement is ${formatDuration(ageMs)} old`,
            since: measured.at,
            todo: todoOf(stack),
          },
        ]
      : [];
  // a daemon has just been asked to measure
  const never =
    stack && !measured ? [{ source: name, what: 'nothing was measured yet', since: null, todo: todoOf(stack) }] : [];
  const broken = standings
    .filter(({ backup, state }) => state === 'broken' && !findings.some(({ what }) => what.includes(backup)))
    .map(({ backup, reason, since }) => ({
      source: name,
      what: `${backup} is broken: ${reason}`,
      since,
      todo: `lifeboat backup --source ${name}`,
    }));
  const newest = standings.at(-1);
  const untried = newest?.tried
    ? [
        {
          source: name,
          what: `the drill of ${newest.backup} could not be carried out: ${newest.tried.why}`,
          since: newest.tried.at,
          todo: `remove the cause, then: lifeboat drill --source ${name} ${newest.backup}`,
        },
      ]
    : [];
  const none =
    Object.values(counts).every((count) => count === 0) && !findings.some(({ source }) => source === name)
      ? [{ source: name, what: 'there is no backup', since: null, todo: `lifeboat backup --source ${name}` }]
      : [];
  return [...findings, ...old, ...never, ...broken, ...untried, ...none];
}

const watchProblem = (why: string): Problem => ({
  source: 'watch',
  what: `nothing can be measured now: ${why}`,
  since: null,
  todo: 'look at the log of `lifeboat up`; it is tried again every minute',
});

function daemonProblems({ notices, standing }: DaemonReport): Problem[] {
  return [
    ...standing.map(({ execution, why }) => ({
      source: 'daemon',
      what: `${execution.split(':').slice(-2).join(' ')} stands still: ${why}`,
      since: null,
      todo: `once the cause is gone it goes on by itself; else: lifeboat stop ${execution.split(':').at(-1)}`,
    })),
    ...(notices.dead > 0 || (notices.lastFailure && notices.waiting > 0)
      ? [
          {
            source: 'notifications',
            what: `${notices.waiting} wait and ${notices.dead} were given up${notices.lastFailure ? `: ${notices.lastFailure.reason}` : ''}`,
            since: notices.oldest,
            todo: 'lifeboat notify --test',
          },
        ]
      : []),
  ];
}
