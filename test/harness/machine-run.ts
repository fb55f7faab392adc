import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { callAwsSdk } from '#local/call-aws-service';
import type { Clock } from '#local/clock';
import { FunctionHost, type Functions } from '#local/function-host';
import { type Json, StatesError, type TaskCall, type TaskTokens } from '#local/integration';
import { readRecords } from '#local/journal';
import { type ExecutionEnd, LeaveExecution, runExecution } from '#local/run-execution';
import { executionArn, machineArn } from '#model/arn';
import type { FailureObject } from '#model/task-result';
import { type AwsSdkCall, createAwsSdk } from '#runtime/call-aws-sdk';
import { provideWorld } from '#runtime/function-world';
import { taskFailureKey } from '#store/bucket-layout';
import { ecsFailure } from './ecs-failure.ts';
import type { StoredSource } from './stored-source.ts';

// what functions log is not what a test's reader looks for
process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a task is told, and what it can leave. */
export interface ScriptedTask {
  name: string;
  input: Record<string, Json>;
  execution: string;
  resultKey: string;
  /** from 1, of this step */
  attempt: number;
  signal: AbortSignal;
  leave(result: unknown): Promise<void>;
  /** Says why, and fails as ECS tells it. */
  fail(failure: Partial<FailureObject['failure']>): Promise<never>;
}

/** Ends well unless it throws; a task that shall fail throws what `ecsFailure` makes, or what `fail` does. */
export type TaskScript = (task: ScriptedTask) => Promise<unknown>;

export interface PersonsAnswer {
  decision: 'approve' | 'reject';
  by: string;
  reason?: string;
}

/** A call, and the state that makes it. */
export type CalledState = TaskCall & { state: string };

export interface MachineRunOptions {
  source: StoredSource;
  tasks?: Record<string, TaskScript>;
  /** of a person who is asked; none: nobody answers, and the day passes */
  answer?: (question: Record<string, Json>) => Promise<PersonsAnswer> | PersonsAnswer;
  /** instead of the real ones */
  functions?: Functions;
  /** every function is invoked twice, as Lambda may do; the second answer counts */
  twice?: boolean;
  /** asked at each call: a StatesError that is thrown instead, or what is answered without doing anything */
  refuse?: (call: CalledState, function_: string | undefined) => StatesError | { answer: Json } | undefined;
  /** asked at each call: whether the engine dies before it is made, or when it was answered and nobody knows yet */
  dies?: (call: CalledState) => 'before' | 'after' | undefined;
}

/**
 * The machines of this checkout on the interpreter of this checkout: real functions, a real bucket, scripted tasks and
 * people. Waiting takes no time; time that a task has passes only when it waits for a person who does not answer.
 */
export class MachineRun {
  readonly notices: Record<string, Json>[] = [];
  readonly evidence: Record<string, Json>[] = [];
  readonly tasks: {
    name: string;
    input: Record<string, Json>;
    resultKey: string;
    execution: string;
    role: string | undefined;
  }[] = [];
  readonly started: Json[] = [];
  /** of people's answers */
  readonly failures: Error[] = [];
  /** every state that was entered, in order: those of a Map's children included */
  readonly entered: { machine: string; state: string }[] = [];
  /** of functions that were called, in order */
  readonly calls: string[] = [];
  readonly #options: MachineRunOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'lifeboat-run-'));
  readonly #waiting = new Map<string, PromiseWithResolvers<Json>>();
  readonly #attempts = new Map<string, number>();
  #host: FunctionHost | undefined;
  #sdk: AwsSdkCall | undefined;
  #question: Record<string, Json> = {};
  /** by the name of an execution: the call that started it */
  readonly #starts = new Map<string, string>();
  #busy = 0;
  #leaving = new AbortController();

  constructor(options: MachineRunOptions) {
    this.#options = options;
  }

