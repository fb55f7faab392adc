import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '#runtime/environment';
import { isAlive, type ProcessIdentity, withEnvironment } from '#runtime/process-identity';
import { signalProcess } from '#runtime/signal-process';
import { type StartedSupervisor, startSupervisor } from '#runtime/start-supervisor';
import { createFile, createFolder, readJson, removeFolder } from './durable-file.ts';
import { neverStarted, readTaskState, type TaskEnd, type TaskSpec, unknownEnd } from './task-record.ts';

/** Nothing was started, and nothing will be under this id unless it is asked for again. */
export class TaskNotStarted extends Error {}

/**
 * Processes that are begun once for each id and found again by it, whoever asked first and died:
 *
 *   no folder            → it is made, with the spec
 *   spec, not started    → a supervisor is started; of several one takes the task
 *   running              → its end is waited for
 *   ended                → that is the answer
 *   its supervisor gone  → what is left of it is ended; the answer is an end without an exit code
 */
export class TaskProcesses {
  readonly #folder: string;
  readonly #environment: Environment;
  /** ids of those that are known to have ended, which is for good */
  #ended: ReadonlySet<string> = new Set();

  /** `environment`: what every task gets beside its own */
  constructor({ folder, environment }: { folder: string; environment: Environment }) {
    this.#folder = folder;
    this.#environment = environment;
  }

  folderOf(id: string): string {
    return join(this.#folder, id);
  }

  /**
   * Begin or find the task, and wait for its end. Aborted: SIGTERM, SIGKILL when it takes too long, and its end is
   * waited for all the same. `detached` makes us stop looking and leaves the task as it is.
   * @throws TaskNotStarted; the reason of `detached`
   */
  async run(spec: TaskSpec, signals: { stop: AbortSignal; detached?: AbortSignal }): Promise<TaskEnd> {
    const folder = this.folderOf(spec.id);
    await createFolder(folder, { 'spec.json': JSON.stringify({ format: 'lifeboat-task/1', ...spec }) }).catch(
      (failure) => {
        if (!existsSync(folder)) throw new TaskNotStarted((failure as Error).message);
      },
    );
    const { stop } = signals;
    const patience = new Patience(signals);
    let supervisor: Begun | undefined;
    let told = false;
    for (;;) {
      const state = await readTaskState(folder);
      if (state.phase === 'ended') return state.end;
      if (state.phase === 'lost') await bury(folder, spec.stopTimeoutMs, stop.aborted);
      else if (state.phase === 'running') {
        if (stop.aborted && !told) told = tell(state.supervisor);
        await patience.wait(supervisor);
      } else if (stop.aborted) await createFile(join(folder, 'started.json'), neverStarted(new Date()));
      else if (supervisor === undefined || supervisor.over) supervisor = this.#begin(folder, supervisor);
      else await patience.wait(supervisor);
    }
  }

  /**
   * Those that have not ended, as they were asked for. What is damaged is nobody's any more. A few are looked at at a
   * time, and what has ended once: after some weeks there are thousands.
   */
  async unended(): Promise<TaskSpec[]> {
    const ids = (await readdir(this.#folder)).filter((id) => !id.startsWith('.'));
    const ended = new Set(ids.filter((id) => this.#ended.has(id)));
    const found: TaskSpec[] = [];
    const queue = ids.values();
    const look = async (): Promise<void> => {
      for (const id of queue) {
        const spec = ended.has(id) ? 'ended' : await unendedIn(this.folderOf(id));
        if (spec === 'ended') ended.add(id);
        else if (spec !== undefined) found.push(spec);
      }
    };
    await Promise.all(Array.from({ length: 16 }, look));
    this.#ended = ended;
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Remove the records and logs of those that ended before, unless somebody may still ask how. */
  async forget(before: Date, mayAsk: (execution: string) => boolean): Promise<void> {
    for (const id of (await readdir(this.#folder)).filter((name) => !name.startsWith('.'))) {
      const folder = this.folderOf(id);
      const state = await readTaskState(folder).catch(() => undefined);
      if (state?.phase !== 'ended' || new Date(state.end.stoppedAt) >= before) continue;
      const spec = (await readJson(join(folder, 'spec.json'))) as TaskSpec | undefined;
      if (!spec?.execution || !mayAsk(spec.execution)) await removeFolder(folder);
    }
  }

  #begin(folder: string, before: Begun | undefined): Begun {
    const starts = (before?.starts ?? 0) + 1;
    const problem = before?.over?.problem ?? (starts > 5 ? 'its supervisor was killed each time' : undefined);
    if (problem !== undefined) throw new TaskNotStarted(problem);
    const { ended } = startSupervisor(folder, this.#environment);
    const begun: Begun = { starts, ended, over: undefined };
    ended.then((over) => {
      begun.over = over;
    });
    return begun;
  }
}

/** undefined where nothing can be made of it. @throws what keeps us from looking */
async function unendedIn(folder: string): Promise<TaskSpec | 'ended' | undefined> {
  try {
    if ((await readTaskState(folder)).phase === 'ended') return 'ended';
    return (await readJson(join(folder, 'spec.json'))) as TaskSpec | undefined;
  } catch (failure) {
    const isGone = (failure as NodeJS.ErrnoException).code === 'ENOENT';
    if (failure instanceof Error && 'syscall' in failure && !isGone) throw failure;
    return undefined;
  }
}

interface Begun {
  starts: number;
  ended: StartedSupervisor['ended'];
  over: Awaited<StartedSupervisor['ended']> | undefined;
}

/** Looks often at first, for most tasks are short, and then twice a second. */
class Patience {
  readonly #signals: { stop: AbortSignal; detached?: AbortSignal };
  readonly #since = Date.now();

  constructor(signals: { stop: AbortSignal; detached?: AbortSignal }) {
    this.#signals = signals;
  }

  async wait(supervisor: Begun | undefined): Promise<void> {
    const { stop, detached } = this.#signals;
    detached?.throwIfAborted();
    const over = new AbortController();
    const wake = stop.aborted ? [over.signal] : [over.signal, stop];
    const signal = AbortSignal.any(detached ? [...wake, detached] : wake);
    const pauseMs = stop.aborted ? 50 : Math.min(500, 20 + (Date.now() - this.#since) / 20);
    const slept = sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    await Promise.race(supervisor && !supervisor.over ? [slept, supervisor.ended] : [slept]);
    over.abort();
    detached?.throwIfAborted();
  }
}

/** True when it is told; false when it is gone already. */
const tell = (supervisor: ProcessIdentity): boolean => isAlive(supervisor) && signalProcess(supervisor.pid, 'SIGTERM');

/** End what runs without its supervisor, and write down that nobody knows how it ended. */
async function bury(folder: string, stopTimeoutMs: number, stopped: boolean): Promise<void> {
  const killAt = Date.now() + stopTimeoutMs;
  const told = new Set<string>();
  for (;;) {
    const left = await withEnvironment('LIFEBOAT_TASK_FOLDER', folder);
    if (left.length === 0) break;
    for (const one of left) {
      const name = `${one.pid} ${one.startTime}`;
      const late = Date.now() >= killAt;
      if (late || !told.has(name)) signalProcess(one.pid, late ? 'SIGKILL' : 'SIGTERM');
      told.add(name);
    }
    await sleep(50);
  }
  await removeTemporary(folder);
  await createFile(
    join(folder, 'exit.json'),
    unknownEnd('the process that watched it was killed', new Date(), stopped),
  );
}

async function removeTemporary(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
  for (const name of left) await rm(join(folder, name), { force: true });
}
