import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePlan } from '#model/plan';
import { checkout, type Template } from './packaged-template.ts';
import { nameOf } from './policy-grants.ts';

type Json = unknown;

interface State {
  Type: string;
  Resource?: string;
  Arguments?: Json;
  ItemProcessor?: { ProcessorConfig?: { Mode?: string }; States: Record<string, State> };
  Branches?: { States: Record<string, State> }[];
}

export interface MachineProperties {
  StateMachineName: Json;
  DefinitionString: string;
  DefinitionSubstitutions: Record<string, Json>;
  LoggingConfiguration: { Level: string; IncludeExecutionData: boolean };
  TracingConfiguration: { Enabled: boolean };
}

/** The states of a machine's outermost level. */
export const statesIn = ({ DefinitionString }: MachineProperties): Record<string, State> =>
  JSON.parse(DefinitionString).States;

/** Every state of a machine, those of its Maps and branches, too. */
export function* statesOf(states: Record<string, State>): Generator<State> {
  for (const state of Object.values(states)) {
    yield state;
    for (const inner of [state.ItemProcessor, ...(state.Branches ?? [])]) if (inner) yield* statesOf(inner.States);
  }
}

const account = `\${AWS::Region}:\${AWS::AccountId}`;
const cluster = ' if ecs:cluster is Cluster';

/**
 * What a machine's role has to grant for what its definition does, as grantsOf prints it; `machine`: `backup`.
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
 */
export function neededGrants({ Resources }: Template, machine: string, properties: MachineProperties): string[] {
  const { DefinitionSubstitutions } = properties;
  const named = (text: Json, pattern: RegExp): string[] =>
    [...new Set([...JSON.stringify(text).matchAll(pattern)].map(([, name]) => name!))].map((name) =>
      nameOf(DefinitionSubstitutions[name]),
    );
  const grants = new Set<string>(observed);
  const add = (...lines: string[]) => {
    for (const line of lines) grants.add(line);
  };
  for (const { Type, Resource = '', Arguments, ItemProcessor } of statesOf(statesIn(properties))) {
    if (Type === 'Map' && ItemProcessor?.ProcessorConfig?.Mode === 'DISTRIBUTED') add(...childrenOf(machine));
    if (Type !== 'Task') continue;
    const [, service] = /^arn:aws:states:::(aws-sdk:[a-z]+|[a-z]+:[a-zA-Z]+)/.exec(Resource)!;
    if (service === 'lambda:invoke') {
      add(...named(Arguments, /\$\{(\w+FunctionArn)\}/g).map((name) => `lambda:InvokeFunction ${name}`));
    } else if (service === 'sns:publish') {
      add(...named(Arguments, /\$\{(\w+TopicArn)\}/g).map((name) => `sns:Publish ${name}`));
    } else if (service === 'states:startExecution') {
      const started = named(Arguments, /\$\{(\w+StateMachineArn)\}/g);
      add(...started.map((name) => `states:StartExecution ${name}`));
      if (Resource.includes('.sync')) add(...started.flatMap((name) => waitingFor(nameOfMachine(Resources[name]))));
    } else if (service === 'ecs:runTask') {
      add(...tasksAreRun, ...named(Arguments, /\$\{(\w+TaskArn)\}/g).flatMap((name) => running(Resources, name)));
      const text = JSON.stringify(Arguments);
      if (text.includes('TaskRoleArn')) add(...sourceRoles(Resources, machine).map(toTasks));
      if (text.includes('VolumeConfigurations'))
        add(...named(Arguments, /\$\{(VolumeRoleArn)\}/g).map((role) => passing(role, 'ecs')));
    } else if (service === 'aws-sdk:rds') {
      add(...rdsGrants(Resource.split(':').at(-1)!));
    } else throw new Error(`${Resource}: nobody knows what it needs`);
  }
  return [...grants].sort();
}

/** What the plan that is packaged has in RDS. */
const plan = parsePlan(readFileSync(join(checkout, 'plan.aws.example.yml'), 'utf8'), 'plan.aws.example.yml');
const rds = (...rests: string[]): string[] => rests.map((rest) => `arn:rds:${account}:${rest}`);
const databases = rds(
  ...plan.managed.map(({ database: { type, id } }) => `${type === 'instance' ? 'db' : type}:${id}`),
);
const tagged = ` if aws:RequestTag/lifeboat:source is ${plan.managed.map(({ name }) => name).join(' or ')}`;

/**
 * What a call of RDS takes on each thing that it touches; what bears tags takes the right to put them on.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
 */
