import { readFailoverStanding } from '#catalog/failover-standing';
import type { AskedPlace } from '#cli/gather-status';
import { groupProblems } from '#cli/group-problems';
import { movesAtWork } from '#cli/moves-at-work';
import type { Problem, StatusReport } from '#cli/status-report';
import type { FailoverGroup } from '#model/failover-group';
import type { Plan } from '#model/plan';
import type { ExecutionSummary } from '#runtime/machines';
import type { ObjectStore } from '#store/object-store';

interface AskedGroups {
  store: ObjectStore;
  /** sources whose groups are shown */
  names: ReadonlySet<string>;
  place: AskedPlace | undefined;
  running: readonly ExecutionSummary[];
  now: Date;
}

/** What the watch has seen of the plan's groups, and what is wrong with them. */
export async function askGroups(
  { failover, aws }: Pick<Plan, 'failover' | 'aws'>,
  { store, names, place, running, now }: AskedGroups,
): Promise<{ report: Pick<StatusReport, 'groups' | 'groupsSeenFrom'>; problems: Problem[] }> {
  const seenFrom = place?.stack && aws?.recoveryRegion !== place.stack.region ? aws?.recoveryRegion : undefined;
  const shown = failover.filter(({ source }) => names.has(source));
  const groups = await Promise.all(
    shown.map(async (group) => ({ group, standing: await readFailoverStanding(store, group.name) })),
  );
  const moves = await movesAtWork(failover, running, place?.machines);
  const seen = {
    ...{ now, running: new Set(running.map(({ name }) => name)), seenFrom },
    watchedSince: place?.endpoint?.startedAt,
  };
  return {
    report: {
      // of groups that nobody has looked at yet there is nothing to tell
      groups: groups.flatMap(({ standing }) => (standing ? [standing] : [])),
      ...(seenFrom === undefined || shown.length === 0 ? {} : { groupsSeenFrom: seenFrom }),
    },
    problems: groups.flatMap(({ group, standing }) =>
      groupProblems(group, standing, { ...seen, move: moves.get(group.name) }),
    ),
  };
}

/** A server that cannot be reached may be a primary that is gone, and is not brought back by what looks at the plan. */
export function ledByGroup(problem: Problem, groups: readonly FailoverGroup[]): Problem {
  const group = groups.find(({ source }) => source === problem.source);
  if (!group || !problem.what.startsWith('the server cannot be reached')) return problem;
  return { ...problem, todo: `lifeboat groups, and where the primary is gone: lifeboat failover ${group.name}` };
}
