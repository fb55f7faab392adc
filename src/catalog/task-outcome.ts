import { readRecord } from '#catalog/put-record';
import { ObjectDamaged } from '#model/failure';
import { ResultMissing } from '#model/result-missing';
import { type FailureObject, failureObjectSchema, resultObjectSchema, taskResultSchemas } from '#model/task-result';
import { taskFailureKey, taskFailurePrefix } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

export type TaskName = keyof typeof taskResultSchemas;

type ResultOf<Task extends TaskName> = ReturnType<(typeof taskResultSchemas)[Task]['parse']>;

export interface TaskOutcome<Task extends TaskName> {
  result: ResultOf<Task>;
  startedAt: Date;
  finishedAt: Date;
}

/** How far the clocks of tasks and machines may be apart. */
const clockSkewMs = 600_000;

/**
 * What a task left under its key. `since`: when its execution began. What is older is of another execution, which had
 * the same name: there the task found a result and did nothing.
 * @throws ResultMissing when it left nothing; ObjectDamaged when that is not a result of this task
 */
export async function readTaskOutcome<Task extends TaskName>(
  store: ObjectStore,
  task: Task,
  resultKey: string,
  since: Date,
): Promise<TaskOutcome<Task>> {
  const object = await readRecord(store, resultKey, resultObjectSchema);
  if (!object) {
    throw new ResultMissing(`the ${task} task ended and left no ${resultKey}`, {
      operation: 'read task result',
      subject: resultKey,
      hint: "look at the task's log, and start the machine again",
    });
  }
  if (Date.parse(object.finishedAt) < since.getTime() - clockSkewMs) throw ofAnotherExecution(resultKey, object);
  const result = taskResultSchemas[task].safeParse(object.result);
  if (object.task === task && result.success) {
    const { startedAt, finishedAt } = object;
    return {
      result: result.data as ResultOf<Task>,
      startedAt: new Date(startedAt),
      finishedAt: new Date(finishedAt),
    };
  }
  throw new ObjectDamaged(`${resultKey} is no result of a ${task} task`, {
    operation: 'read task result',
    subject: resultKey,
    hint: 'another version of Lifeboat wrote it, or somebody changed it: start the machine again',
  });
}

const ofAnotherExecution = (resultKey: string, { finishedAt }: { finishedAt: string }): ResultMissing =>
  new ResultMissing(`${resultKey} is of an execution of the same name before this one, and ended at ${finishedAt}`, {
    operation: 'read task result',
    subject: resultKey,
    hint: 'nothing was done this time: start the machine again under another name',
  });

/** Why the newest attempt failed that began at `since` or later; undefined when it could not say so. */
export async function readTaskFailure(
  store: ObjectStore,
  resultKey: string,
  since: Date,
): Promise<FailureObject['failure'] | undefined> {
  let newest: string | undefined;
  for await (const { key } of store.list(taskFailurePrefix(resultKey))) {
    if (key >= taskFailureKey(resultKey, since)) newest = key;
  }
  if (newest === undefined) return undefined;
  return (await readRecord(store, newest, failureObjectSchema))?.failure;
}
