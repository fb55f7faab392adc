import { setTimeout as sleep } from 'node:timers/promises';
import { localAccount, machineArn } from '#model/arn';
import type { Clock } from './clock.ts';
import type { ExecutionEnding, ExecutionFolders, ExecutionPlace, StopRequest } from './execution-folder.ts';
import { type ExecutionIndex, type ExecutionSummary, summaryOf } from './execution-index.ts';
import { type Integration, StatesError, type TaskTokens } from './integration.ts';
import { JournalUnwritable } from './journal.ts';
import type { LocalLog } from './local-log.ts';
import { Refusal } from './refusal.ts';
import { LeaveExecution, runExecution } from './run-execution.ts';

export interface RunnerOptions {
  folders: ExecutionFolders;
  index: ExecutionIndex;
  integrations: Integration;
  tokens: TaskTokens;
  clock: Clock;
  log: LocalLog;
  abandon(arn: string): Promise<void>;
  onEnd(arn: string): Promise<void>;
}

interface Running {
  control: AbortController;
  over: Promise<void>;
}

/** How long a journal that could not be written is left alone before it is tried again. */
const retryMs = 30_000;

/** How long those that run may take to let go. */
const leaveMs = 2000;

/**
 * Executions while they run. Each is in one of
 *
 *   running   the engine has it
 *   standing  the engine cannot go on with it, and `problems` says why: its journal cannot be written, which is tried
 *             again; or it is damaged or of another machine, and somebody has to stop it
 *   ended     end.json says how
 */
export class ExecutionRunner {
  readonly problems = new Map<string, string>();
  readonly #options: RunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();
  readonly #leaving = new AbortController();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** @throws Refusal once everything is left to the next process */
  checkOpen(): void {
    if (this.#leaving.signal.aborted) throw new Refusal('ServiceUnavailable', 'lifeboat is shutting down', 503);
  }

  run(summary: ExecutionSummary): void {
    if (this.#leaving.signal.aborted || this.#running.has(summary.arn)) return;
    const control = new AbortController();
    const over = this.#go(summary, control.signal).catch((failure) => this.#stand(summary, failure));
    this.#running.set(summary.arn, { control, over });
    over.finally(() => this.#running.delete(summary.arn));
  }

  /** Settles at its end, or when that takes longer than `patienceMs`. */
  async stop(place: ExecutionPlace & { arn: string }, request: StopRequest, patienceMs: number): Promise<void> {
    const running = this.#running.get(place.arn);
    if (!running) return this.#abort(place, request);
    running.control.abort(stopOf(request));
    const over = new AbortController();
    const patience = sleep(patienceMs, undefined, { signal: over.signal, ref: false }).catch(() => undefined);
    await Promise.race([running.over, patience]);
    over.abort();
    // it may have come to a standstill meanwhile
    if (!this.#running.has(place.arn) && this.#options.index.get(place.arn)?.status === 'RUNNING') {
      if (!this.#leaving.signal.aborted) await this.#abort(place, request);
    }
  }

  ended(arn: string): Promise<void> {
    if (this.#options.index.get(arn)?.status !== 'RUNNING') return Promise.resolve();
    const known = this.#ends.get(arn) ?? Promise.withResolvers<void>();
    this.#ends.set(arn, known);
    known.promise.catch(() => undefined);
    return known.promise;
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ over }) => over));
  }

  async leave(): Promise<void> {
    const reason = new LeaveExecution('lifeboat is shutting down', { operation: 'run', subject: 'executions' });
    this.#leaving.abort(reason);
    for (const { control } of this.#running.values()) control.abort(reason);
    // one that is just being stopped takes longer; it is stopped by the next process then
    const over = new AbortController();
    await Promise.race([this.idle(), sleep(leaveMs, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
    for (const { reject } of this.#ends.values()) reject(reason);
  }

  async #go({ arn, machine, name }: ExecutionSummary, signal: AbortSignal): Promise<void> {
    const { folders, integrations, tokens, clock } = this.#options;
    const place = { machine, name };
    const record = (await folders.record(place))!;
    const stopped = await folders.stopRequest(place);
    const { status, output, error, cause, stoppedAt } = await runExecution({
      definition: await folders.definition(place),
      execution: {
        arn,
        name,
        machineArn: machineArn(machine),
        machineName: machine,
        startTime: record.startDate,
        input: record.input,
        roleArn: `arn:aws:iam::${localAccount}:role/lifeboat`,
      },
      journalFile: folders.journalOf(place),
      integrations,
      tokens,
      clock,
      signal: stopped ? AbortSignal.any([AbortSignal.abort(stopOf(stopped)), signal]) : signal,
    });
    await this.#end(place, arn, {
      status,
      stopDate: stoppedAt,
      ...(output === undefined ? {} : { output }),
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  async #end(place: ExecutionPlace, arn: string, ending: ExecutionEnding): Promise<void> {
    const { folders, index } = this.#options;
    await folders.end(place, ending);
    const record = (await folders.record(place))!;
    index.add(summaryOf(record, ending));
    this.problems.delete(arn);
    this.#ends.get(arn)?.resolve();
    this.#ends.delete(arn);
    await this.#options.onEnd(arn).catch((failure: unknown) => this.#options.log.error(String(failure)));
  }

  /** The end of one that no engine can run. */
  async #abort(place: ExecutionPlace & { arn: string }, { error, cause }: StopRequest): Promise<void> {
    await this.#options.abandon(place.arn);
    await this.#end(place, place.arn, {
      status: 'ABORTED',
      stopDate: new Date(this.#options.clock.now()).toISOString(),
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #stand(summary: ExecutionSummary, failure: unknown): void {
    if (this.#leaving.signal.aborted) return;
    const why = failure instanceof Error ? failure.message : String(failure);
    this.problems.set(summary.arn, why);
    this.#options.log.error(`execution ${summary.machine}/${summary.name} stands still: ${why}`);
    if (!isPassing(failure)) return;
    const again = (): void => {
      this.problems.delete(summary.arn);
      this.run(summary);
    };
    sleep(retryMs, undefined, { signal: this.#leaving.signal, ref: false }).then(again, () => undefined);
  }
}

/** A full disk, and what else the file system may say today and not tomorrow. */
const isPassing = (failure: unknown): boolean =>
  failure instanceof JournalUnwritable || (failure instanceof Error && 'syscall' in failure);

const stopOf = ({ error = '', cause = '' }: StopRequest): StatesError => new StatesError(error, cause);
