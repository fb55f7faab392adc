import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { readJson } from './durable-file.ts';
import { lastComplaint } from './last-log-line.ts';
import type { LocalLog } from './local-log.ts';
import type { TaskProcesses } from './task-processes.ts';
import { readTaskState, type TaskEnd, type TaskSpec } from './task-record.ts';

export interface ServiceSpec {
  /** lowercase letters, digits and - */
  name: string;
  task: string;
  input: unknown;
}

export interface ServiceState {
  name: string;
  /** null while it does not run */
  pid: number | null;
  /** ISO 8601; null while it does not run */
  runningSince: string | null;
  restarts: number;
  lastExit: TaskEnd | null;
  /** what it said itself about that */
  complaint: { message: string; hint?: string | undefined } | null;
}

export interface ServicesOptions {
  /** tasks/ of the state directory */
  folder: string;
  processes: TaskProcesses;
  /** the program that runs a task by its name, and where */
  program: string;
  cwd: string;
  log: LocalLog;
  stopTimeoutMs?: number;
  firstBackoffMs?: number;
  longestBackoffMs?: number;
  /** one that ran for so long begins with the first backoff again */
  soundAfterMs?: number;
}

const defaults = { stopTimeoutMs: 30_000, firstBackoffMs: 1000, longestBackoffMs: 60_000, soundAfterMs: 60_000 };

/** How many of a service's earlier runs keep their logs. */
const keptRuns = 5;

interface Kept {
  /** of its newest run */
  id: string;
  restarts: number;
  lastExit: TaskEnd | null;
  complaint: ServiceState['complaint'];
  stop: AbortController;
  over: Promise<void>;
}

interface ServiceRun {
  /** of the newest run that has ended; undefined while that is not known */
  number: number | undefined;
  /** false: it could not be started, or it may run on */
  ended: boolean;
  /** how it ended, in words */
  told: string;
}

/**
 * Tasks that have no end: one process each, started again when it ended, later each time. A service is a row of runs,
 * `service-<name>-<number>` in tasks/; a restarted daemon goes on with the newest one, when it runs what is wanted.
 */
export class Services {
  readonly #options: ServicesOptions & typeof defaults;
  readonly #kept = new Map<string, Kept>();
  readonly #leaving = new AbortController();

