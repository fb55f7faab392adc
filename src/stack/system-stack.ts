import type { Plan } from '#model/plan';
import { arnOf, ref, sub } from './intrinsics.ts';
import { type FunctionSize, functionResources, lambdaFunctions } from './lambda-function.ts';
import { stateMachine } from './state-machine.ts';

/** What only a plan with `systems` has: functions.yml, machines.yml and tasks.yml have what every plan has. */
export const systemFunctions: Readonly<Record<string, FunctionSize>> = {
  'plan-system': { memoryMb: 1024, timeoutSeconds: 890 },
  'recheck-system': { memoryMb: 1024, timeoutSeconds: 890 },
  'move-applications': { memoryMb: 512, timeoutSeconds: 55 },
  'put-system-settings': { memoryMb: 512, timeoutSeconds: 55 },
  // which has nothing to do on AWS: no plan that is deployed starts servers (deployable-plan.ts)
  'start-restored-server': { memoryMb: 256, timeoutSeconds: 175 },
  'check-system-health': { memoryMb: 512, timeoutSeconds: 55 },
  'undo-system-recovery': { memoryMb: 512, timeoutSeconds: 175 },
  'end-system-recovery': { memoryMb: 256, timeoutSeconds: 55 },
};

export const systemMachines = ['system-recovery'] as const;

/** Nothing where the plan has no system. */
export function systemStack({ systems }: Pick<Plan, 'systems'>) {
  if (systems.length === 0) return { functions: {}, Resources: {}, counted: {} };
  return {
    functions: lambdaFunctions(systemFunctions),
    counted: functionResources(systemFunctions),
    Resources: {
      ...stateMachine('system-recovery', {
        functions: [
          ...Object.keys(systemFunctions),
          ...['ask-approval', 'task-failure', 'task-result', 'record-evidence'],
        ],
        topics: ['FailureTopic', 'SuccessTopic'],
        task: { name: 'restore', role: 'RestoreTaskRole', onVolume: true },
      }),
      RestoreSystems: leavingResults,
    },
  };
}

/** The task that restores is that of every plan; what it leaves for this machine lies apart. */
const leavingResults = {
  Type: 'AWS::IAM::Policy',
  Properties: {
    PolicyName: 'put-results-of-systems',
    Roles: [ref('RestoreTaskRole')],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: ['s3:GetObject', 's3:PutObject'],
          Resource: sub(`\${Bucket.Arn}/executions/system-recovery/*`),
        },
        {
          Effect: 'Allow',
          Action: 's3:ListBucket',
          Resource: arnOf('Bucket'),
          Condition: { StringLike: { 's3:prefix': 'executions/system-recovery/*' } },
        },
      ],
    },
  },
};