  /** With the same name again, the execution is resumed or its end told. @throws LeaveExecution when the engine dies */
  async run(machine: string, input: Json, name = 'run-1'): Promise<ExecutionEnd> {
    if (this.#leaving.signal.aborted) this.#leaving = new AbortController();
    provideWorld({
      ...this.#options.source.world,
      publish: async (notice) => void this.notices.push(notice as Record<string, Json>),
      stepFunctions: {
        sendTaskSuccess: async (token, output) => {
          this.#waitFor(token).resolve(output as Json);
          return 'taken';
        },
      },
    });
    this.#host ??= new FunctionHost({ ...(await allFunctions()), ...this.#options.functions });
    const text = readFileSync(join(root, 'statemachines', `${machine}.asl.json`), 'utf8');
    const journalFile = join(this.#folder, `${machine}-${name}.jsonl`);
    const end = await runExecution({
      definition: naming(JSON.parse(text.replace(/\$\{(\w+)\}/g, (_, substitution: string) => substitution))),
      execution: {
        arn: executionArn(machine, name),
        name,
        machineArn: machineArn(machine),
        machineName: machine,
        startTime: this.#options.source.now.toISOString(),
        input,
        roleArn: 'arn:aws:iam::000000000000:role/x',
      },
      journalFile,
      integrations: (call) => this.#call(call),
      tokens: this.#tokens,
      clock: this.#clock,
      signal: this.#leaving.signal,
    });
    const { records } = readRecords(readFileSync(journalFile), journalFile);
    for (const record of records) if (record.type === 'entered') this.entered.push({ machine, state: record.name });
    return end;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #call(call: TaskCall): Promise<Json> {
    const { [stateField]: state } = call.arguments as Record<string, Json>;
    const death = this.#options.dies?.({ ...call, state: state as string });
    if (death === 'before') return this.#die();
    const answer = await this.#make(call);
    return death === 'after' ? this.#die() : answer;
  }

  #die(): never {
    const leaving = { operation: 'run', subject: 'engine' };
    this.#leaving.abort(new LeaveExecution('the engine dies', leaving));
    throw this.#leaving.signal.reason;
  }

  async #make(call: TaskCall): Promise<Json> {
    this.#busy++;
    try {
      const { [stateField]: state, ...given } = call.arguments as Record<string, Json>;
      const function_ = call.resource === 'lambda:invoke' ? kebab(given.FunctionName as string) : undefined;
      const called = { ...call, arguments: given, state: state as string };
      const refused = this.#options.refuse?.(called, function_);
      if (refused instanceof StatesError) throw refused;
      if (refused) return refused.answer;
      if (function_ !== undefined) return await this.#invoke(function_, given.Payload as Record<string, Json>);
      if (call.resource.startsWith('aws-sdk:')) return await this.#callSdk({ ...call, arguments: given });
      if (call.resource === 'ecs:runTask') return await this.#runTask(call, given);
      if (call.resource === 'sns:publish') this.notices.push(JSON.parse(given.Message as string));
      else if (call.pattern === 'sync:2') return await this.#startAndWait(call.id, given);
      else this.#start(call.id, given);
      return { MessageId: call.id };
    } finally {
      this.#busy--;
    }
  }

  /** What speaks like AWS where the source's environment says. */
  #callSdk(call: TaskCall): Promise<Json> {
    this.#sdk ??= createAwsSdk(this.#options.source.environment, () => ({}));
    return callAwsSdk(this.#sdk)(call);
  }

  async #invoke(name: string, payload: Record<string, Json>): Promise<Json> {
    this.calls.push(name);
    if (this.#options.twice) await this.#host!.invoke(name, payload);
    const answered = await this.#host!.invoke(name, payload);
    if ('error' in answered) throw new StatesError(answered.error.errorType, JSON.stringify(answered.error));
    if (name === 'record-evidence') this.evidence.push(payload);
    if (name === 'ask-approval') this.#ask(payload).catch((failure: Error) => this.failures.push(failure));
    return { ExecutedVersion: '$LATEST', Payload: answered.payload, StatusCode: 200 };
  }

