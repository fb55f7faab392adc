import { holdLease } from '#catalog/execution-lease';
import type { Movable } from '#failover/movable';
import type { SiteServer } from '#failover/site-server';
import { chooseGroup } from '#model/choose-group';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { InputInvalid } from '#model/failure';
import type { FunctionWorld } from '#runtime/function-world';
import { type StepMemories, stepMemories } from '#runtime/step-memories';
import { thisProcess } from '#runtime/this-process';
import type { ObjectStore } from '#store/object-store';

/** A group of the plan and what a step of a move reaches it by. */
export interface MovingGroup extends StepMemories {
  group: FailoverGroup;
  store: ObjectStore;
  now(): Date;
  server(site: string): Promise<SiteServer>;
  movables(): Promise<Movable[]>;
  /** Before anything is changed: that nobody else moves the group now. `yields`: a rehearsal gives way to a real move. @throws LeaseHeld */
  hold(execution: string, how?: { yields: boolean }): Promise<void>;
}

/** `since`: when the execution began that changes something. @throws InputInvalid when the plan has no such group */
export function movingGroup(world: FunctionWorld, name: string, since?: Date): MovingGroup {
  const { plan, vault, environment, now } = world;
  const group = chooseGroup(plan, name);
  return {
    ...stepMemories(vault.store, now, since),
    group,
    store: vault.store,
    now,
    server: (site) => openServer(world, group, siteOf(group, site)),
    movables: async () =>
      world.movables
        ? world.movables(group)
        : (await import('#runtime/open-movables')).openMovables(group, environment),
    hold: (execution, { yields } = { yields: false }) =>
      holdLease(vault.store, group.source, 'failover', { execution, ...thisProcess(), now: now(), yields }),
  };
}

async function openServer(world: FunctionWorld, group: FailoverGroup, site: Site): Promise<SiteServer> {
  if (world.siteServers) return world.siteServers(group, site);
  const { openSiteServer } = await import('#runtime/open-site-server');
  return openSiteServer(site, { environment: world.environment, group });
}

function siteOf(group: FailoverGroup, name: string): Site {
  const found = sitesOf(group).find((site) => site.name === name);
  if (found) return found;
  const known = sitesOf(group).map((site) => site.name);
  throw new InputInvalid('site', name, `one of the sites ${known.join(', ')}`);
}
