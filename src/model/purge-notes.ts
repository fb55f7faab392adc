import type { RetentionFacts } from '#model/retention-facts';

const dayMs = 24 * 3600 * 1000;

/** What a person should know of a purge, in words: what it leaves, and why. */
export function purgeNotes(facts: RetentionFacts, now: Date): string[] {
  const { backups, dumps, leftovers, unreadable, held, asked, lockDays, systems } = facts;
  const known = new Set<string>([...backups, ...dumps].map(({ id }) => id));
  const youngSince = now.getTime() - lockDays * dayMs;
  const young = [...backups, ...dumps].filter(({ finishedAt }) => finishedAt.getTime() >= youngSince);
  const begun = leftovers.filter(({ startedAt, busy }) => busy || startedAt.getTime() >= youngSince);
  return [
    ...held.flatMap(({ id, reason }) => (known.has(id) ? [`${id} stays, since it is held: ${reason}`] : [])),
    ...unreadable.map(
      ({ id, why }) =>
        `${id} stays, with what it may need (${id.endsWith('-incr') ? 'all backups before it, and ' : ''}WAL that was stored since), for its manifest cannot be read: ${why}`,
    ),
    ...asked.map(({ execution, ids }) =>
      ids.length > 0
        ? `${ids.join(', ')} and the WAL behind stay, since ${execution} restores it, or asks whether it may`
        : `no backup and no dump goes, since ${execution} restores something, or asks whether it may, and does not say what`,
    ),
    ...(lockDays > 0 && young.length > 0
      ? [
          `${young.length} of them and the WAL of ${lockDays} days stay, since they are younger than the bucket's lock: purge it again later`,
        ]
      : []),
    ...(begun.length > 0
      ? [`${begun.map(({ id }) => id).join(', ')} stays, never committed: too young, or somebody is at work`]
      : []),
    ...(systems.length > 0
      ? [
          `WAL that is stored after ${now.toISOString()} stays: while the server runs and may be reached, its receiver stores more`,
        ]
      : []),
    lockDays > 0
      ? `what goes lies under delete markers for ${lockDays} days more, here and in a copy of the bucket: before that nobody can remove it`
      : 'in a bucket with versions what goes lies under delete markers until a rule of the bucket removes it',
    'never removed: timeline histories, holds, leases, approvals, evidence; what executions and notices left goes after 90 days',
  ];
}
