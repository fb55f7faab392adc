import { createAwsSdk } from '#runtime/call-aws-sdk';
import type { Environment } from '#runtime/environment';
import { systemClock } from './clock.ts';
import { removeUnfinished } from './durable-file.ts';
import { type Endpoint, openEndpoint } from './endpoint.ts';
import { type Execution, Executions } from './executions.ts';
import { FunctionHost, type Functions } from './function-host.ts';
import { createIntegrations } from './integrations.ts';
import type { LocalLog } from './local-log.ts';
import type { LoadedMachine } from './machine-definitions.ts';
import { becomeOneDaemon } from './one-daemon.ts';
import { Services } from './services.ts';
import type { StateDirectory } from './state-directory.ts';
import { TaskProcesses } from './task-processes.ts';
import { FileTaskTokens } from './task-tokens.ts';

export interface EngineOptions {
  state: StateDirectory;
  machines: ReadonlyMap<string, LoadedMachine>;
  functions: Functions;
  /** names of the tasks that `taskProgram` runs as `node <taskProgram> <name>` in `cwd` */
  tasks: readonly string[];
  taskProgram: string;
  cwd: string;
  /** what every task gets, beside its own */
  environment: Environment;
  publish(message: string, dedupeId: string): Promise<unknown>;
  onEnd?(execution: Execution): void | Promise<void>;
  /** of the endpoint; 0: one that is free */
  port: number;
  pid: number;
  /** between a task's SIGTERM and its SIGKILL; 30 s unless given */
  stopTimeoutMs?: number;
  log: LocalLog;
}

export interface Engine {
  executions: Executions;
  functions: FunctionHost;
  services: Services;
  tokens: FileTaskTokens;
  endpoint: Endpoint;
  /** Go on with all executions that have not ended, and end the tasks that nobody wants any more. */
  resume(): Promise<string[]>;
  /** Remove what ended before `before`: executions with their history, tasks with their logs, answers to tokens. */
  forget(before: Date): Promise<void>;
  /**
   * Let go of everything: executions go on in the next engine, their tasks run on under their supervisors and are found
   * by it. Services are stopped, for nobody would start them again.
   */
  close(): Promise<void>;
}

/**
 * Step Functions, Lambda and ECS of one machine, wired. Nothing runs before `resume`, but what is started.
 * @throws AlreadyRunning when another one works in the state directory
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const one = await becomeOneDaemon(options.state.path, { now: () => new Date() });
  try {
    return await open(options, () => one.release());
  } catch (failure) {
    await one.release();
    throw failure;
  }
}

async function open(options: EngineOptions, release: () => Promise<void>): Promise<Engine> {
  const { state, environment, log, taskProgram: program, cwd, stopTimeoutMs } = options;
  await removeUnfinished(state.tasks);
  await removeUnfinished(state.tokens);
  const leaving = new AbortController();
  const tokens = new FileTaskTokens({ folder: state.tokens, leaving: leaving.signal });
  const processes = new TaskProcesses({ folder: state.tasks, environment });
  const functions = new FunctionHost(options.functions);
  const grace = stopTimeoutMs === undefined ? {} : { stopTimeoutMs };
  const ecs = { processes, program, cwd, tasks: options.tasks, leaving: leaving.signal, ...grace };
  let own: Endpoint | undefined;
  const executions = await Executions.open({
    ...options,
    folder: state.executions,
    tokens,
    clock: systemClock,
    integrations: (known) => {
      const awsSdk = createAwsSdk(environment, () => ownServices(own));
      return createIntegrations({
        ...options,
        executions: known,
        functions,
        ecs,
        tokens,
        awsSdk,
        leaving: leaving.signal,
      });
    },
    abandon: (arn) => endTasks(processes, (execution) => execution === arn),
  });
  const services = new Services({ folder: state.tasks, processes, program, cwd, log, ...grace });
  const endpoint = await openEndpoint({ ...options, state, executions, tokens, functions, now: () => new Date() });
  own = endpoint;
  const closeAll = async (): Promise<void> => {
    leaving.abort(new Error('lifeboat is shutting down'));
    await executions.shutdown();
    await Promise.all([services.stopAll(), endpoint.close()]);
    await release();
  };
  let closing: Promise<void> | undefined;
  return {
    ...{ executions, functions, services, tokens, endpoint },
    async resume() {
      const resumed = executions.resumeAll();
      const wanted = new Set(resumed);
      // its engine died between the end of the execution and that of its task
      await endTasks(processes, (execution) => !wanted.has(execution) && !executions.isRunning(execution));
      return resumed;
    },
    async forget(before) {
      await executions.forget(before);
      await processes.forget(before, (execution) => executions.isRunning(execution));
      await tokens.forget(before);
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

async function endTasks(processes: TaskProcesses, unwanted: (execution: string) => boolean): Promise<void> {
  const left = (await processes.unended()).filter(({ execution }) => execution !== null && unwanted(execution));
  await Promise.all(left.map((spec) => processes.run(spec, { stop: AbortSignal.abort() })));
}

/** Machines that call Step Functions or Lambda through the SDK call us. */
function ownServices(endpoint: Endpoint | undefined): Record<string, object> {
  if (!endpoint) return {};
  const { url, region, credentials } = endpoint;
  return { sfn: { endpoint: url, region, credentials }, lambda: { endpoint: url, region, credentials } };
}
