import { expectedErrors, ownPassingErrors, passingErrors, serviceOf } from './aws-errors.ts';
import { innerScopes, type Machine, type Scope, type State, targetsOf, textsIn } from './machine-states.ts';
import { assignedAt, isKnownFunction, referencesOf } from './machine-variables.ts';

/** What the machines may name, from the folders beside them. */
export interface House {
  /** `plan-backup`, … */
  functions: readonly string[];
  tasks: readonly string[];
  machines: readonly string[];
}

/** Everything that is wrong with a machine, and that nobody else would say before it runs; `text` is its file's. */
export async function machineProblems(text: string, house: House): Promise<string[]> {
  const machine = JSON.parse(text) as Machine;
  const problems = [...topProblems(machine), ...substitutionProblems(text, house)];
  await scopeProblems(machine, new Set(), problems);
  return problems;
}

/** `plan-backup` → `PlanBackup` */
export const pascal = (name: string): string =>
  name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Each substitution that a machine may use. */
export const substitutions = ({ functions, tasks, machines }: House): string[] => [
  ...functions.map((name) => `${pascal(name)}FunctionArn`),
  ...tasks.map((name) => `${pascal(name)}TaskArn`),
  ...machines.map((name) => `${pascal(name)}StateMachineArn`),
  // what large drills, dumps and restores get
  'DrillVolumeTaskArn',
  'ProveDumpVolumeTaskArn',
  'VolumeRoleArn',
  'ClusterArn',
  'SubnetA',
  'SubnetB',
  'TaskSecurityGroup',
  'FailureTopicArn',
  'SuccessTopicArn',
];

export const substitutionsIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]!)),
];

function substitutionProblems(text: string, house: House): string[] {
  const known = substitutions(house);
  return substitutionsIn(text)
    .filter((name) => !known.includes(name))
    .map((name) => `\${${name}} is substituted by nothing`);
}

function topProblems({ QueryLanguage, TimeoutSeconds, Comment }: Machine): string[] {
  return [
    ...(QueryLanguage === 'JSONata' ? [] : ['the machine says no QueryLanguage JSONata']),
    ...(typeof TimeoutSeconds === 'number' ? [] : ['the machine has no TimeoutSeconds']),
    ...(Comment ? [] : ['the machine has no Comment']),
  ];
}

/** `outer`: variables of the scopes around; those of a DISTRIBUTED Map's are not `seen`, and we use no name twice. */
async function scopeProblems(
  scope: Scope,
  outer: ReadonlySet<string>,
  problems: string[],
  seen: ReadonlySet<string> = outer,
): Promise<void> {
  const assigned = assignedAt(scope, seen);
  if (!scope.States[scope.StartAt]) problems.push(`StartAt: there is no state "${scope.StartAt}"`);
  for (const [name, state] of Object.entries(scope.States)) {
    const say = (what: string) => problems.push(`${name}: ${what}`);
    const known = assigned.get(name);
    if (!known) say('no way leads here');
    for (const { next, from } of targetsOf(state)) if (!scope.States[next]) say(`${from}: there is no state "${next}"`);
    for (const variable of assignedIn(state)) if (outer.has(variable)) say(`assigns $${variable} of the scope around`);
    stateProblems(state, say);
    await expressionProblems(state, known ?? new Set(), say);
    for (const inner of innerScopes(state)) {
      const around = new Set([...outer, ...(known ?? [])]);
      await scopeProblems(inner, around, problems, isApart(inner) ? new Set() : known);
    }
  }
}

const isApart = ({ ProcessorConfig: config }: Scope): boolean => config?.Mode === 'DISTRIBUTED';

const assignedIn = (state: State): string[] => [
  ...Object.keys(state.Assign ?? {}),
  ...[...(state.Catch ?? []), ...(state.Choices ?? [])].flatMap(({ Assign }) => Object.keys(Assign ?? {})),
];

type Say = (what: string) => void;

const integrations: Record<string, readonly string[]> = {
  'lambda:invoke': ['FunctionName', 'Payload'],
  'lambda:invoke.waitForTaskToken': ['FunctionName', 'Payload'],
  'ecs:runTask.sync': [
    'LaunchType|CapacityProviderStrategy',
    'Cluster',
    'TaskDefinition',
    'NetworkConfiguration',
    'Overrides',
  ],
  'sns:publish': ['TopicArn', 'Message'],
  'states:startExecution': ['StateMachineArn', 'Name', 'Input'],
  'states:startExecution.sync:2': ['StateMachineArn', 'Name', 'Input'],
  'aws-sdk:rds:createDBSnapshot': ['DbSnapshotIdentifier', 'DbInstanceIdentifier', 'Tags'],
  'aws-sdk:rds:createDBClusterSnapshot': ['DbClusterSnapshotIdentifier', 'DbClusterIdentifier', 'Tags'],
  'aws-sdk:rds:describeDBSnapshots': ['DbSnapshotIdentifier'],
  'aws-sdk:rds:describeDBClusterSnapshots': ['DbClusterSnapshotIdentifier'],
  'aws-sdk:rds:describeDBInstances': ['DbInstanceIdentifier'],
  'aws-sdk:rds:describeDBClusters': ['DbClusterIdentifier'],
  // what is made is never public, and bears whose it is
  'aws-sdk:rds:restoreDBInstanceToPointInTime': [
    'SourceDBInstanceIdentifier',
    'TargetDBInstanceIdentifier',
    'RestoreTime',
    'PubliclyAccessible',
    'Tags',
  ],
  'aws-sdk:rds:restoreDBInstanceFromDBSnapshot': [
    'DbSnapshotIdentifier',
    'DbInstanceIdentifier',
    'PubliclyAccessible',
    'Tags',
  ],
  'aws-sdk:rds:restoreDBClusterToPointInTime': [
    'SourceDBClusterIdentifier',
    'DbClusterIdentifier',
    'RestoreToTime',
    'Tags',
  ],
  'aws-sdk:rds:restoreDBClusterFromSnapshot': ['SnapshotIdentifier', 'DbClusterIdentifier', 'Engine', 'Tags'],
  'aws-sdk:rds:createDBInstance': [
    'DbInstanceIdentifier',
    'DbClusterIdentifier',
    'DbInstanceClass',
    'Engine',
    'PubliclyAccessible',
    'Tags',
  ],
};

