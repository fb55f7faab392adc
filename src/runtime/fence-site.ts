import { FenceFailed } from '#failover/failures';
import type { FenceMemory, SiteServer } from '#failover/site-server';
import { otherSite } from '#model/failover-group';
import { Failure, LeaseHeld, StoreRefused, StoreUnavailable } from '#model/failure';
import { formatLsn } from '#model/lsn';
import { ResultMissing } from '#model/result-missing';
import type { MovingGroup } from '#runtime/moving-group';
import { seePromotion } from '#runtime/see-promotion';

export interface FencedSite {
  /** none: it could not be fenced, and somebody has approved that */
  strength: 'hard' | 'soft' | 'none';
  /** in words */
  how: string;
  /** where its WAL ends, as text; null: it could not be asked */
  end: string | null;
}

const step = 'fence';

/**
 * Keep a site's server from taking writes. What leads back is stored before anything is changed; asked again, it finds what was
 * done. @throws FenceFailed when it may still take writes, unless `force` and it does not answer as a primary; LeaseHeld
 */
export async function fenceSite(
  moving: MovingGroup,
  asked: { execution: string; site: string; gently: boolean; force: boolean },
  signal: AbortSignal,
): Promise<FencedSite> {
  const { execution, site, gently, force } = asked;
  await moving.hold(execution);
  const server = await moving.server(site);
  try {
    await moving.remember(execution, step, async () => ({
      [site]: await server.beforeFence(signal),
    }));
    const { strength, how, end } = await server.fence({ gently, signal });
    return { strength, how, end: end === null ? null : formatLsn(end) };
  } catch (failure) {
    if (!force || !isOfTheServer(failure) || (await takesWrites(server, signal))) throw failure;
    return { strength: 'none', how: `it could not be fenced: ${failure.message}`, end: null };
  }
}

/** No person's yes makes two primaries right. */
async function takesWrites(server: SiteServer, signal: AbortSignal): Promise<boolean> {
  const { server: said, fence } = await server.look(signal);
  return said.state === 'answers' && said.role === 'primary' && !fence.fenced;
}

/** What the bucket has against it says nothing about the server. */
const isOfTheServer = (failure: unknown): failure is Failure =>
  failure instanceof Failure &&
  !(
    failure instanceof LeaseHeld ||
    failure instanceof StoreUnavailable ||
    failure instanceof StoreRefused ||
    failure instanceof ResultMissing
  );

export interface UnfencedSite {
  /** false: it was never fenced in this execution */
  undone: boolean;
  /** in words */
  how: string;
}

/**
 * Let a site's server take writes again, as the memory of this execution says; never while the other site's server takes
 * writes, or may do so soon. @throws FenceFailed, LeaseHeld
 */
export async function undoFence(
  moving: MovingGroup,
  { execution, site }: { execution: string; site: string },
  signal: AbortSignal,
): Promise<UnfencedSite> {
  const before = (await moving.recall(execution, step))?.[site];
  if (before === undefined) return { undone: false, how: `${site} was not fenced` };
  await moving.hold(execution);
  await refuseTwoPrimaries(moving, { execution, site }, signal);
  const server = await moving.server(site);
  await server.unfence(before as FenceMemory, signal);
  if (await takesWrites(server, signal)) return { undone: true, how: `${site} takes writes again` };
  const { fence } = await server.look(signal);
  return { undone: true, how: `${site} is what it was before, and takes no writes (${fence.how})` };
}

async function refuseTwoPrimaries(
  moving: MovingGroup,
  { execution, site }: { execution: string; site: string },
  signal: AbortSignal,
): Promise<void> {
  const other = otherSite(moving.group, site).name;
  const { impossible, found } = await seePromotion(moving, { execution, site: other, restored: false }, signal);
  if (impossible) return;
  throw new FenceFailed(`${site} stays fenced: ${found}`, {
    operation: 'undo the fence',
    subject: site,
    hint: `look at ${other} first: there may never be two primaries`,
  });
}
