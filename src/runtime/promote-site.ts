import { setTimeout as delay } from 'node:timers/promises';
import { FenceFailed, PromotionFailed, SwitchoverIncomplete } from '#failover/failures';
import type { SiteFacts } from '#failover/site-facts';
import type { SiteServer } from '#failover/site-server';
import { formatLsn, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import type { MovingGroup } from '#runtime/moving-group';
import { beginPromotion, mayYetBePromoted, refusedBefore, rememberRefusal } from '#runtime/promotion-begun';

export interface PromotedSite {
  /** false: it goes on; ask again */
  done: boolean;
  timeline: Timeline | null;
  /** as text */
  lsn: string | null;
}

export interface PromotionAsked {
  execution: string;
  site: string;
  /** where the primary was */
  from: string;
  /** where its WAL ends; null: nobody knows */
  end: Lsn | null;
  gently: boolean;
  force: boolean;
}

/** The lambda has more time; the machine waits between its calls. */
const waitMs = 20_000;
/** What a fenced primary has sent arrives at once, or not at all. */
const arrivalMs = 5_000;
const arrivalPauseMs = 250;

/**
 * Make a standby the primary, or see that it is by now. The other site was fenced in this execution, and is seen to be so right
 * before. @throws FenceFailed, SwitchoverIncomplete: nothing was begun; PromotionFailed: the server has refused; LeaseHeld
 */
export async function promoteSite(
  moving: MovingGroup,
  asked: PromotionAsked,
  signal: AbortSignal,
): Promise<PromotedSite> {
  const { execution, site, gently } = asked;
  await moving.hold(execution);
  const refused = await refusedBefore(moving, execution);
  if (refused !== undefined) throw notPromoted(site, refused);
  const server = await moving.server(site);
  const facts = await server.look(signal);
  const late = isPrimary(facts) || (await mayYetBePromoted(moving, execution));
  await seeFence(moving, { ...asked, late }, signal);
  // where the service moves the primary by itself, it also sees that nothing is lost
  const movesItself = moving.group.home.server.kind === 'aurora';
  if (gently && !late && !movesItself) await seeAllReceived(server, { ...asked, facts }, signal);
  const again = await beginPromotion(moving, execution, facts);
  try {
    const { done, timeline, lsn } = await server.promote({ gently, waitMs, signal });
    return { done, timeline, lsn: lsn === null ? null : formatLsn(lsn) };
  } catch (failure) {
    // what was asked for before may happen all the same
    if (!again && failure instanceof PromotionFailed)
      await rememberRefusal(moving, { execution, site, why: failure.message });
    throw failure;
  }
}

const isPrimary = ({ server }: SiteFacts): boolean => server.state === 'answers' && server.role === 'primary';

/** `late`: the promotion cannot be taken back any more, so a fence that is gone is put up again. */
async function seeFence(
  moving: MovingGroup,
  { execution, from, force, late }: PromotionAsked & { late: boolean },
  signal: AbortSignal,
): Promise<void> {
  const server = await moving.server(from);
  const facts = await server.look(signal);
  let { fence } = facts;
  // who answers as a primary is one, whatever was approved when it did not
  if (force && !isPrimary(facts)) return;
  const known = (await moving.recall(execution, 'fence'))?.[from] !== undefined;
  if (late && known && !fence.fenced) {
    await server.fence({ gently: false, signal });
    fence = (await server.look(signal)).fence;
  }
  if (known && fence.fenced) return;
  const why = known ? `it is not fenced: ${fence.how}` : 'this execution has not fenced it';
  throw new FenceFailed(`${from} may take writes: ${why}`, {
    operation: 'promote',
    subject: from,
    hint: late
      ? `stop ${from} now: there may be two primaries`
      : `nothing was promoted; see what started ${from} again`,
  });
}

async function seeAllReceived(
  server: SiteServer,
  { site, from, end, facts }: PromotionAsked & { facts: SiteFacts },
  signal: AbortSignal,
): Promise<void> {
  if (end === null) throw incomplete(site, `nobody knows where the WAL of ${from} ends`);
  let received = receivedBy(facts);
  for (let waitedMs = 0; !(received !== null && received >= end); waitedMs += arrivalPauseMs) {
    if (waitedMs >= arrivalMs) {
      const has = received === null ? 'it does not say what it has' : `it has WAL up to ${formatLsn(received)}`;
      throw incomplete(site, `${has}, and that of ${from} ends at ${formatLsn(end)}`);
    }
    await delay(arrivalPauseMs, undefined, { signal });
    received = receivedBy(await server.look(signal));
  }
}

const receivedBy = ({ server }: SiteFacts): Lsn | null =>
  server.state === 'answers' ? (server.received ?? server.lsn) : null;

const incomplete = (site: string, why: string): SwitchoverIncomplete =>
  new SwitchoverIncomplete(`${site} is not promoted: ${why}`, {
    operation: 'promote',
    subject: site,
    hint: 'a planned switchover loses nothing: see why the standby does not receive, and start it again',
  });

const notPromoted = (site: string, why: string): PromotionFailed =>
  new PromotionFailed(`${site} has refused to be promoted: ${why}`, { operation: 'promote', subject: site });
