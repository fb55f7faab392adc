import { listEndedQuestions } from '#catalog/open-questions';
import { askGroups, ledByGroup } from '#cli/ask-groups';
import { askManaged } from '#cli/ask-managed';
import { type AskedBucket, type AskedSource, askSource, glanceAtSource } from '#cli/ask-source';
import { askingNow } from '#cli/asking-now';
import type { CommandContext } from '#cli/command';
import { describeProgress } from '#cli/describe-progress';
import { incidentProblems } from '#cli/incident-problems';
import { serviceProblem } from '#cli/service-problem';
import type { Problem, StatusReport } from '#cli/status-report';
import type { DaemonReport } from '#local/daemon-report';
import type { ManagedSource } from '#model/managed-source';
import type { PostgresSource } from '#model/postgres-source';
import type { DaemonEndpoint } from '#runtime/daemon-endpoint';
import type { Machines } from '#runtime/machines';
import { openBucket } from '#runtime/open-bucket';
import type { Stack } from '#runtime/stack';

/** Who runs the plan: a daemon with its endpoint, or a stack. */
export interface AskedPlace {
  machines: Machines;
  endpoint: DaemonEndpoint | undefined;
  stack: Stack | undefined;
}

/** Ask the bucket and who runs the plan. Without a daemon, what is measured comes from the bucket, and is as old as that. */
export async function gatherStatus(
  sources: readonly (PostgresSource | ManagedSource)[],
  context: CommandContext,
  place: AskedPlace | undefined,
): Promise<StatusReport> {
  const now = context.now();
  const vault = await openBucket(await context.plan(), context.environment);
  const daemon = place?.endpoint && place.machines;
  // where it cannot measure, what it measured before is shown, and why
  const watches = ['watch', ...(sources.some(({ kind }) => kind === 'rds') ? ['watch-managed'] : [])];
  const looked = daemon && Promise.all(watches.map((watch) => daemon.invoke(watch, {})));
  const unseen = await looked?.then(
    () => undefined,
    (failure: Error) => failure.message,
  );
  const asked = await askSources(sources, { vault, stack: place?.stack, signal: context.signal, now });
  const names = new Set(sources.map(({ name }) => name));
  const own = (await daemon?.invoke('daemon-status', {})) as DaemonReport | undefined;
  const running = (await place?.machines.list('RUNNING')) ?? [];
  const plan = await context.plan();
  const groups = await askGroups(plan, { store: vault.store, names, place, running, now });
  const asking = await askingNow(vault.store, now, place && { executions: running });
  return {
    now,
    sources: asked.map(({ report }) => report),
    ...groups.report,
    daemon: place?.endpoint && { pid: place.endpoint.pid, startedAt: place.endpoint.startedAt },
    stack: place?.stack && { name: place.stack.name, region: place.stack.region },
    services: (own?.services ?? []).map(({ name, pid, restarts }) => ({ name, runs: pid !== null, restarts })),
    next: own?.next ?? [],
    running: running.map((execution) => ({ ...execution, ...describeProgress(execution.arn, own?.tasks ?? []) })),
    questions: asking.filter(({ source }) => names.has(source)),
    ended: (await listEndedQuestions(vault.store, now)).filter(({ source }) => names.has(source)),
    problems: [
      ...(await incidentProblems(vault.store, names)),
      ...(unseen === undefined ? [] : [watchProblem(unseen)]),
      ...groups.problems,
      ...asked.flatMap(({ problems }) => problems).map((problem) => ledByGroup(problem, plan.failover)),
      ...(own ? [...own.services.flatMap((service) => serviceProblem(service, now)), ...daemonProblems(own)] : []),
    ],
  };
}

/** From so many on, what the watch measured a moment ago is enough: to look at each would take minutes. */
const manySources = 20;
const atOnce = 32;

type Asked = AskedSource | Awaited<ReturnType<typeof askManaged>>;

async function askSources(sources: readonly (PostgresSource | ManagedSource)[], bucket: AskedBucket): Promise<Asked[]> {
  const asked: Asked[] = new Array(sources.length);
  const next = sources.entries();
  const work = async (): Promise<void> => {
    for (const [index, source] of next) {
      if (source.kind === 'rds') {
        asked[index] = await askManaged(source, { ...bucket, store: bucket.vault.store });
        continue;
      }
      const glance = sources.length > manySources ? await glanceAtSource(source, bucket) : undefined;
      asked[index] = glance ?? (await askSource(source, bucket));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return asked;
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
