import type { TestContext } from 'node:test';
import type { SiteServer } from '#failover/site-server';
import type { Installation } from '#harness/postgres-installations';
import { type PairOptions, ReplicatedPair } from '#harness/replicated-pair';
import type { ReplicatedSite } from '#harness/replicated-site';
import { failoverGroup } from '#model/failover-group';
import type { Control } from '#model/failover-site';
import { openSiteServer } from '#runtime/open-site-server';

export interface SiteScene {
  pair: ReplicatedPair;
  east: ReplicatedSite;
  west: ReplicatedSite;
  eastServer: SiteServer;
  westServer: SiteServer;
  signal: AbortSignal;
}

/** A pair with a table of orders, and its sites as a plan leads to them; `control`: instead of the data directories. */
export async function siteScene(
  t: TestContext,
  installation: Installation,
  { control, ...options }: PairOptions & { control?: Control } = {},
): Promise<SiteScene> {
  const pair = await ReplicatedPair.create(installation, options);
  t.after(() => pair.remove());
  await pair.east.query('create table orders (id int primary key)');
  await pair.untilCaughtUp();
  const { shop } = pair.failover();
  if (control) for (const { server } of Object.values(shop.sites)) Object.assign(server, { control });
  const group = { name: 'shop', ...failoverGroup.parse(shop) };
  const [eastServer, westServer] = await Promise.all(
    [group.home, group.recovery].map((site) => openSiteServer(site, { environment: process.env, group })),
  );
  const { signal } = new AbortController();
  return { pair, east: pair.east, west: pair.west, eastServer: eastServer!, westServer: westServer!, signal };
}