const statesErrors = ['States.ALL', 'States.Timeout', 'States.TaskFailed', 'States.HeartbeatTimeout'];

function stateProblems(state: State, say: Say): void {
  if (!state.Comment) say('it has no Comment');
  ruleProblems(state, say);
  if (state.Type === 'Map' && !state.ItemProcessor) say('it has no ItemProcessor');
  if (state.Type === 'Choice' && state.Default === undefined) say('it has no Default');
  if (state.Type !== 'Task') return;
  const resource = /^arn:aws:states:::(.*)$/.exec(state.Resource ?? '')?.[1] ?? '';
  const wanted = integrations[resource];
  if (!wanted) {
    say(`"${state.Resource}" is no integration that runs both in AWS and here`);
    return;
  }
  for (const argument of wanted)
    if (!argument.split('|').some((name) => isGiven(state, name))) say(`its Arguments have no ${argument}`);
  timeoutProblems(state, say);
  if (!state.Catch) say('it has no Catch: nobody would be told');
  if (!state.Retry) say('it has no Retry');
  const token = [...textsIn(state.Arguments)].some(({ text }) => text.includes('$states.context.Task.Token'));
  if (resource.endsWith('.waitForTaskToken') !== token) say('a token is waited for if and only if it is passed on');
  errorProblems(state, serviceOf(resource), say);
}

/** Also by an expression that makes all of them. */
const isGiven = ({ Arguments: given }: State, name: string): boolean =>
  typeof given === 'string' ? given.includes(`'${name}':`) : given?.[name] !== undefined;

/** Names are exact: a wrong one is never met, and nobody would say so. */
function errorProblems({ Retry = [], Catch = [] }: State, service: string, say: Say): void {
  const passing = passingErrors[service] ?? [];
  const retried = Retry.flatMap(({ ErrorEquals }) => ErrorEquals ?? []);
  const caught = Catch.flatMap(({ ErrorEquals }) => ErrorEquals ?? []);
  for (const error of retried)
    if (![...passing, ...ownPassingErrors].includes(error)) say(`"${error}" is no error of it that passes`);
  for (const error of caught)
    if (![...statesErrors, ...ownPassingErrors, ...passing, ...(expectedErrors[service] ?? [])].includes(error))
      say(`"${error}" is an error that it cannot have`);
  for (const error of passing) if (!retried.includes(error)) say(`"${error}" passes, and no Retry names it`);
}

/** Literal, since packagers refuse others. */
function timeoutProblems({ TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat }: State, say: Say): void {
  if (typeof timeout !== 'number') say('it has no literal TimeoutSeconds');
  else if (heartbeat !== undefined && !(typeof heartbeat === 'number' && heartbeat < timeout))
    say('its HeartbeatSeconds are not below its TimeoutSeconds');
}

function ruleProblems({ Retry = [], Catch = [] }: State, say: Say): void {
  for (const [field, rules] of Object.entries({ Retry, Catch })) {
    for (const [index, { ErrorEquals = [], BackoffRate = 1 }] of rules.entries()) {
      const all = ErrorEquals.includes('States.ALL');
      if (ErrorEquals.length === 0) say(`${field}[${index}] names no error`);
      if (all && ErrorEquals.length > 1) say(`${field}[${index}]: States.ALL stands alone`);
      if (all && index < rules.length - 1) say(`${field}[${index}]: States.ALL stands last`);
      if (BackoffRate < 1) say(`${field}[${index}]: BackoffRate is below 1`);
    }
  }
}

async function expressionProblems(state: State, known: ReadonlySet<string>, say: Say): Promise<void> {
  const { ItemProcessor: _, Branches: __, Comment: ___, ...own } = state;
  for (const { path, text } of textsIn(own)) {
    if (!text.startsWith('{%')) {
      if (/%\}\s*$|^\s+\{%/.test(text)) say(`${path}: it is a text and no expression`);
      continue;
    }
    if (!text.endsWith('%}')) say(`${path}: the expression has no end`);
    else for (const what of await queryProblems(text.slice(2, -2), known)) say(`${path}: ${what}`);
  }
}

async function queryProblems(expression: string, known: ReadonlySet<string>): Promise<string[]> {
  try {
    const { variables, functions } = referencesOf(expression);
    const unassigned = [...variables].filter((name) => name !== 'states' && !known.has(name));
    const unknown: string[] = [];
    for (const name of functions) if (!(await isKnownFunction(name))) unknown.push(name);
    return [
      ...unassigned.map((name) => `$${name} is not assigned on every way to it`),
      ...unknown.map((name) => `there is no function $${name}`),
    ];
  } catch (failure) {
    return [`is not JSONata: ${(failure as Error).message}`];
  }
}
