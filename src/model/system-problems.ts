import { normalize } from 'node:path';
import type { RecoverySystem } from '#model/recovery-system';
import { restoreOrder } from '#model/restore-order';

export interface SystemProblem {
  /** within `systems` */
  path: PropertyKey[];
  allowed: string;
}

interface Known {
  sources: readonly { name: string }[];
  /** that RDS runs */
  managed: readonly { name: string }[];
}

/** What is wrong within a system, and between it and the rest of the plan. */
export const systemProblems = (systems: readonly RecoverySystem[], known: Known): SystemProblem[] =>
  systems.flatMap((system) =>
    [...sourceProblems(system, known), ...orderProblems(system), ...checkProblems(system)].map(({ path, allowed }) => ({
      path: [system.name, ...path],
      allowed,
    })),
  );

function sourceProblems({ sources }: RecoverySystem, { sources: ours, managed }: Known): SystemProblem[] {
  return sources.flatMap(({ source, to, after, start }, index) => {
    const refuse = (field: PropertyKey[], allowed: string) => ({ path: ['sources', index, ...field], allowed });
    const before = sources.slice(0, index);
    const samePlace = before.find((other) => normalize(other.to) === normalize(to));
    const samePort = before.find((other) => start?.port !== undefined && other.start?.port === start.port);
    const isManaged = managed.some(({ name }) => name === source);
    const isOurs = ours.some(({ name }) => name === source);
    const rds =
      'a source of kind postgres: what RDS runs is restored by the machine rds-restore (lifeboat rds-restore)';
    return [
      ...(isManaged ? [refuse(['source'], rds)] : []),
      ...(isManaged || isOurs ? [] : [refuse(['source'], `one of ${ours.map(({ name }) => name).join(', ')}`)]),
      ...(before.some((other) => other.source === source) ? [refuse(['source'], 'each source once')] : []),
      ...(samePlace ? [refuse(['to'], `a directory of its own: ${samePlace.source} has this one`)] : []),
      ...(samePort ? [refuse(['start', 'port'], `a port of its own: ${samePort.source} has this one`)] : []),
      ...after.flatMap((name, place) =>
        sources.some((other) => other.source === name)
          ? []
          : [refuse(['after', place], `one of ${sources.map((other) => other.source).join(', ')}`)],
      ),
    ];
  });
}

function orderProblems({ sources }: RecoverySystem): SystemProblem[] {
  const found = restoreOrder(sources);
  if (found.possible) return [];
  const [first] = found.cycle;
  const index = sources.findIndex(({ source }) => source === first);
  const circle = [...found.cycle, first].join(' after ');
  return [{ path: ['sources', index, 'after'], allowed: `an order without a circle: ${circle}` }];
}

const checkProblems = ({ sources, health }: RecoverySystem): SystemProblem[] =>
  health.flatMap(({ source }, index) =>
    source === undefined || sources.some((one) => one.source === source)
      ? []
      : [{ path: ['health', index, 'source'], allowed: `one of ${sources.map((one) => one.source).join(', ')}` }],
  );
