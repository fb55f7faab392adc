import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ecsFailure } from '#harness/ecs-failure';
import type { Clock } from '#local/clock';
import { FunctionHost } from '#local/function-host';
import { type Json, StatesError, type TaskCall, type TaskTokens } from '#local/integration';
import { localFunctions } from '#local/local-functions';
import { type ExecutionEnd, LeaveExecution, runExecution } from '#local/run-execution';
import { executionArn, machineArn } from '#model/arn';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What happens around one execution beside what it does itself. */
export interface Faults {
  /** before a function is called; what it throws is the call's end */
  before?(call: FunctionCall): Promise<void>;
  /** after it has answered; what it throws is what the machine learns instead */
  after?(call: FunctionCall): Promise<void>;
  /** when people are asked: what they do about it */
  asked?(question: Question): Promise<void>;
}

export interface FunctionCall {
  execution: string;
  name: string;
  payload: Record<string, Json>;
}

export interface Question {
  execution: string;
  planHash: string;
  requestedBy: string;
  answer(answer: { decision: 'approve' | 'reject'; by: string; plan?: string }): Promise<{ error?: string }>;
}

export interface EngineOptions {
  /** for journals */
  folder: string;
  /** a task by its name, to its end; false: it failed, and has left why */
  task(name: string, environment: Record<string, string>, signal: AbortSignal): Promise<boolean>;
}

/**
 * The interpreter and the machines of this checkout with real functions in this process, and time that is shorter where a machine
 * only waits: so that hundreds of failovers of real servers take minutes. It can be killed between any two calls, and resumed.
 */
export class FaultEngine {
  readonly #options: EngineOptions;
  readonly #host = new FunctionHost(localFunctions);
  readonly #waiting = new Map<string, PromiseWithResolvers<Json>>();
  readonly #started = new Map<string, Promise<ExecutionEnd>>();
  readonly #faults = new Map<string, Faults>();
  /** of the executions that are to be killed: how many calls they may still make */
  readonly #lives = new Map<string, number>();
  readonly #killers = new Map<string, AbortController>();
  readonly #running = new Set<string>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** To its end; with the name of one that was killed it is resumed. `callsLeft`: after so many calls the engine dies. */
  async run(
    machine: string,
    input: Json,
    name: string,
    { faults = {}, callsLeft }: { faults?: Faults; callsLeft?: number } = {},
  ): Promise<ExecutionEnd | 'killed'> {
    this.#faults.set(name, faults);
    if (callsLeft === undefined) this.#lives.delete(name);
    else this.#lives.set(name, callsLeft);
    const killer = new AbortController();
    this.#killers.set(name, killer);
    try {
      return await this.#execute(machine, input, name, killer.signal);
    } catch (failure) {
      if (failure instanceof LeaveExecution) return 'killed';
      throw failure;
    }
  }

  async #execute(machine: string, input: Json, name: string, signal: AbortSignal): Promise<ExecutionEnd> {
    this.#running.add(name);
    const text = readFileSync(join(root, 'statemachines', `${machine}.asl.json`), 'utf8');
    const end = await runExecution({
      definition: JSON.parse(text.replace(/\$\{(\w+)\}/g, (_, substitution: string) => substitution)),
      execution: {
        arn: executionArn(machine, name),
        name,
        machineArn: machineArn(machine),
        machineName: machine,
        startTime: new Date().toISOString(),
        input,
        roleArn: 'arn:aws:iam::000000000000:role/x',
      },
      journalFile: join(this.#options.folder, `${machine}-${name}.jsonl`),
      integrations: (call) => this.#call(call),
      tokens: this.#tokens,
      clock,
      signal,
    });
    this.#running.delete(name);
    return end;
  }

  /** Those that have not ended; what was killed will be resumed. */
  get running(): string[] {
    return [...this.#running];
  }

  async #call(call: TaskCall): Promise<Json> {
    const { name } = call.execution;
    const left = this.#lives.get(name);
    if (left !== undefined) {
      if (left === 0) this.#killers.get(name)?.abort(killed());
      this.#lives.set(name, left - 1);
    }
    const given = call.arguments as Record<string, Json>;
    if (call.resource === 'lambda:invoke') return this.#invoke(call, given);
    if (call.resource === 'ecs:runTask') return this.#runTask(call, given);
    if (call.resource === 'sns:publish') return { MessageId: call.id };
    if (call.resource === 'states:startExecution') return this.#start(call, given);
    throw new Error(`nobody answers ${call.resource}`);
  }

