import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#local/clock';
import { type Integration, type Json, StatesError, type TaskCall, type TaskTokens } from '#local/integration';
import { type ExecutionEnd, LeaveExecution, runExecution } from '#local/run-execution';

/** Hours that take no time: when nobody has anything else to do, the next sleeper's time has come. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();
  #watching = false;
  /** while it is above 0 time stands still */
  held = 0;

  constructor(now: number = Date.parse('2026-03-01T12:00:00.000Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = {
        until: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        if (this.#sleepers.delete(sleeper)) reject(signal.reason);
      });
      void this.#watch();
    });
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#sleepers.size > 0) {
      await quiet();
      const [next] = [...this.#sleepers].sort((a, b) => a.until - b.until);
      if (!next || this.held > 0) continue;
      this.#now = Math.max(this.#now, next.until);
      next.wake();
    }
    this.#watching = false;
  }
}

/** Until no file is being read or written, and nothing that came of it is left to do. */
async function quiet(): Promise<void> {
  for (let turns = 0; turns < 6; turns++) {
    await new Promise(setImmediate);
    if (process.getActiveResourcesInfo().includes('FSReqPromise')) turns = 0;
  }
}

export interface Call extends TaskCall {
  /** how often this id was called before */
  again: number;
}

export type Task = (call: Call) => Json | Promise<Json>;

/** Never answers; settles when it is told to end. */
export const lasting: Task = ({ signal }) =>
  new Promise((_, reject) => {
    const end = () => reject(new StatesError('States.TaskFailed', 'told to end'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });

export const failing =
  (error: string, cause = ''): Task =>
  () => {
    throw new StatesError(error, cause);
  };

/** What the world outside knows: answers by the id of the call, given once and for all. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'lifeboat-engine-'));
  readonly journalFile = join(this.folder, 'journal.jsonl');
  readonly calls: TaskCall[] = [];
  readonly tasks: Record<string, Task>;
  readonly answers = new Map<string, Promise<Json>>();
  readonly tokens = new GivenTokens();
  clock = new VirtualClock();
  /** given for each token that is handed out */
  tokenAnswer: Json | undefined;

  constructor(tasks: Record<string, Task> = {}) {
    this.tasks = tasks;
  }

  /** One thing outside for each id: who asks again, is given the same answer. */
  readonly integrations: Integration = (call) => {
    const again = this.calls.filter(({ id }) => id === call.id).length;
    this.calls.push(call);
    if (call.token && this.tokenAnswer !== undefined) this.tokens.succeed(call.token, this.tokenAnswer);
    const task = this.tasks[call.resource];
    if (!task) return Promise.reject(new StatesError('States.Runtime', `no ${call.resource} here`));
    const known = this.answers.get(call.id);
    if (known) return known;
    const answer = Promise.resolve().then(() => task({ ...call, again }));
    answer.catch(() => undefined);
    this.answers.set(call.id, answer);
    return answer;
  };

  get ids(): string[] {
    return [...new Set(this.calls.map(({ id }) => id))];
  }

  run(definition: Json, input: Json = {}, options: { signal?: AbortSignal } = {}): Promise<ExecutionEnd> {
    const { journalFile, integrations, tokens, clock } = this;
    const signal = options.signal ?? new AbortController().signal;
    const execution = identity(input);
    return runExecution({ definition, execution, journalFile, integrations, tokens, clock, signal });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const identity = (input: Json) => ({
  arn: 'arn:aws:states:local:000000000000:execution:machine:one',
  name: 'one',
  machineArn: 'arn:aws:states:local:000000000000:stateMachine:machine',
  machineName: 'machine',
  startTime: '2026-03-01T12:00:00.000Z',
  input,
  roleArn: 'arn:aws:iam::000000000000:role/lifeboat',
});

export const leaving = () => new LeaveExecution('the engine stops', { operation: 'run execution', subject: 'one' });

/** Tokens that are answered by hand, before or after somebody waits. */
export class GivenTokens implements TaskTokens {
  readonly #answers = new Map<string, PromiseWithResolvers<Json>>();
  readonly #beats = new Map<string, () => void>();

  async answer(
    token: string,
    { signal, onHeartbeat }: { signal: AbortSignal; onHeartbeat: () => void },
  ): Promise<Json> {
    this.#beats.set(token, onHeartbeat);
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    return Promise.race([this.#of(token).promise, aborted]);
  }

  succeed(token: string, output: Json): void {
    this.#of(token).resolve(output);
  }

  fail(token: string, error: string, cause = ''): void {
    const answer = this.#of(token);
    answer.promise.catch(() => undefined);
    answer.reject(new StatesError(error, cause));
  }

  beat(token: string): void {
    this.#beats.get(token)?.();
  }

  #of(token: string): PromiseWithResolvers<Json> {
    const known = this.#answers.get(token) ?? Promise.withResolvers<Json>();
    this.#answers.set(token, known);
    return known;
  }
}

/** A machine of these states, which begins with the first; the last one ends it, if nothing is said. */
export function machine(states: Record<string, Json>, more: { [name: string]: Json } = {}): Json {
  return { QueryLanguage: 'JSONata', ...scope(states), ...more };
}

export function scope(states: Record<string, Json>): { [name: string]: Json } {
  return { StartAt: Object.keys(states)[0]!, States: states };
}

/** Runs a machine in a world of its own, and removes that. */
export async function outcome(
  definition: Json,
  { input = {}, tasks = {} }: { input?: Json; tasks?: Record<string, Task> } = {},
): Promise<ExecutionEnd & { world: World }> {
  const world = new World(tasks);
  try {
    return { ...(await world.run(definition, input)), world };
  } finally {
    world.remove();
  }
}

/** A disk on which so many bytes can still be appended: what is beyond is cut off, as a file system does it. */
export async function withRoom<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const append = prototype.appendFile;
  let left = bytes;
  prototype.appendFile = async function (data, ...others) {
    const text = Buffer.from(data as string);
    await append.call(this, text.subarray(0, left), ...others);
    if (text.length > left)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    left -= text.length;
  };
  try {
    return await work();
  } finally {
    prototype.appendFile = append;
  }
}
