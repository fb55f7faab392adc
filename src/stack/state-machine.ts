import { readFileSync } from 'node:fs';
import type { TopicName } from './function-rights.ts';
import { arnOf, ownArn, ref, sub } from './intrinsics.ts';
import { functionArnOf } from './lambda-function.ts';
import { logicalName } from './logical-name.ts';

export interface MachineCalls {
  /** of functions/ */
  functions: readonly string[];
  topics: readonly TopicName[];
  /** a task definition, `restore`, and the role that it runs with */
  task: { name: string; role: string; onVolume?: true };
  /** machines that it starts, and leaves alone */
  starts?: readonly string[];
  /** machines that it starts, and waits for */
  awaits?: readonly string[];
}

/**
 * One more pair of those in statemachines/machines.yml, for a machine that is there only where the plan has something for it to do:
 * its .asl.json, what stands in it for `${…}`, and a role of exactly what it calls, which test/stack/machines.test.ts derives from
 * the definition.
 */
export function stateMachine(name: string, calls: MachineCalls): Record<string, object> {
  const id = machineId(name);
  return {
    [id]: {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        StateMachineName: sub(`\${AWS::StackName}_${name}`),
        RoleArn: arnOf(`${id}Role`),
        DefinitionString: definitionOf(name),
        DefinitionSubstitutions: substitutionsOf(calls),
        TracingConfiguration: { Enabled: true },
        LoggingConfiguration: {
          Level: 'ALL',
          IncludeExecutionData: false,
          Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: arnOf('MachineLogs') } }],
        },
      },
    },
    [`${id}Role`]: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: byMachines,
        Policies: [
          policy('logs-and-traces', [{ Action: observed, Resource: '*' }]),
          policy('what-it-calls', grantsOf(calls)),
        ],
      },
    },
  };
}

const machineId = (name: string): string => `${logicalName(name)}StateMachine`;

const definitionOf = (name: string): string =>
  JSON.stringify(
    JSON.parse(readFileSync(new URL(`../../statemachines/${name}.asl.json`, import.meta.url), 'utf8')) as object,
  );

function substitutionsOf({ functions, topics, task, starts = [], awaits = [] }: MachineCalls): Record<string, object> {
  return {
    ...Object.fromEntries(functions.map((one) => [`${logicalName(one)}FunctionArn`, functionArnOf(one)])),
    ...Object.fromEntries(topics.map((topic) => [`${topic}Arn`, ref(topic)])),
    ...Object.fromEntries([...starts, ...awaits].map((one) => [`${machineId(one)}Arn`, ref(machineId(one))])),
    [`${logicalName(task.name)}TaskArn`]: ref(`${logicalName(task.name)}Task`),
    ...(task.onVolume && { VolumeRoleArn: arnOf('VolumeRole') }),
    ClusterArn: arnOf('Cluster'),
    SubnetA: { 'Fn::Select': [0, ref('SubnetIds')] },
    SubnetB: { 'Fn::Select': [1, ref('SubnetIds')] },
    TaskSecurityGroup: ref('TaskSecurityGroupId'),
  };
}

interface Grant {
  Action: string | string[];
  Resource: unknown;
  Condition?: object;
}

const policy = (PolicyName: string, grants: Grant[]): object => ({
  PolicyName,
  PolicyDocument: { Version: '2012-10-17', Statement: grants.map((grant) => ({ Effect: 'Allow', ...grant })) },
});

const byMachines = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'states.amazonaws.com' },
      Action: 'sts:AssumeRole',
      Condition: {
        StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
        ArnLike: { 'aws:SourceArn': ownArn('states', `stateMachine:\${AWS::StackName}_*`) },
      },
    },
  ],
};

/** Neither the delivery of logs nor traces have resources. */
const observed = [
  ...['CreateLogDelivery', 'DeleteLogDelivery', 'DescribeLogGroups', 'DescribeResourcePolicies', 'GetLogDelivery'].map(
    (action) => `logs:${action}`,
  ),
  ...['ListLogDeliveries', 'PutResourcePolicy', 'UpdateLogDelivery'].map((action) => `logs:${action}`),
  ...['GetSamplingRules', 'GetSamplingTargets', 'PutTelemetryRecords', 'PutTraceSegments'].map(
    (action) => `xray:${action}`,
  ),
];

const grantsOf = ({ functions, topics, task, starts = [], awaits = [] }: MachineCalls): Grant[] => [
  { Action: 'lambda:InvokeFunction', Resource: functions.map(functionArnOf) },
  { Action: 'sns:Publish', Resource: topics.map(ref) },
  ...runningTask(task),
  ...startingMachines([...starts, ...awaits]),
  ...awaitingMachines(awaits),
];

/** Every revision: an execution goes on with the one that it began with (tasks/tasks.yml). */
function runningTask({ name, role, onVolume }: MachineCalls['task']): Grant[] {
  const inCluster = { ArnEquals: { 'ecs:cluster': arnOf('Cluster') } };
  const passing = (Resource: unknown, service: string): Grant => ({
    ...{ Action: 'iam:PassRole', Resource },
    Condition: { StringEquals: { 'iam:PassedToService': `${service}.amazonaws.com` } },
  });
  return [
    {
      ...{ Action: 'ecs:RunTask', Resource: ownArn('ecs', `task-definition/\${AWS::StackName}-${name}:*`) },
      Condition: inCluster,
    },
    {
      ...{ Action: ['ecs:DescribeTasks', 'ecs:StopTask'], Resource: ownArn('ecs', `task/\${Cluster}/*`) },
      Condition: inCluster,
    },
    passing([arnOf('TaskExecutionRole'), arnOf(role)], 'ecs-tasks'),
    ...(onVolume ? [passing(arnOf('VolumeRole'), 'ecs')] : []),
    followingBy('StepFunctionsGetEventsForECSTaskRule'),
  ];
}

/** How Step Functions learns that what it waits for has ended. */
const followingBy = (rule: string): Grant => ({
  Action: ['events:DescribeRule', 'events:PutRule', 'events:PutTargets'],
  Resource: ownArn('events', `rule/${rule}`),
});

const startingMachines = (machines: readonly string[]): Grant[] =>
  machines.length === 0
    ? []
    : [{ Action: 'states:StartExecution', Resource: machines.map((machine) => ref(machineId(machine))) }];

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html */
const awaitingMachines = (machines: readonly string[]): Grant[] =>
  machines.length === 0
    ? []
    : [
        {
          Action: ['states:DescribeExecution', 'states:StopExecution'],
          Resource: machines.map((machine) => ownArn('states', `execution:\${AWS::StackName}_${machine}:*`)),
        },
        followingBy('StepFunctionsGetEventsForStepFunctionsExecutionRule'),
      ];
