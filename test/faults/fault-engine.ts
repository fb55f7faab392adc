import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ecsFailure } from '#harness/ecs-failure';
import { FunctionHost } from '#local/function-host';
import { type Json, StatesError, type TaskCall, type TaskTokens } from '#local/integration';
import { localFunctions } from '#local/local-functions';
import { type ExecutionEnd, LeaveExecution, runExecution } from '#local/run-execution';
import { executionArn, machineArn } from '#model/arn';
import { SkippingClock } from './skipping-clock.ts';

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
  planText: string;
  requestedBy: string;
  answer(answer: { decision: 'approve' | 'reject'; by: string; plan?: string }): Promise<Answered>;
}

/** `error`: it did not count, and `message` says why. */
export interface Answered {
  error?: string;
  message?: string;
}

/** When the engine dies: at so many calls after the first one, before that call is made or when its answer is there. */
export interface Death {
  afterCalls: number;
  when: 'before' | 'after';
}

/** What people are told at the end of an execution. */
export interface Notice {
  execution: string;
  occasion: string;
  title: string;
  what: string;
  todo: string | null;
}

export interface EngineOptions {
  /** for journals */
  folder: string;
  /** a task by its name, to its end; false: it failed, and has left why */
  task(name: string, environment: Record<string, string>, signal: AbortSignal): Promise<boolean>;
}

/** One that was started from outside, with those that its machine starts. */
interface Life {
  faults: Faults;
  death: Death | undefined;
  calls: number;
  killer: AbortController;
}

/**
 * The interpreter and the machines of this checkout with real functions in this process, and time that is shorter where a machine
 * only waits: so that hundreds of failovers of real servers take minutes. It can be killed at any call, and resumed.
 */
export class FaultEngine {
  readonly clock = new SkippingClock();
  readonly notices: Notice[] = [];
  readonly #options: EngineOptions;
  readonly #host = new FunctionHost(localFunctions);
  readonly #waiting = new Map<string, PromiseWithResolvers<Json>>();
  readonly #started = new Map<string, { life: Life; running: Promise<ExecutionEnd> }>();
  /** by the names of executions */
  readonly #lives = new Map<string, Life>();
  readonly #running = new Set<string>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** To its end; with the name of one that was killed it is resumed. */
  async run(
    machine: string,
    input: Json,
    name: string,
    { faults = {}, death }: { faults?: Faults; death?: Death } = {},
  ): Promise<ExecutionEnd | 'killed'> {
    const life: Life = { faults, death, calls: 0, killer: new AbortController() };
    this.#lives.set(name, life);
    try {
      return await this.#execute(machine, input, name, life.killer.signal);
    } catch (failure) {
      if (failure instanceof LeaveExecution) return 'killed';
      throw failure;
    }
  }

  /** How many calls of tasks an execution has made since it was started or resumed, with those of what it started. */
  calls(name: string): number {
    return this.#lives.get(name)?.calls ?? 0;
  }

  /** A function by itself. */
  invoke(name: string, payload: Json): ReturnType<FunctionHost['invoke']> {
    return this.#host.invoke(name, payload);
  }

  /** The names of those that have not ended; one that was killed runs on once it is resumed. */
  get running(): string[] {
    return [...this.#running];
  }

  async #execute(machine: string, input: Json, name: string, signal: AbortSignal): Promise<ExecutionEnd> {
    this.#running.add(name);
    const end = await this.#interpret(machine, input, name, signal);
    this.#running.delete(name);
    return end;
  }

  async #interpret(machine: string, input: Json, name: string, signal: AbortSignal): Promise<ExecutionEnd> {
    const text = readFileSync(join(root, 'statemachines', `${machine}.asl.json`), 'utf8');
    return runExecution({
      definition: JSON.parse(text.replace(/\$\{(\w+)\}/g, (_, substitution: string) => substitution)),
      execution: {
        arn: executionArn(machine, name),
        name,
        machineArn: machineArn(machine),
        machineName: machine,
        startTime: this.clock.date().toISOString(),
        input,
        roleArn: 'arn:aws:iam::000000000000:role/x',
      },
      journalFile: join(this.#options.folder, `${machine}-${name}.jsonl`),
      integrations: (call) => this.#callOrDie(call),
      tokens: this.#tokens,
      clock: this.clock,
      signal,
    });
  }

