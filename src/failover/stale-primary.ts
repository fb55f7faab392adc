import type { Moving } from '#failover/move-blockers';
import { ifKnown, type MoveFacts } from '#failover/move-facts';

/**
 * Why the primary at `to` may be one of before a promotion that happened elsewhere: what leads to it would lead to old data.
 * A promotion begins a newer timeline, which the other server tells, or the WAL that is stored. Empty: nothing says so.
 */
export function stalePrimary({ from, to, old, next }: Moving, { bucket }: MoveFacts): string[] {
  if (next.server.state !== 'answers' || next.server.timeline === null) return [];
  const { timeline, systemId } = next.server;
  const newer = [
    { who: `${from} is on`, seen: old.server.state === 'answers' ? old.server : undefined },
    { who: 'the bucket has WAL of', seen: ifKnown(bucket) },
  ].flatMap(({ who, seen }) =>
    seen?.systemId === systemId && seen.timeline !== null && seen.timeline > timeline
      ? [`${who} timeline ${seen.timeline}`]
      : [],
  );
  if (newer.length === 0) return [];
  const why = `${to} takes writes on timeline ${timeline}, and ${newer.join(' and ')}`;
  return [`${why}: another server was promoted since, so nothing is led to ${to}; stop ${to}, and start the other one`];
}
