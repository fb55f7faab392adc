import type { Plan } from '#model/plan';
import { failoverFunctions, failoverMachines } from '#stack/failover-stack';
import { functionRights } from '#stack/function-rights';
import { slackFunction } from '#stack/slack';
import { systemFunctions, systemMachines } from '#stack/system-stack';

/** The functions that are deployed with a plan: what it has nothing to do for is not. */
export function functionsOf({ slack, failover, systems }: Pick<Plan, 'slack' | 'failover' | 'systems'>): string[] {
  const leftOut = [
    ...(slack ? [] : [slackFunction]),
    ...(failover.length > 0 ? [] : Object.keys(failoverFunctions)),
    ...(systems.length > 0 ? [] : Object.keys(systemFunctions)),
  ];
  return Object.keys(functionRights).filter((name) => !leftOut.includes(name));
}

/** The same of machines. */
export const machinesOf = ({ failover, systems }: Pick<Plan, 'failover' | 'systems'>): string[] => [
  ...['backup', 'verify', 'drill', 'dump', 'restore', 'scrub', 'retention', 'rds-snapshot', 'rds-restore'],
  ...(failover.length > 0 ? failoverMachines : []),
  ...(systems.length > 0 ? systemMachines : []),
];