  async #callOrDie(call: TaskCall): Promise<Json> {
    const life = this.#lives.get(call.execution.name)!;
    const { death, killer } = life;
    const dies = death !== undefined && life.calls >= death.afterCalls;
    life.calls++;
    if (dies && death.when === 'before') throw kill(killer);
    const answer = await this.#call(call, life);
    if (dies) throw kill(killer);
    return answer;
  }

  async #call(call: TaskCall, life: Life): Promise<Json> {
    const given = call.arguments as Record<string, Json>;
    if (call.resource === 'lambda:invoke') return this.#invoke(call, given, life);
    if (call.resource === 'ecs:runTask') return this.#runTask(call, given);
    if (call.resource === 'sns:publish') return this.#publish(call, given);
    if (call.resource === 'states:startExecution') return this.#start(call, given, life);
    throw new Error(`nobody answers ${call.resource}`);
  }

  async #invoke({ execution, signal }: TaskCall, given: Record<string, Json>, { faults }: Life): Promise<Json> {
    const called = {
      execution: execution.name,
      name: kebab(given.FunctionName as string),
      payload: given.Payload as Record<string, Json>,
    };
    await faults.before?.(called);
    signal.throwIfAborted();
    const answered = await this.#host.invoke(called.name, called.payload);
    await faults.after?.(called);
    if ('error' in answered) throw new StatesError(answered.error.errorType, JSON.stringify(answered.error));
    if (called.name === 'ask-approval') void this.#ask(called, faults);
    return { ExecutedVersion: '$LATEST', Payload: answered.payload, StatusCode: 200 };
  }

  async #ask({ payload, execution }: FunctionCall, faults: Faults): Promise<void> {
    await faults.asked?.({
      execution,
      planText: payload.plan as string,
      planHash: payload.planHash as string,
      requestedBy: payload.requestedBy as string,
      answer: async (answer) => {
        const event = { execution: payload.execution!, plan: payload.planHash!, reason: 'seen', ...answer };
        const answered = await this.#host.invoke('answer-approval', event);
        if (!('error' in answered)) return {};
        return { error: answered.error.errorType, message: answered.error.errorMessage };
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

  #publish(call: TaskCall, given: Record<string, Json>): Json {
    const { occasion, title, what, todo } = JSON.parse(given.Message as string);
    this.notices.push({ execution: call.execution.name, occasion, title, what, todo });
    return { MessageId: call.id };
  }

  async #start(call: TaskCall, given: Record<string, Json>, life: Life): Promise<Json> {
    const machine = kebab((given.StateMachineArn as string).replace(/StateMachineArn$/, ''));
    const name = given.Name as string;
    if (call.pattern === 'request') return { ExecutionArn: executionArn(machine, name), StartDate: 0 };
    this.#lives.set(name, life);
    const before = this.#started.get(name);
    // killed with whoever started it, it is resumed by whoever starts it again
    const ended = before && before.life !== life ? await before.running.catch(() => undefined) : undefined;
    const running =
      before?.life === life
        ? before.running
        : ended
          ? Promise.resolve(ended)
          : this.#execute(machine, given.Input ?? {}, name, life.killer.signal);
    this.#started.set(name, { life, running });
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

function kill(killer: AbortController): LeaveExecution {
  const killed = new LeaveExecution('the engine was killed', {
    ...{ operation: 'run', subject: 'execution', hint: 'resume it' },
  });
  killer.abort(killed);
  return killed;
}

const kebab = (name: string): string =>
  name
    .replace(/(?:Function|Task|StateMachine)Arn$/, '')
    .replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '-'}${letter.toLowerCase()}`);
