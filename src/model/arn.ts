/**
 * The names under which one machine knows what AWS knows by ARN: the machines, functions and tasks cannot tell the
 * two apart. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
 */
const region = 'local';
const account = '000000000000';

export const localRegion = region;
export const localAccount = account;

export const machineArn = (machine: string): string => `arn:aws:states:${region}:${account}:stateMachine:${machine}`;
export const executionArn = (machine: string, name: string): string =>
  `arn:aws:states:${region}:${account}:execution:${machine}:${name}`;
export const functionArn = (name: string): string => `arn:aws:lambda:${region}:${account}:function:${name}`;
export const taskDefinitionArn = (task: string): string => `arn:aws:ecs:${region}:${account}:task-definition/${task}:1`;
export const clusterArn = `arn:aws:ecs:${region}:${account}:cluster/lifeboat`;
export const topicArn = `arn:aws:sns:${region}:${account}:lifeboat`;

export interface ExecutionName {
  /** as its file is called: `backup` */
  machine: string;
  name: string;
  /** of a child execution: the Map of the machine that started it, and `name` is the child's */
  mapRun?: string;
}

/**
 * The machine and name in an execution's ARN, of here or of any partition of AWS; undefined for anything else. Children
 * of a Distributed Map have its label behind the machine's name.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
 */
export function parseExecutionArn(arn: string): ExecutionName | undefined {
  const [, machine, mapRun, name] =
    /^arn:aws[\w-]*:states:[\w-]+:\d{12}:execution:([\w-]{0,79}[a-zA-Z0-9-])(?:\/([^:\s\\]{1,200}))?:([^:/\\\s]{1,80})$/.exec(
      arn,
    ) ?? [];
  if (machine === undefined || name === undefined) return undefined;
  return { machine: machineOf(machine), name, ...(mapRun === undefined ? {} : { mapRun }) };
}

/** What executions of one stack's machines have in common: partition, region, account and stack; undefined: it is none's ARN. */
export function stackOf(execution: string): string | undefined {
  const machine = parseExecutionArn(execution)?.machine;
  const [, stack] = /^(.*:execution:[^:/]*)[:/]/.exec(execution) ?? [];
  return machine === undefined ? undefined : stack!.slice(0, -machine.length);
}

/** `backup` of `arn:…:stateMachine:lifeboat-prod_backup`, also with a version behind it; undefined for anything else. */
export function parseMachineArn(arn: string): string | undefined {
  const match = /^arn:aws[\w-]*:states:[\w-]+:\d{12}:stateMachine:([\w-]{0,79}[a-zA-Z0-9-])(?:[:/][^\s]*)?$/.exec(arn);
  return match ? machineOf(match[1]!) : undefined;
}

/** A deployed machine is called `<stack>_<machine>`, and neither of the two has a `_` in it. */
const machineOf = (deployed: string): string => deployed.slice(deployed.lastIndexOf('_') + 1);
