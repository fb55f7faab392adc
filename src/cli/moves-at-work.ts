import type { FailoverGroup } from '#model/failover-group';
import type { ExecutionSummary, Machines } from '#runtime/machines';

/** By group, the name of the execution that moves it, or makes it a standby; of a failback and its switchover the failback. */
export async function movesAtWork(
  groups: readonly FailoverGroup[],
  running: readonly ExecutionSummary[],
  machines: Pick<Machines, 'describe'> | undefined,
): Promise<Map<string, string>> {
  const moves = running.filter(({ machine }) => machine === 'failover' || machine === 'failback');
  if (!machines || groups.length === 0 || moves.length === 0) return new Map();
  const begun = [...moves].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  const found = await Promise.all(begun.map(({ arn }) => machines.describe(arn)));
  return new Map(
    found.flatMap(({ name, input }) => {
      const { group = groups[0]!.name, rehearse } = (input ?? {}) as { group?: string; rehearse?: boolean };
      return rehearse === true ? [] : [[group, name] as const];
    }),
  );
}
