import { formatDuration } from '#model/duration';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { formatBytes } from '#model/format-bytes';

/** What moves with a primary, and how it is kept from coming back: by the plan alone, one line each. */
export function groupLines(group: FailoverGroup): string[] {
  const { name, source, home, limits, healthyWithinMs, automatic, proposeAfterMs } = group;
  return [
    `The group ${name} moves ${source}; at home it is at ${home.name}.`,
    ...sitesOf(group).map(describeSite),
    ...group.names.map((one) => `Clients find it by ${whatOf(one)}: ${describeValues(one.values)}.`),
    ...group.capacity.map(
      (one) => `At ${one.site}, ${whatOf(one)} is ${one.active} while the primary is there, and else ${one.idle}.`,
    ),
    ...group.settings.map((one) => `Applications read ${whatOf(one)}: ${describeValues(one.values)}.`),
    `It counts as done when ${group.health.map((check) => check.name).join(', ') || 'nothing more is asked: the plan has no health checks, so'} is well, within ${formatDuration(healthyWithinMs)}.`,
    `It is refused when the other site is more than ${formatBytes(limits.lagBytes)} or ${formatDuration(limits.lagMs)} behind.`,
    proposeAfterMs === undefined
      ? 'Nobody is asked by itself: somebody has to begin it.'
      : `After ${formatDuration(proposeAfterMs)} without a primary it is proposed${automatic ? ', and begun without a person when two witnesses agree' : ' by itself, and waits for a yes'}.`,
  ];
}

function describeSite({ name, server }: Site): string {
  if (server.kind === 'rds') return `${name}: the instance ${server.instance} of RDS in ${server.region}.`;
  if (server.kind === 'aurora')
    return `${name}: the cluster ${server.cluster} of ${server.globalCluster} in ${server.region}.`;
  const { connection, control } = server;
  return `${name}: ${connection.host}, port ${connection.port}. ${fences[control.kind]}`;
}

const fences = {
  local: 'Fenced by stopping it here; it can then only come up as a standby.',
  ec2: 'Fenced by stopping its machine, answer or not.',
  sql: 'Fenced by SQL alone: when it does not answer, it cannot be fenced.',
};

const whatOf = (one: { kind: string; [field: string]: unknown }): string =>
  `${one.kind} ${one.path ?? one.name ?? one.parameter ?? one.secret ?? one.service ?? one.group}`;

const describeValues = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([site, value]) => `${value} at ${site}`)
    .join(', ');