function rdsGrants(call: string): string[] {
  if (plan.managed.length === 0) return [];
  const action = `rds:${call.charAt(0).toUpperCase()}${call.slice(1)}`;
  const grants = (on: readonly string[], of = action) => on.map((resource) => `${of} ${resource}`);
  const own = rds('cluster-snapshot:lifeboat-*', 'snapshot:lifeboat-*');
  const made = rds('cluster:*', 'db:*').map((resource) => resource + tagged);
  const around = rds('cluster-pg:*', 'og:*', 'pg:*', 'subgrp:*');
  if (/^describe.*Snapshots$/.test(call)) return grants(own);
  if (/^describe/.test(call)) return grants(rds('cluster:*', 'db:*'));
  if (/Snapshot$/.test(call) && call.startsWith('create'))
    return [...grants([...databases, ...own]), ...grants(own, 'rds:AddTagsToResource')];
  const from = call.startsWith('restore') ? [...databases, ...rds('cluster-snapshot:*', 'snapshot:*')] : [];
  return [...grants([...from, ...around, ...made]), ...grants(made, 'rds:AddTagsToResource')];
}

/** Neither the delivery of logs nor traces have resources. */
const observed = [
  ...['CreateLogDelivery', 'DeleteLogDelivery', 'DescribeLogGroups', 'DescribeResourcePolicies', 'GetLogDelivery'],
  ...['ListLogDeliveries', 'PutResourcePolicy', 'UpdateLogDelivery'],
]
  .map((action) => `logs:${action} *`)
  .concat(
    ['GetSamplingRules', 'GetSamplingTargets', 'PutTelemetryRecords', 'PutTraceSegments'].map(
      (action) => `xray:${action} *`,
    ),
  );

const ruleOf = (name: string) =>
  ['DescribeRule', 'PutRule', 'PutTargets'].map((action) => `events:${action} arn:events:${account}:rule/${name}`);

const tasksAreRun = [
  `ecs:DescribeTasks arn:ecs:${account}:task/\${Cluster}/*${cluster}`,
  `ecs:StopTask arn:ecs:${account}:task/\${Cluster}/*${cluster}`,
  'iam:PassRole TaskExecutionRole if iam:PassedToService is ecs-tasks.amazonaws.com',
  ...ruleOf('StepFunctionsGetEventsForECSTaskRule'),
];

const passing = (role: string, service: string): string =>
  `iam:PassRole ${role} if iam:PassedToService is ${service}.amazonaws.com`;
const toTasks = (role: string): string => passing(role, 'ecs-tasks');

function running(resources: Template['Resources'], task: string): string[] {
  const { TaskRoleArn: role, Family } = resources[task]!.Properties!;
  const revisions = `arn:ecs:${account}:task-definition/${nameOf(Family)}:*`;
  return [`ecs:RunTask ${revisions}${cluster}`, ...(role === undefined ? [] : [toTasks(nameOf(role))])];
}

/** What RDS runs is dumped, and not backed up by us. */
function sourceRoles(resources: Template['Resources'], machine: string): string[] {
  const roles = Object.keys(resources).filter((name) => /^Source\w+Role$/.test(name));
  const isOurs = (role: string) => role.replace(/^Source(\w+)Role$/, 'ReceiveWal$1Task') in resources;
  return machine === 'dump' ? roles : roles.filter(isOurs);
}

const machineArn = (machine: string) => `arn:states:${account}:stateMachine:\${AWS::StackName}_${machine}`;
const executionArn = (machine: string) => `arn:states:${account}:execution:\${AWS::StackName}_${machine}`;

const childrenOf = (machine: string): string[] => [
  `states:StartExecution ${machineArn(machine)}`,
  `states:StartExecution ${machineArn(machine)}/*`,
  ...['DescribeExecution', 'StopExecution'].flatMap((action) => [
    `states:${action} ${executionArn(machine)}:*`,
    `states:${action} ${executionArn(machine)}/*`,
  ]),
  `states:RedriveExecution ${executionArn(machine)}/*`,
];

const nameOfMachine = (resource: Template['Resources'][string] | undefined): string =>
  nameOf(resource?.Properties?.StateMachineName).split('_')[1]!;

const waitingFor = (machine: string): string[] => [
  `states:DescribeExecution ${executionArn(machine)}:*`,
  `states:StopExecution ${executionArn(machine)}:*`,
  ...ruleOf('StepFunctionsGetEventsForStepFunctionsExecutionRule'),
];