  async #ask(question: Record<string, Json>): Promise<void> {
    this.#question = question;
    const answer = await this.#options.answer?.(question);
    if (answer) await this.answer(answer);
  }

  /** Somebody answers what was asked last. */
  async answer(answer: PersonsAnswer): Promise<void> {
    const { execution, planHash } = this.#question;
    const answered = await this.#host!.invoke('answer-approval', {
      ...{ execution: execution!, plan: planHash!, reason: 'seen' },
      ...answer,
    });
    if ('error' in answered) throw new Error(answered.error.errorMessage);
  }

  /** Who has the token of what was asked last can send anything. */
  sendTaskSuccess(output: Json): void {
    this.#waitFor(this.#question.taskToken as string).resolve(output);
  }

  /** A call that is made once more after the engine died has started nothing else. */
  #start(id: string, given: Record<string, Json>): void {
    const name = given.Name as string;
    const by = this.#starts.get(name);
    if (by === id) return;
    if (by !== undefined)
      throw new StatesError('StepFunctions.ExecutionAlreadyExistsException', `Execution Already Exists: '${name}'`);
    this.#starts.set(name, id);
    this.started.push(given);
  }

  /** The other machine runs, too, and its end is the answer. */
  async #startAndWait(id: string, given: Record<string, Json>): Promise<Json> {
    this.#start(id, given);
    const { StateMachineArn, Name, Input = {} } = given;
    const machine = kebab(StateMachineArn as string);
    // while a machine waits for another one, time may pass
    this.#busy--;
    const end = await this.run(machine, Input, Name as string).finally(() => this.#busy++);
    const described = JSON.stringify({
      ...{ ExecutionArn: executionArn(machine, Name as string), Name, Input, Status: end.status },
      ...{ Output: end.output, Error: end.error, Cause: end.cause },
    });
    if (end.status === 'SUCCEEDED') return JSON.parse(described);
    throw new StatesError('States.TaskFailed', described);
  }

  async #runTask(call: TaskCall, given: Record<string, Json>): Promise<Json> {
    // on a volume or not, it is the same task
    const name = kebab(given.TaskDefinition as string).replace(/-volume$/, '');
    const { Overrides } = given as {
      Overrides: { TaskRoleArn?: string; ContainerOverrides: [{ Environment: { Name: string; Value: string }[] }] };
    };
    const environment = Object.fromEntries(
      Overrides.ContainerOverrides[0].Environment.map(({ Name, Value }) => [Name, Value]),
    );
    const input = JSON.parse(environment.LIFEBOAT_INPUT!) as Record<string, Json>;
    const resultKey = environment.LIFEBOAT_RESULT!;
    const attempt = (this.#attempts.get(resultKey) ?? 0) + 1;
    this.#attempts.set(resultKey, attempt);
    const execution = environment.LIFEBOAT_EXECUTION!;
    this.tasks.push({ name, input, resultKey, execution, role: Overrides.TaskRoleArn });
    const script = this.#options.tasks?.[name];
    if (!script) throw new Error(`the test has no script for the task ${name}`);
    const { store } = this.#options.source;
    // as tasks do: what is there is not done again
    if (await store.head(resultKey)) return { ExitCode: 0 };
    const now = () => this.#options.source.now;
    const put = (key: string, content: object) =>
      store.put(key, Buffer.from(JSON.stringify(content)), { condition: 'absent' });
    await script({
      name,
      input,
      execution,
      resultKey,
      attempt,
      signal: call.signal,
      async leave(result) {
        const times = { startedAt: now().toISOString(), finishedAt: now().toISOString() };
        await put(resultKey, { format: 'lifeboat-result/1', task: name, execution, ...times, result });
      },
      async fail(failure) {
        const content = { name: 'Error', message: 'it failed', hint: null, verdict: null, ...failure };
        await put(taskFailureKey(resultKey, now()), { format: 'lifeboat-failure/1', failure: content });
        throw ecsFailure({ ExitCode: 1 });
      },
    });
    return { ExitCode: 0 };
  }

  #waitFor(token: string): PromiseWithResolvers<Json> {
    const waiting = this.#waiting.get(token) ?? Promise.withResolvers<Json>();
    this.#waiting.set(token, waiting);
    return waiting;
  }

  readonly #tokens: TaskTokens = { answer: (token) => this.#waitFor(token).promise };

  readonly #clock: Clock = {
    now: () => this.#options.source.now.getTime(),
    sleep: async (ms, signal) => {
      const passes = ms <= (this.#options.answer ? 3_600_000 : 86_400_000);
      for (let idle = 0; !passes || idle < (ms > 3_600_000 ? 60 : 2); idle = this.#busy > 0 ? 0 : idle + 1) {
        if (passes && this.#busy === 0 && ms <= 3_600_000) await turn();
        else await delay(3, undefined, { ref: passes, ...(signal ? { signal } : {}) }).catch(() => undefined);
        if (signal?.aborted) throw signal.reason;
      }
      this.#options.source.pass(ms / 60_000);
    },
  };
}

const stateField = 'LifeboatTestState';

/** The machine, with each Task's name in what it calls with. */
function naming(machine: Json): Json {
  if (Array.isArray(machine)) return machine.map(naming);
  if (typeof machine !== 'object' || machine === null) return machine;
  const members = Object.entries(machine).map(([name, member]) => {
    const { Type, Arguments } = (member ?? {}) as { Type?: Json; Arguments?: Record<string, Json> | string };
    if (Type !== 'Task') return [name, naming(member)];
    const named =
      typeof Arguments === 'string'
        ? Arguments.replace(/^\{%(.*)%\}$/s, `{% $merge([($1), {'${stateField}': '${name}'}]) %}`)
        : { ...Arguments, [stateField]: name };
    return [name, { ...(member as object), Arguments: named }];
  });
  return Object.fromEntries(members);
}

async function allFunctions(): Promise<Functions> {
  const files = await readdir(join(root, 'functions'));
  const names = files.filter((file) => file.endsWith('.ts') && file !== 'edge.ts').map((file) => file.slice(0, -3));
  return Object.fromEntries(names.map((name) => [name, () => import(join(root, 'functions', `${name}.ts`))]));
}

/** `PlanBackupFunctionArn` → `plan-backup` */
const kebab = (substitution: string): string =>
  substitution
    .replace(/(?:Function|Task|StateMachine)Arn$/, '')
    .replace(/[A-Z]/g, (letter, at: number) => `${at > 0 ? '-' : ''}${letter.toLowerCase()}`);
