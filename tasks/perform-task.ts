import { resolve } from 'node:path';
import { type ExitCode, exitCodeOf } from '#model/exit-code';
import { Aborted } from '#model/failure';
import { readInput } from '#model/read-input';
import type { Environment } from '#runtime/environment';
import { openHeartbeat } from '#runtime/heartbeat';
import { loadPlan } from '#runtime/load-plan';
import { openStoreAt, openVault } from '#runtime/open-bucket';
import type { ObjectStore } from '#store/object-store';
import type { Job, Task, TaskWorld } from './task.ts';
import { readCall, readInputText, type TaskCall } from './task-call.ts';
import { createTaskLog, type TaskLog } from './task-log.ts';
import { putFailure, putResult, toldFailure } from './task-objects.ts';
import { loadTask } from './task-table.ts';

/** The process that a task runs in. */
export interface TaskProcess {
  environment: Environment;
  cwd: string;
  /** Its reason is an Aborted where somebody wants the end, and the error itself where nobody expected it. */
  signal: AbortSignal;
  now(): Date;
  /** a line of the log */
  write(line: string): void;
}

/**
 * One task from its name to its exit code:
 *
 *     look who calls → a result is there: end → check the input → work → put the result
 *                                                    any failure → put the failure
 *
 * Every failure is logged and becomes an exit code: this does not reject.
 */
export async function performTask(name: string | undefined, own: TaskProcess): Promise<ExitCode> {
  const { environment, signal, now, write } = own;
  const startedAt = now();
  let log = createTaskLog({ write, common: { task: name }, now });
  let call: TaskCall | undefined;
  try {
    const task = await loadTask(name);
    if (task.kind === 'job') {
      call = readCall(environment);
      log = createTaskLog({ write, common: { task: name, execution: call.execution, step: call.step }, now });
    }
    await perform(name!, task, call, { ...own, startedAt, log });
    return 0;
  } catch (thrown) {
    const failure = interruption(thrown, signal) ?? thrown;
    const { name: kind, ...told } = toldFailure(failure);
    log.error('failed', { failure: kind, ...told });
    if (call) await tellFailure(own, call, startedAt, failure, log);
    return exitCodeOf(failure);
  }
}

async function perform(
  name: string,
  task: Task,
  call: TaskCall | undefined,
  { environment, cwd, signal, now, startedAt, log }: TaskProcess & { startedAt: Date; log: TaskLog },
): Promise<void> {
  const planPath = planPathOf(environment, cwd);
  const plan = await loadPlan(planPath, { environment, cwd });
  const store = await openStoreAt(plan.bucket, environment);
  if (call && (await store.head(call.resultKey))) return log.info('the result is there already: nothing is done twice');
  const input = readInput(task.input, readInputText(environment));
  const vault = await openVault(store, plan, environment);
  signal.throwIfAborted();
  log.info('begins');
  const alive = openHeartbeat(environment.LIFEBOAT_HEARTBEAT);
  const world: TaskWorld = { plan, planPath, vault, environment, startedAt, now, signal, log, alive };
  const result = task.kind === 'job' ? await runJob(task, input, world, call!) : await task.run(input, world);
  // After an error that nobody caught, nobody knows what the result is worth.
  if (signal.aborted && !(signal.reason instanceof Aborted)) throw signal.reason;
  if (call && result) await leave(store, name, call, startedAt, now(), result, log);
  log.info('ended', { durationMs: now().getTime() - startedAt.getTime() });
}

/** How often a job says that it is alive: where it cannot any more, nothing in this process goes on. */
const heartbeatMs = 10_000;

async function runJob(job: Job, input: unknown, world: TaskWorld, call: TaskCall): Promise<object> {
  world.alive();
  const timer = setInterval(world.alive, heartbeatMs);
  try {
    return await job.run(input, { ...world, call });
  } finally {
    clearInterval(timer);
  }
}

const planPathOf = (environment: Environment, cwd: string): string =>
  resolve(cwd, environment.LIFEBOAT_PLAN || 'plan.yml');

async function leave(
  store: ObjectStore,
  task: string,
  { execution, resultKey }: TaskCall,
  startedAt: Date,
  finishedAt: Date,
  result: object,
  log: TaskLog,
): Promise<void> {
  const put = await putResult(store, resultKey, { task, execution, startedAt, finishedAt, result });
  if (!put) log.warn('another attempt has put its result already: that one stands');
}

/** What a signal interrupts rejects with the signal's reason, or with an AbortError of whatever was waited for. */
const interruption = (thrown: unknown, signal: AbortSignal): unknown =>
  signal.aborted && (thrown as Error | undefined)?.name === 'AbortError' ? signal.reason : undefined;

/** The exit code tells the class of a failure, the object the rest. Where even that cannot be put, the log has it. */
async function tellFailure(
  { environment, cwd }: TaskProcess,
  { resultKey }: TaskCall,
  startedAt: Date,
  failure: unknown,
  log: TaskLog,
): Promise<void> {
  try {
    const { bucket } = await loadPlan(planPathOf(environment, cwd), { environment, cwd });
    await putFailure(await openStoreAt(bucket, environment), resultKey, startedAt, failure);
  } catch (problem) {
    log.warn('the failure could not be put into the bucket', { reason: (problem as Error).message });
  }
}
