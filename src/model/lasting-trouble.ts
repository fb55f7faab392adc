import { formatLsn, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';

/** What is trouble only when it lasts, with when it was first seen; null: it is not so. ISO 8601, by our clock */
export interface LastingTroubles {
  /** the server is ahead of what is stored, which ends there; null: nothing is stored */
  behind: { storedTo: string | null; since: string } | null;
  /** WAL is missing after this position */
  gap: { after: string; since: string } | null;
  /** since when the server does not answer */
  unreachable: { since: string } | null;
}

export interface SeenNow {
  now: Date;
  /** undefined: the server does not answer */
  server: { timeline: Timeline; flushed: Lsn } | undefined;
  /** undefined: nothing is stored */
  stored: { timeline: Timeline; end: Lsn } | undefined;
  gapAfter: Lsn | undefined;
}

/** The same trouble as before goes on; another one begins. */
export function lastingTroubles(before: LastingTroubles | undefined, seen: SeenNow): LastingTroubles {
  const { now, server, stored, gapAfter } = seen;
  const since = (known: { since: string } | null | undefined): string =>
    known && known.since < now.toISOString() ? known.since : now.toISOString();
  const storedTo = stored ? formatLsn(stored.end) : null;
  const known = before?.behind;
  const after = gapAfter === undefined ? undefined : formatLsn(gapAfter);
  return {
    behind: isBehind(stored, server)
      ? { storedTo, since: since(known?.storedTo === storedTo ? known : undefined) }
      : server
        ? null
        : (known ?? null), // nobody knows
    gap: after === undefined ? null : { after, since: since(before?.gap?.after === after ? before.gap : undefined) },
    unreachable: server ? null : { since: since(before?.unreachable) },
  };
}

function isBehind(stored: SeenNow['stored'], server: SeenNow['server']): boolean {
  if (!server) return false;
  if (!stored || server.timeline > stored.timeline) return true;
  return server.timeline === stored.timeline && server.flushed > stored.end;
}

/** Has it lasted, by what was seen at least twice? */
export const hasLasted = (trouble: { since: string } | null, now: Date, ms: number): boolean =>
  trouble !== null && now.getTime() - Date.parse(trouble.since) >= ms;
