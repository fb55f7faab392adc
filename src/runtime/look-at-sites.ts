import { setTimeout as sleep } from 'node:timers/promises';
import type { SiteFacts } from '#failover/site-facts';
import { knownInTime } from '#runtime/known-in-time';
import type { MovingGroup } from '#runtime/moving-group';

const lookMs = 15_000;

/** Both sites' servers at this moment; one that cannot be looked at in time is silent, and not seen to be fenced. */
export async function lookAtSites(moving: Pick<MovingGroup, 'group' | 'server'>): Promise<[SiteFacts, SiteFacts]> {
  const { home, recovery } = moving.group;
  return Promise.all([lookAt(moving, home.name), lookAt(moving, recovery.name)]);
}

async function lookAt({ server }: Pick<MovingGroup, 'server'>, site: string): Promise<SiteFacts> {
  const seen = await knownInTime(lookMs, async (signal) => (await server(site)).look(signal));
  return seen.known ? seen.value : unseen(site, seen.why);
}

const unseen = (site: string, why: string): SiteFacts => ({
  site,
  server: { state: 'silent', why },
  fence: { strength: 'soft', fenced: false, possible: false, how: `it could not be looked at: ${why}` },
});

const patienceMs = 3_000;
const pauseMs = 200;

/**
 * The two looks are never of the same instant, and a server that writes is ahead of every look at its standby. So a standby that
 * streams gets a moment to have what the primary had; where it comes so far, it is not behind.
 */
export async function lookAtMoving(moving: Pick<MovingGroup, 'group' | 'server'>): Promise<[SiteFacts, SiteFacts]> {
  const sites = await lookAtSites(moving);
  const until = performance.now() + patienceMs;
  for (;;) {
    const late = sites.findIndex((one, index) => isAlmost(one, sites[1 - index]!));
    if (late === -1 || performance.now() >= until) return sites;
    await sleep(pauseMs);
    sites[late] = await lookAt(moving, sites[late]!.site);
  }
}

function isAlmost({ server: standby }: SiteFacts, { server: primary }: SiteFacts): boolean {
  if (standby.state !== 'answers' || primary.state !== 'answers') return false;
  if (standby.role !== 'standby' || primary.role !== 'primary' || !standby.streams || primary.lsn === null)
    return false;
  return standby.lsn !== null && standby.lsn < primary.lsn;
}
