import { readMemory } from '#catalog/failover-records';
import { readLease } from '#catalog/lease';
import { formatLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import type { MovingGroup } from '#runtime/moving-group';
import { mayYetBePromoted } from '#runtime/promotion-begun';
import { leaseKey } from '#store/bucket-layout';

export interface SeenPromotion {
  /** it is the primary now */
  done: boolean;
  /** nothing that was begun can make it one: what was done before may be undone */
  impossible: boolean;
  timeline: Timeline | null;
  /** as text */
  lsn: string | null;
  /** in words */
  found: string;
}

/**
 * What became of a promotion whose answer is lost or bad; changes nothing. `restored`: the server was to come from the bucket,
 * where what runs becomes a primary by itself.
 */
export async function seePromotion(
  moving: MovingGroup,
  { execution, site, restored }: { execution: string; site: string; restored: boolean },
  signal: AbortSignal,
): Promise<SeenPromotion> {
  const { server } = await (await moving.server(site)).look(signal);
  const begun = restored || (await mayYetBePromoted(moving, execution));
  if (server.state === 'answers' && server.role === 'primary') {
    const { timeline, lsn } = server;
    return { done: true, impossible: false, timeline, lsn: lsn && formatLsn(lsn), found: `${site} is the primary` };
  }
  const told = {
    absent: `${site} has no server`,
    silent: `${site} does not answer${server.state === 'silent' ? `: ${server.why}` : ''}`,
    answers: `${site} is a standby`,
  }[server.state];
  const moved = !begun && server.state === 'silent' && (await mayHaveBeenMoved(moving, execution));
  // a standby of ours is fenced whenever it runs as one, also while it is about to be promoted
  const impossible = server.state === 'absent' || !(begun || moved);
  const why = moved ? 'another execution may have made it the primary since' : 'was asked to become the primary';
  const found = impossible ? told : `${told}, and ${why}`;
  return { done: false, impossible, timeline: null, lsn: null, found };
}

/**
 * Whether somebody else has had the group since this execution fenced a site of it: it slept, or was stopped, for longer than
 * its lease. Then who does not answer may be the primary.
 */
async function mayHaveBeenMoved({ store, group }: MovingGroup, execution: string): Promise<boolean> {
  const [fence, lease] = await Promise.all([
    readMemory(store, execution, 'fence'),
    readLease(store, leaseKey(group.source, 'failover')),
  ]);
  if (!fence || !lease) return false;
  const { execution: holder, acquiredAt } = lease.state;
  return holder !== execution || Date.parse(acquiredAt) > Date.parse(fence.at) + clockSkewMs;
}

const clockSkewMs = 60_000;
