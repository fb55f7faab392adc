import type { Movable } from '#failover/movable';
import type { Capacity } from '#model/failover-capacity';
import type { FailoverGroup } from '#model/failover-group';
import type { MovedName } from '#model/failover-names';
import type { MovedSetting } from '#model/failover-settings';
import type { Environment } from '#runtime/environment';
import { fileMovable } from '#runtime/file-movable';

/**
 * All that follows the group's primary: names first, then capacity, then settings, each in the plan's order. Nobody is asked
 * anything yet. Of the SDK only what the group needs is loaded: it takes longer than a file to write.
 */
export const openMovables = (
  { names, capacity, settings }: FailoverGroup,
  environment: Environment,
): Promise<Movable[]> =>
  Promise.all([
    ...names.map((name) => openName(name, environment)),
    ...capacity.map((one) => openCapacity(one, environment)),
    ...settings.map(async (setting) => ({ ...(await openSetting(setting, environment)), ...siteOf(setting) })),
  ]);

const siteOf = ({ site }: MovedSetting): { site?: string } => (site === undefined ? {} : { site });

async function openName(name: MovedName, environment: Environment): Promise<Movable> {
  if (name.kind === 'route53') return (await import('#runtime/route53-name')).route53Name(name, environment);
  return fileMovable(name.path, { part: 'names', what: `file ${name.path}`, wanted: (site) => name.values[site]! });
}

export async function openCapacity(one: Capacity, environment: Environment): Promise<Movable> {
  switch (one.kind) {
    case 'file':
      return fileCapacity(one);
    case 'ecs':
      return (await import('#runtime/ecs-capacity')).ecsCapacity(one, environment);
    case 'autoscaling':
      return (await import('#runtime/autoscaling-capacity')).autoscalingCapacity(one, environment);
    case 'deployment':
      return (await import('#runtime/deployment-capacity')).deploymentCapacity(one, environment);
  }
}

function fileCapacity({ path, site, active, idle }: Capacity & { kind: 'file' }): Movable {
  const wanted = (primary: string) => String(primary === site ? active : idle);
  return fileMovable(path, { part: 'capacity', what: `file ${path}`, site, wanted }, /^\d{1,6}$/);
}

export async function openSetting(setting: MovedSetting, environment: Environment): Promise<Movable> {
  switch (setting.kind) {
    case 'file': {
      const { path, values } = setting;
      return fileMovable(path, { part: 'settings', what: `file ${path}`, wanted: (site) => values[site]! });
    }
    case 'ssm':
      return (await import('#runtime/ssm-setting')).ssmSetting(setting, environment);
    case 'secret':
      return (await import('#runtime/secret-setting')).secretSetting(setting, environment);
    case 'configmap':
      return (await import('#runtime/configmap-setting')).configmapSetting(setting, environment);
  }
}
