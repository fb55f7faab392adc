import { localAccount, machineArn } from '#model/arn';
import { tokenOperations } from './endpoint-tokens.ts';
import type { Execution, Executions } from './executions.ts';
import type { Json } from './integration.ts';
import { pageOf } from './page.ts';
import { Refusal } from './refusal.ts';
import { readRequest, seconds, statesRequests } from './states-requests.ts';
import type { FileTaskTokens } from './task-tokens.ts';
import type { ToldChild } from './told-execution.ts';
import { isOfChild, ToldExecutions } from './told-executions.ts';

export interface StatesWorld {
  executions: Executions;
  tokens: FileTaskTokens;
  now(): Date;
}

type Operation = (body: unknown) => Promise<object> | object;

const roleArn = `arn:aws:iam::${localAccount}:role/lifeboat`;

/**
 * Step Functions' operations by name, request in, answer out.
 * https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
 */
export function statesOperations(world: StatesWorld): Readonly<Record<string, Operation>> {
  const { executions, now } = world;
  const told = new ToldExecutions(executions);
  return {
    ...tokenOperations(world.tokens),

    async StartExecution(body) {
      const { stateMachineArn, name, input = '{}' } = readRequest(statesRequests.StartExecution, body);
      const request = { machine: machineOf(stateMachineArn), input: parseInput(input), ...(name && { name }) };
      const { arn, startDate } = await executions.start(request);
      return { executionArn: arn, startDate: seconds(startDate) };
    },

    async DescribeExecution(body) {
      const { executionArn } = readRequest(statesRequests.DescribeExecution, body);
      if (isOfChild(executionArn)) return describeChild(await told.child(executionArn));
      return describe(await executions.describe(executionArn));
    },

    async ListExecutions(body) {
      const request = readRequest(statesRequests.ListExecutions, body);
      const { stateMachineArn = '', mapRunArn, statusFilter, maxResults, nextToken } = request;
      if (mapRunArn !== undefined) {
        const children = await told.childrenOf(mapRunArn);
        const asked = children.filter(({ status }) => (statusFilter ?? status) === status);
        const kind = `children ${mapRunArn} ${statusFilter}`;
        const page = pageOf(asked, { kind, token: nextToken, size: maxResults || 100 });
        return { executions: page.items.map(childItem), ...(page.nextToken && { nextToken: page.nextToken }) };
      }
      const filter = { machine: machineOf(stateMachineArn), ...(statusFilter && { status: statusFilter }) };
      const kind = `executions ${JSON.stringify(filter)}`;
      const page = pageOf(executions.list(filter), { kind, token: nextToken, size: maxResults || 100 });
      return {
        executions: page.items.map(({ arn, machine, name, status, startDate, stopDate }) => ({
          executionArn: arn,
          stateMachineArn: machineArn(machine),
          name,
          status,
          startDate: seconds(startDate),
          ...(stopDate === undefined ? {} : { stopDate: seconds(stopDate) }),
        })),
        ...(page.nextToken && { nextToken: page.nextToken }),
      };
    },

    async GetExecutionHistory(body) {
      const request = readRequest(statesRequests.GetExecutionHistory, body);
      const { executionArn, reverseOrder = false, maxResults, nextToken, includeExecutionData = true } = request;
      const events = await told.history(executionArn);
      const ordered = reverseOrder ? events.toReversed() : events;
      const kind = `history ${executionArn} ${reverseOrder}`;
      const page = pageOf(ordered, { kind, token: nextToken, size: maxResults || 100 });
      const shown = includeExecutionData ? page.items : page.items.map(withoutData);
      return { events: shown, ...(page.nextToken && { nextToken: page.nextToken }) };
    },

    async StopExecution(body) {
      const { executionArn, error, cause } = readRequest(statesRequests.StopExecution, body);
      return { stopDate: seconds(await executions.stop(executionArn, error, cause)) };
    },

    ListStateMachines(body) {
      const { maxResults, nextToken } = readRequest(statesRequests.ListStateMachines, body);
      const page = pageOf([...executions.machines.values()], {
        kind: 'machines',
        token: nextToken,
        size: maxResults || 100,
      });
      return {
        stateMachines: page.items.map(({ name, loadedAt }) => ({
          stateMachineArn: machineArn(name),
          name,
          type: 'STANDARD',
          creationDate: seconds(loadedAt),
        })),
        ...(page.nextToken && { nextToken: page.nextToken }),
      };
    },

    DescribeStateMachine(body) {
      const arn = readRequest(statesRequests.DescribeStateMachine, body).stateMachineArn;
      const machine = executions.machines.get(machineOf(arn));
      if (!machine) throw new Refusal('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
      return {
        stateMachineArn: arn,
        name: machine.name,
        status: 'ACTIVE',
        definition: JSON.stringify(machine.definition),
        roleArn,
        type: 'STANDARD',
        creationDate: seconds(machine.loadedAt ?? now()),
      };
    },
  };
}

function machineOf(arn: string): string {
  const [, name] = /^arn:aws[\w-]*:states:[\w-]+:\d{12}:stateMachine:([\w-]{1,80})$/.exec(arn) ?? [];
  if (name === undefined) throw new Refusal('InvalidArn', `Invalid Arn: '${arn}' is no state machine's ARN`);
  return name;
}

function parseInput(text: string): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refusal('InvalidExecutionInput', `Invalid State Machine Execution Input: '${(error as Error).message}'`);
  }
}

function describe({ arn, machineArn: stateMachineArn, name, status, startDate, input, ending }: Execution): object {
  return {
    executionArn: arn,
    stateMachineArn,
    name,
    status,
    startDate: seconds(startDate),
    input: JSON.stringify(input),
    inputDetails: { included: true },
    redriveCount: 0,
    redriveStatus: 'NOT_REDRIVABLE',
    ...(ending && { stopDate: seconds(ending.stopDate) }),
    ...(ending?.output !== undefined && { output: JSON.stringify(ending.output), outputDetails: { included: true } }),
    ...(ending?.error !== undefined && { error: ending.error }),
    ...(ending?.cause !== undefined && { cause: ending.cause }),
  };
}

function childItem({
  arn,
  machineArn: stateMachineArn,
  name,
  mapRunArn,
  status,
  startTime,
  ending,
}: ToldChild): object {
  return {
    executionArn: arn,
    stateMachineArn,
    name,
    mapRunArn,
    itemCount: 1,
    status,
    startDate: seconds(startTime),
    ...(ending && { stopDate: seconds(ending.stopDate) }),
  };
}

function describeChild({ arn, machineArn: stateMachineArn, name, startTime, ...child }: ToldChild): object {
  const { status, input, ending, mapRunArn } = child;
  const record = { arn, machine: '', machineArn: stateMachineArn, name, startDate: startTime, input, startedBy: null };
  return { ...describe({ ...record, status, ending }), mapRunArn };
}

/** Inputs, outputs, parameters and causes are left out, wherever they are. */
function withoutData(event: unknown): unknown {
  if (Array.isArray(event)) return event.map(withoutData);
  if (typeof event !== 'object' || event === null) return event;
  const data = ['input', 'output', 'parameters', 'cause', 'error'];
  const kept = Object.entries(event).filter(([name]) => !data.includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutData(value)]));
}
