import type { SiteFacts } from '#failover/site-facts';
import type { SiteState } from '#model/failover-standing';

/** What is seen of the two sites' servers. A primary that is fenced takes no writes, and is none. */
export type Observed =
  | { primary: 'one'; site: string; other: string }
  /** no server takes writes, or none that could be seen */
  | { primary: 'none' }
  /** both take writes: their data diverge with each one */
  | { primary: 'two' };

export function observePrimary([a, b]: readonly [SiteFacts, SiteFacts]): Observed {
  const [first, second] = [stateOf(a), stateOf(b)];
  if (first === 'primary' && second === 'primary') return { primary: 'two' };
  if (first === 'primary') return { primary: 'one', site: a.site, other: b.site };
  if (second === 'primary') return { primary: 'one', site: b.site, other: a.site };
  return { primary: 'none' };
}

/** A standby that cannot become a primary by itself is fenced, too; here it is a standby. */
export function stateOf({ server, fence }: SiteFacts): SiteState {
  if (server.state !== 'answers') return server.state === 'silent' && fence.fenced ? 'fenced' : server.state;
  if (server.role === 'standby') return 'standby';
  return fence.fenced ? 'fenced' : 'primary';
}
