import { z } from 'zod';
import { executionArn, parseExecutionArn } from '#model/arn';
import { readArguments } from './call-arguments.ts';
import type { Execution, Executions } from './executions.ts';
import { type Integration, type Json, StatesError, type TaskCall } from './integration.ts';
import { Refusal } from './refusal.ts';

const schema = z.strictObject({
  StateMachineArn: z.string(),
  Name: z.string().optional(),
  Input: z.json().optional(),
});

/**
 * `states:startExecution`, and `.sync:2`, which waits for its end and stops it when it is no longer wanted. An execution
 * that the same call began before is found again, by its name and by what it says of who began it.
 * https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
 */
export function startChildExecution(executions: Executions): Integration {
  return async (call) => {
    const { StateMachineArn, Name = call.id, Input = {} } = readArguments(schema, call);
    const machine = StateMachineArn.split(':').at(-1)!;
    const wait = call.pattern !== 'request';
    const arn = executionArn(machine, Name);
    if (call.signal.aborted) {
      if (wait && isOurs(await executions.find(arn), call)) await stop(executions, arn);
      call.signal.throwIfAborted();
    }
    const started = await refusalsTold(() => begin(executions, call, { machine, name: Name, input: Input as Json }));
    if (!wait) return { ExecutionArn: arn, StartDate: Date.parse(started.startDate) };
    const onAbort = () => void stop(executions, arn).catch(() => undefined);
    call.signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (call.signal.aborted) onAbort();
      return answerOf(await executions.ended(arn));
    } finally {
      call.signal.removeEventListener('abort', onAbort);
    }
  };
}

async function begin(
  executions: Executions,
  call: TaskCall,
  { machine, name, input }: { machine: string; name: string; input: Json },
): Promise<Execution> {
  const before = await executions.find(executionArn(machine, name));
  if (before && isOurs(before, call)) return before;
  return executions.start({ machine, name, input, startedBy: call.id });
}

const isOurs = (execution: Execution | undefined, call: TaskCall): boolean => execution?.startedBy === call.id;

async function stop(executions: Executions, arn: string): Promise<void> {
  const { name } = parseExecutionArn(arn)!;
  await executions.stop(arn, 'States.TaskFailed', `the execution that began ${name} no longer wants it`);
}

/** As the service's errors are called in a machine. */
async function refusalsTold<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new StatesError(`StepFunctions.${error.type}Exception`, error.message);
  }
}

function answerOf(execution: Execution): Json {
  const { arn, machineArn, name, startDate, ending, input } = execution;
  const { status, stopDate, output, error, cause } = ending!;
  const described: Json = {
    ExecutionArn: arn,
    Input: input,
    InputDetails: { Included: true },
    Name: name,
    ...(output === undefined ? {} : { Output: output, OutputDetails: { Included: true } }),
    ...(error === undefined ? {} : { Error: error }),
    ...(cause === undefined ? {} : { Cause: cause }),
    StartDate: Date.parse(startDate),
    StateMachineArn: machineArn,
    Status: status,
    StopDate: Date.parse(stopDate),
  };
  if (status === 'SUCCEEDED') return described;
  throw new StatesError('States.TaskFailed', JSON.stringify(described));
}
