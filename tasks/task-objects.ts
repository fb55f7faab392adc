import { Failure } from '#model/failure';
import type { FailureObject, ResultObject } from '#model/task-result';
import { taskFailureKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export interface EndedTask {
  task: string;
  execution: string;
  startedAt: Date;
  finishedAt: Date;
  result: object;
}

/** False when there is a result already, which is left as it is. */
export async function putResult(store: ObjectStore, key: string, ended: EndedTask): Promise<boolean> {
  const { task, execution, result } = ended;
  const [startedAt, finishedAt] = [ended.startedAt.toISOString(), ended.finishedAt.toISOString()];
  const content: ResultObject = { format: 'lifeboat-result/1', task, execution, startedAt, finishedAt, result };
  const { stored } = await store.put(key, print(content), { condition: 'absent' });
  return stored;
}

/** Why the attempt that began at `startedAt` failed. */
export async function putFailure(
  store: ObjectStore,
  resultKey: string,
  startedAt: Date,
  error: unknown,
): Promise<void> {
  const content: FailureObject = { format: 'lifeboat-failure/1', failure: toldFailure(error) };
  await store.put(taskFailureKey(resultKey, startedAt), print(content), { condition: 'absent' });
}

/** What of a failure is told to those who were not there. */
export function toldFailure(error: unknown): FailureObject['failure'] {
  if (error instanceof Failure) {
    const { name, message, hint, verdict } = error;
    return { name, message, hint: hint ?? null, verdict };
  }
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const hint = 'this is a bug, or something nobody thought of: report it with the log of the task';
  return { name, message: `unexpected failure: ${message}`, hint, verdict: null };
}

const print = (content: object): Buffer => Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