  async #invoke({ execution, signal }: TaskCall, given: Record<string, Json>): Promise<Json> {
    const called = {
      execution: execution.name,
      name: kebab(given.FunctionName as string),
      payload: given.Payload as Record<string, Json>,
    };
    const faults = this.#faults.get(execution.name);
    await faults?.before?.(called);
    signal.throwIfAborted();
    const answered = await this.#host.invoke(called.name, called.payload);
    await faults?.after?.(called);
    if ('error' in answered) throw new StatesError(answered.error.errorType, JSON.stringify(answered.error));
    if (called.name === 'ask-approval') void this.#ask(called, faults);
    return { ExecutedVersion: '$LATEST', Payload: answered.payload, StatusCode: 200 };
  }

  async #ask({ payload, execution }: FunctionCall, faults: Faults | undefined): Promise<void> {
    await faults?.asked?.({
      execution,
      planHash: payload.planHash as string,
      requestedBy: payload.requestedBy as string,
      answer: async (answer) => {
        const event = { execution: payload.execution!, plan: payload.planHash!, reason: 'seen', ...answer };
        const answered = await this.#host.invoke('answer-approval', event);
        return 'error' in answered ? { error: answered.error.errorType } : {};
      },
    });
  }

  async #runTask(call: TaskCall, given: Record<string, Json>): Promise<Json> {
    const { Overrides } = given as {
      Overrides: { ContainerOverrides: [{ Environment: { Name: string; Value: string }[] }] };
    };
    const environment = Object.fromEntries(
      Overrides.ContainerOverrides[0].Environment.map(({ Name, Value }) => [Name, Value]),
    );
    const name = kebab((given.TaskDefinition as string).replace(/TaskArn$/, ''));
    if (await this.#options.task(name, environment, call.signal)) return { ExitCode: 0 };
    throw ecsFailure({ ExitCode: 1 });
  }

  async #start(call: TaskCall, given: Record<string, Json>): Promise<Json> {
    const machine = kebab((given.StateMachineArn as string).replace(/StateMachineArn$/, ''));
    const name = given.Name as string;
    if (call.pattern === 'request') return { ExecutionArn: executionArn(machine, name), StartDate: 0 };
    this.#faults.set(name, this.#faults.get(call.execution.name) ?? {});
    const running = this.#started.get(name) ?? this.#execute(machine, given.Input ?? {}, name, call.signal);
    this.#started.set(name, running);
    const end = await running;
    const described = JSON.stringify({
      ...{ ExecutionArn: executionArn(machine, name), Name: name, Status: end.status },
      ...{ Output: end.output, Error: end.error, Cause: end.cause },
    });
    if (end.status === 'SUCCEEDED') return JSON.parse(described);
    throw new StatesError('States.TaskFailed', described);
  }

  /** As the answer to a question comes. */
  sendTaskSuccess(token: string, output: unknown): void {
    this.#waitFor(token).resolve(output as Json);
  }

  #waitFor(token: string): PromiseWithResolvers<Json> {
    const waiting = this.#waiting.get(token) ?? Promise.withResolvers<Json>();
    this.#waiting.set(token, waiting);
    return waiting;
  }

  readonly #tokens: TaskTokens = { answer: (token) => this.#waitFor(token).promise };
}

const killed = () =>
  new LeaveExecution('the engine was killed', { operation: 'run', subject: 'execution', hint: 'resume it' });

/** What only waits is over sooner, and took as long by this clock; how long a call may take stays what it is. */
const shortestTimeoutMs = 59_000;
let skippedMs = 0;
const clock: Clock = {
  now: () => Date.now() + skippedMs,
  async sleep(ms, signal) {
    const shortMs = ms < shortestTimeoutMs ? ms / 20 : ms;
    await delay(shortMs, undefined, { ref: ms < shortestTimeoutMs, ...(signal ? { signal } : {}) }).catch(
      () => undefined,
    );
    signal?.throwIfAborted();
    skippedMs += ms - shortMs;
  },
};

const kebab = (name: string): string =>
  name
    .replace(/(?:Function|Task|StateMachine)Arn$/, '')
    .replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '-'}${letter.toLowerCase()}`);
