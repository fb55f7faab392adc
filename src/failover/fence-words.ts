import type { Moving } from '#failover/move-blockers';
import type { FencedBy } from '#failover/move-hash';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import { oneLine } from '#model/plain-text';

export function fencedBy(group: FailoverGroup, name: string): FencedBy {
  const { server } = sitesOf(group).find((site) => site.name === name)!;
  return server.kind === 'postgres' ? server.control.kind : server.kind;
}

/** What a site's control leads to, as the plan says. */
export function controlled(group: FailoverGroup, name: string): string {
  const { server } = sitesOf(group).find((site) => site.name === name)!;
  if (server.kind === 'rds') return `${server.region}/${server.instance}`;
  if (server.kind === 'aurora') return `${server.region}/${server.cluster}`;
  const { connection, control } = server;
  if (control.kind === 'local') return control.dataDir;
  return control.kind === 'ec2' ? `${control.region}/${control.instance}` : `${connection.host}:${connection.port}`;
}

const means: Record<FencedBy, string> = {
  local: 'it is stopped, and whoever starts its data directory gets a standby',
  ec2: 'its machine is stopped',
  sql: 'it is made read-only by SQL, which a client can override',
  rds: 'RDS keeps clients from it, or stops it',
  aurora: 'Aurora takes its writer role away',
};

/** hard and soft as a person at night understands them. */
export function fenceWords({ group, from, old: { fence } }: Moving): string {
  const now = `now: ${oneLine(fence.how, 200)}`;
  if (fence.fenced) return `${from} is fenced already (${fence.strength}); ${now}`;
  if (!fence.possible) return `none is possible; ${now}`;
  const sure =
    fence.strength === 'hard' ? 'hard, it cannot write whatever it does' : 'soft, against usual clients only';
  return `first, ${sure}: ${means[fencedBy(group, from)]}; ${now}`;
}
