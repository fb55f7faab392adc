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
  machine: string;
  name: string;
}

/** The machine and name in an execution's ARN, of here or of AWS; undefined for anything else. */
export function parseExecutionArn(arn: string): ExecutionName | undefined {
  const match = /^arn:aws[\w-]*:states:[\w-]+:\d{12}:execution:([\w-]{1,80}):([^:/\\\s]{1,80})$/.exec(arn);
  return match ? { machine: match[1]!, name: match[2]! } : undefined;
}
