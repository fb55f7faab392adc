import { formatLsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import type { MovingGroup } from '#runtime/moving-group';
import { mayYetBePromoted } from '#runtime/promotion-begun';

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
  // a standby of ours is fenced whenever it runs as one, also while it is about to be promoted
  const impossible = !begun || server.state === 'absent';
  const found = impossible ? told : `${told}, and was asked to become the primary`;
  return { done: false, impossible, timeline: null, lsn: null, found };
}
