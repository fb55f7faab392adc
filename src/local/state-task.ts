import { createHash, randomBytes } from 'node:crypto';
import { callTask } from './call-task.ts';
import { ScopeStopped } from './execution-run.ts';
import type { Json } from './integration.ts';
import type { Exit, ScheduledTask } from './journal-record.ts';
import { StateFailed } from './state-failed.ts';
import { checkSize, leave, longestSeconds, type Visit, value, wholeNumber } from './state-visit.ts';
import { parseResource, resourceDetails } from './task-resource.ts';

/**
 * One attempt of a Task. That it is scheduled is on the disk before anything outside is called, and its result before
 * anything is done with it. An attempt that was scheduled and has no result is called again under the same id.
 */
export async function runTask(visit: Visit): Promise<Exit> {
  const { run, log, key, state, scope } = visit;
  if (!log.attempt.succeeded) {
    const resumed = log.attempt.scheduled !== undefined;
    if (!resumed) {
      scope.signal.throwIfAborted();
      run.append({ type: 'scheduled', key, ...(await schedule(visit)) });
      await run.journal.durable();
    }
    const result = await callTask(visit, taskId(visit), resumed);
    checkSize(visit, result, nameOfTask(state.Resource!));
    run.append({ type: 'succeeded', key, result });
    await run.journal.durable();
  }
  if (scope.signal.reason instanceof ScopeStopped) throw scope.signal.reason;
  const result = log.attempt.succeeded!.result!;
  return leave(visit, { ...state, next: state.Next }, result, { result });
}

/** What AWS calls a task whose result is too large: `lambda`; a function by its ARN. */
function nameOfTask(resource: string): string {
  return resource.startsWith('arn:aws:lambda:') ? resource : resourceDetails(parseResource(resource)).resourceType;
}

/** What names this attempt outside for good: 40 hexadecimal digits. */
function taskId({ run, key, log }: Visit): string {
  const attempt = `${run.execution.arn}\n${run.execution.startTime}\n${key}\n${log.failed.length}`;
  return createHash('sha256').update(attempt).digest('hex').slice(0, 40);
}

async function schedule(visit: Visit): Promise<ScheduledTask> {
  const { Arguments, Resource } = visit.state;
  const { resource, pattern } = parseResource(Resource!);
  const token = pattern === 'token' ? randomBytes(48).toString('base64url') : undefined;
  const context: { [name: string]: Json } = token === undefined ? {} : { Task: { Token: token } };
  const given = Arguments === undefined ? visit.input : await value(visit, Arguments, 'Arguments', { context });
  checkSize(visit, given);
  const timeoutSeconds = await wholeNumber(visit, 'TimeoutSeconds', 1, longestSeconds);
  const heartbeatSeconds = await wholeNumber(visit, 'HeartbeatSeconds', 1, longestSeconds);
  if (heartbeatSeconds !== undefined && heartbeatSeconds >= (timeoutSeconds ?? longestSeconds))
    throw new StateFailed('States.Runtime', 'HeartbeatSeconds must be less than TimeoutSeconds', 'silent');
  return {
    resource,
    pattern,
    arguments: given,
    ...(token === undefined ? {} : { token }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
  };
}
