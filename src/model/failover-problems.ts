import type { FailoverGroup } from '#model/failover-group';
import { sitesOf } from '#model/failover-group';

export interface GroupProblem {
  /** within `failover` */
  path: PropertyKey[];
  allowed: string;
}

/** What is wrong between the groups and the rest of a plan: each source has one group at most, of servers of its kind. */
export function failoverProblems(
  groups: readonly FailoverGroup[],
  sources: readonly { name: string; kind: 'postgres' | 'rds' }[],
): GroupProblem[] {
  return groups.flatMap((group, index) => {
    const source = sources.find(({ name }) => name === group.source);
    const refuse = (path: PropertyKey[], allowed: string) => [{ path: [group.name, ...path], allowed }];
    if (!source) return refuse(['source'], `one of ${sources.map(({ name }) => name).join(', ')}`);
    const first = groups.slice(0, index).find((other) => other.source === group.source);
    if (first) return refuse(['source'], `a source of its own: ${first.name} has this one`);
    const [home, recovery] = sitesOf(group);
    if (home.server.kind !== recovery.server.kind)
      return refuse(['sites', recovery.name, 'server', 'kind'], `${home.server.kind}, as at ${home.name}`);
    if ((home.server.kind === 'postgres') !== (source.kind === 'postgres'))
      return refuse(['sites'], `servers of the kind of ${source.name}, which is ${source.kind}`);
    return group.health.flatMap((check, place) => {
      if (check.kind !== 'http' || typeof check.url === 'string') return [];
      const all = sitesOf(group).every(({ name }) => Object.hasOwn(check.url as object, name));
      return all ? [] : refuse(['health', place, 'url'], `a URL for each of ${home.name}, ${recovery.name}`);
    });
  });
}