  constructor(options: ServicesOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** From now on it runs. Asked again for a name, nothing changes. */
  keep(spec: ServiceSpec): void {
    if (this.#kept.has(spec.name) || this.#leaving.signal.aborted) return;
    const kept: Kept = {
      ...{ id: '', restarts: 0, lastExit: null, complaint: null },
      ...{ stop: new AbortController(), over: Promise.resolve() },
    };
    kept.over = this.#keep(spec, kept).catch((failure) => {
      if (!this.#leaving.signal.aborted) this.#options.log.error(`service ${spec.name} is no longer kept: ${failure}`);
    });
    this.#kept.set(spec.name, kept);
  }

  state(): Promise<ServiceState[]> {
    return Promise.all([...this.#kept].map(async ([name, kept]) => ({ name, ...(await this.#stateOf(kept)) })));
  }

  /** SIGTERM to all, SIGKILL to those that do not listen; settles when none runs. */
  async stopAll(): Promise<void> {
    const all = [...this.#kept.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ over }) => over));
    this.#kept.clear();
  }

  /** Ends those that nobody keeps any more: of a plan that was changed while no daemon ran. */
  async stopOthers(): Promise<void> {
    const others = (await this.#options.processes.unended()).filter(({ id }) => {
      const name = /^service-(.+)-\d+$/.exec(id)?.[1];
      return name !== undefined && !this.#kept.has(name);
    });
    await Promise.all(others.map((spec) => this.#options.processes.run(spec, { stop: AbortSignal.abort() })));
  }

  /** Leave all of them running for the next process. */
  async leave(): Promise<void> {
    this.#leaving.abort(new Error('lifeboat is shutting down'));
    await Promise.all([...this.#kept.values()].map(({ over }) => over));
  }

  async #keep(spec: ServiceSpec, kept: Kept): Promise<void> {
    const { log, firstBackoffMs, longestBackoffMs, soundAfterMs } = this.#options;
    let backoffMs = firstBackoffMs;
    let number: number | undefined;
    for (;;) {
      const since = Date.now();
      const how = await this.#runNext(spec, number, kept);
      number = how.number;
      // told to stop, what may run on has to be told once more
      const stopped = async (): Promise<void> => void (how.ended || (await this.#runNext(spec, number, kept)));
      if (kept.stop.signal.aborted) return stopped();
      if (Date.now() - since >= soundAfterMs) backoffMs = firstBackoffMs;
      log.warn(`service ${spec.name} ${how.told}: it is started again in ${backoffMs / 1000} s${hintOf(kept)}`);
      const signal = AbortSignal.any([kept.stop.signal, this.#leaving.signal]);
      await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
      this.#leaving.signal.throwIfAborted();
      if (kept.stop.signal.aborted) return stopped();
      kept.restarts++;
      backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
    }
  }

  /**
   * The run after `before`, and how it ended. Where a disk refuses something, the service is not given up, and the same
   * run is looked for again: it may go on.
   */
  async #runNext(spec: ServiceSpec, before: number | undefined, kept: Kept): Promise<ServiceRun> {
    try {
      const number = before === undefined ? await this.#firstNumber(spec, kept) : before + 1;
      await this.#removeRuns(spec.name, number - keptRuns - 1);
      const run = this.#specOf(spec, number);
      kept.id = run.id;
      const end = await this.#options.processes.run(run, { stop: kept.stop.signal, detached: this.#leaving.signal });
      kept.lastExit = end;
      kept.complaint = (await lastComplaint(join(this.#options.folder, run.id))) ?? null;
      const { problem, signal, exitCode } = end;
      const how = problem === null ? `ended with ${signal ?? `code ${exitCode}`}` : `ended: ${problem}`;
      const told = kept.complaint ? `${how}: ${kept.complaint.message}` : how;
      return { number, ended: true, told };
    } catch (failure) {
      if (this.#leaving.signal.aborted) throw failure;
      kept.complaint = null;
      return { number: before, ended: false, told: `could not be started: ${(failure as Error).message}` };
    }
  }

  /** The number of the run to begin with: the newest, where that has not ended and does what is wanted; else another. */
  async #firstNumber(spec: ServiceSpec, kept: Kept): Promise<number> {
    const newest = Math.max(0, ...(await this.#numbersOf(spec.name)));
    if (newest === 0) return 1;
    const wanted = this.#specOf(spec, newest);
    const folder = join(this.#options.folder, wanted.id);
    const state = await readTaskState(folder);
    if (state.phase === 'ended') {
      kept.lastExit = state.end;
      kept.complaint = (await lastComplaint(folder)) ?? null;
      return newest + 1;
    }
    const { format: _, ...found } = (await readJson(join(folder, 'spec.json'))) as TaskSpec & { format: string };
    if (isDeepStrictEqual(found, wanted)) return newest;
    kept.lastExit = await this.#options.processes.run(found, { stop: AbortSignal.abort() });
    return newest + 1;
  }

  #specOf({ name, task, input }: ServiceSpec, number: number): TaskSpec {
    return {
      id: `service-${name}-${number}`,
      arguments: [this.#options.program, task],
      environment: { LIFEBOAT_INPUT: JSON.stringify(input) },
      cwd: this.#options.cwd,
      stopTimeoutMs: this.#options.stopTimeoutMs,
      execution: null,
    };
  }

  async #stateOf({ id, restarts, lastExit, complaint }: Kept): Promise<Omit<ServiceState, 'name'>> {
    const folder = join(this.#options.folder, id);
    const state = id === '' ? undefined : await readTaskState(folder);
    const before = { restarts, lastExit, complaint };
    if (state?.phase !== 'running') return { pid: null, runningSince: null, ...before };
    const child = (await readJson(join(folder, 'child.json')).catch(() => undefined)) as { pid: number } | undefined;
    return { pid: child?.pid ?? null, runningSince: state.startedAt, ...before };
  }

  async #numbersOf(name: string): Promise<number[]> {
    const prefix = `service-${name}-`;
    return (await readdir(this.#options.folder))
      .filter((id) => id.startsWith(prefix) && /^\d+$/.test(id.slice(prefix.length)))
      .map((id) => Number(id.slice(prefix.length)));
  }

  async #removeRuns(name: string, upTo: number): Promise<void> {
    const old = (await this.#numbersOf(name)).filter((number) => number <= upTo);
    for (const number of old)
      await rm(join(this.#options.folder, `service-${name}-${number}`), { recursive: true, force: true });
  }
}

const hintOf = ({ complaint }: Kept): string => (complaint?.hint === undefined ? '' : `\nHINT: ${complaint.hint}`);
