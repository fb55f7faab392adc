import type { PointFact, RetentionFacts } from '#model/retention-facts';
import type { WalRule } from '#model/retention-record';

/** What a person should know of a retention plan, in words. */
export function retentionNotes(facts: RetentionFacts, wal: readonly WalRule[], windowStart: Date): string[] {
  const { backups, dumps, unreadable, held, asked } = facts;
  const known = new Set<string>([...backups, ...dumps, ...unreadable].map(({ id }) => id));
  const unproven = (points: readonly PointFact[], best: string) =>
    points.length > 0 && !points.some(({ state }) => state === 'proven' || state === best);
  const old = backups.some(({ at, state }) => at <= windowStart && state !== 'broken');
  return [
    ...(unproven(backups, 'proven') ? ['no backup is proven, so none goes: `lifeboat drill` proves one'] : []),
    ...(['dump', 'schema'] as const)
      .filter((kind) =>
        unproven(
          dumps.filter((dump) => dump.kind === kind),
          facts.bestDump,
        ),
      )
      .map((kind) => `no ${kind === 'dump' ? 'dump' : 'dump of definitions'} is ${facts.bestDump}, so none goes`),
    ...(backups.length > 0 && !old ? ['no usable backup is as old as the window: nothing of it goes yet'] : []),
    ...unreadable.map(({ id, why }) => `${id} stays, since its manifest cannot be read: ${why}`),
    ...wal.flatMap((rule) => (rule.rule === 'none' ? [`WAL of system ${rule.systemId} stays: ${rule.why}`] : [])),
    ...asked.map(({ execution, ids }) =>
      ids.length > 0
        ? `${ids.join(', ')} ${ids.length === 1 ? 'stays' : 'stay'}, since ${execution} restores it, or asks whether it may`
        : `nothing goes, since ${execution} restores something, or asks whether it may, and does not say what`,
    ),
    ...held.filter(({ id }) => !known.has(id)).map(({ id }) => `${id} is held, and is not there`),
  ];
}
