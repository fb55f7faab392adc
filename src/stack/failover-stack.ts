import type { Plan } from '#model/plan';
import { type FunctionSize, functionResources, lambdaFunctions } from './lambda-function.ts';
import { rebuildRole, rebuildTask } from './rebuild-task.ts';
import { stateMachine } from './state-machine.ts';

/** What only a plan with `failover` groups has: functions.yml, machines.yml and tasks.yml have what every plan has. */
export const failoverFunctions: Readonly<Record<string, FunctionSize>> = {
  'plan-failover': { memoryMb: 1024, timeoutSeconds: 890 },
  'recheck-failover': { memoryMb: 1024, timeoutSeconds: 890 },
  'fence-primary': { memoryMb: 512, timeoutSeconds: 890 },
  'promote-standby': { memoryMb: 512, timeoutSeconds: 290 },
  'move-traffic': { memoryMb: 1024, timeoutSeconds: 290 },
  'check-health': { memoryMb: 512, timeoutSeconds: 55 },
  'check-standby': { memoryMb: 512, timeoutSeconds: 55 },
  'plan-failback': { memoryMb: 512, timeoutSeconds: 120 },
  'end-failover': { memoryMb: 256, timeoutSeconds: 50 },
  // asked by the clock, and by nobody else
  'watch-failover': { memoryMb: 512, timeoutSeconds: 55, everyMinute: true },
};

export const failoverMachines = ['failover', 'failback'] as const;

const topics = ['FailureTopic', 'SuccessTopic'] as const;
const task = { name: 'rebuild-standby', role: 'RebuildStandbyTaskRole' };

/** Nothing where the plan has no group. `planData`: the plan, as tasks get it */
export function failoverStack(plan: Plan, planData: string) {
  if (plan.failover.length === 0) return { functions: {}, Conditions: {}, Resources: {}, counted: {} };
  return {
    functions: lambdaFunctions(failoverFunctions),
    counted: functionResources(failoverFunctions),
    Conditions: { [watchesFailover]: whereItWatches(plan) },
    Resources: {
      ...stateMachine('failover', {
        functions: [
          ...['plan-failover', 'ask-approval', 'recheck-failover', 'fence-primary', 'promote-standby', 'move-traffic'],
          ...['check-health', 'task-failure', 'task-result', 'record-evidence', 'end-failover'],
        ],
        ...{ topics, task, starts: ['backup'], awaits: ['drill'] },
      }),
      ...stateMachine('failback', {
        functions: ['plan-failback', 'check-standby', 'task-failure', 'record-evidence'],
        ...{ topics, task, awaits: ['failover'] },
      }),
      RebuildStandbyTask: rebuildTask(planData),
      RebuildStandbyTaskRole: rebuildRole(plan),
    },
  };
}

/** The condition of what watches groups in one stack only. */
export const watchesFailover = 'WatchesFailover';

/**
 * Two stacks have the same plan, and each outage is proposed once: by the stack of the recovery region, whether it stands by or has
 * taken over, since it outlives the home region, and sees two primaries when that comes back. Where the plan has one region, by its only stack.
 */
function whereItWatches({ aws }: Plan): object {
  const region = aws?.recoveryRegion;
  return region === undefined
    ? { 'Fn::Equals': [{ Ref: 'Standby' }, 'no'] }
    : { 'Fn::Equals': [{ Ref: 'AWS::Region' }, region] };
}
