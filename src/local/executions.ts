import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { executionArn, machineArn, parseExecutionArn } from '#model/arn';
import type { Clock } from './clock.ts';
import { type ExecutionEnding, ExecutionFolders, type ExecutionRecord } from './execution-folder.ts';
import { ExecutionIndex, type ExecutionSummary, summaryOf } from './execution-index.ts';
import { checkExecutionName } from './execution-name.ts';
import { ExecutionRunner } from './execution-runner.ts';
import type { Integration, Json, TaskTokens } from './integration.ts';
import type { LocalLog } from './local-log.ts';
import type { LoadedMachine } from './machine-definitions.ts';
import { Refusal } from './refusal.ts';

export interface ExecutionsOptions {
  /** executions/ of the state directory */
  folder: string;
  machines: ReadonlyMap<string, LoadedMachine>;
  /** made with the executions, for some calls begin others */
  integrations: (executions: Executions) => Integration;
  tokens: TaskTokens;
  clock: Clock;
  log: LocalLog;
  /** ends what an execution left outside that no engine can run any more */
  abandon(arn: string): Promise<void>;
  onEnd?(execution: Execution): void | Promise<void>;
}

export interface Execution extends ExecutionRecord {
  machineArn: string;
  status: 'RUNNING' | ExecutionEnding['status'];
  /** undefined while it runs */
  ending: ExecutionEnding | undefined;
}

/** StartExecution takes no more. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const inputLimitBytes = 256 * 1024;

/**
 * All executions of this machine: those that ended, from their files, and those that run. Each goes on with the
 * definition that it began with, whatever the machine's file says now.
 */
export class Executions {
  readonly #options: ExecutionsOptions;
  readonly #folders: ExecutionFolders;
  readonly #index: ExecutionIndex;
  readonly #runner: ExecutionRunner;
  /** the newest start of a name, for a second one has to wait for what becomes of it */
  readonly #starting = new Map<string, Promise<Execution>>();

  private constructor(options: ExecutionsOptions, folders: ExecutionFolders, index: ExecutionIndex) {
    this.#options = options;
    this.#folders = folders;
    this.#index = index;
    const integrations = options.integrations(this);
    const onEnd = async (arn: string): Promise<void> => options.onEnd?.((await this.find(arn))!);
    this.#runner = new ExecutionRunner({ ...options, folders, index, integrations, onEnd });
  }

  /** Knows what lies there, and runs nothing yet. */
  static async open(options: ExecutionsOptions): Promise<Executions> {
    const folders = new ExecutionFolders(options.folder);
    return new Executions(options, folders, await ExecutionIndex.read(folders, options.log));
  }

  get machines(): ReadonlyMap<string, LoadedMachine> {
    return this.#options.machines;
  }

  /** Go on with everything that has not ended: the ARNs of these. */
  resumeAll(): string[] {
    const unended = this.#index.list(({ status }) => status === 'RUNNING');
    for (const summary of unended) this.#runner.run(summary);
    return unended.map(({ arn }) => arn);
  }

  /**
   * The same name with the same input, while that runs, is the same execution.
   * @throws Refusal StateMachineDoesNotExist, InvalidName, InvalidExecutionInput, ExecutionAlreadyExists
   */
  start(request: { machine: string; name?: string; input: Json; startedBy?: string }): Promise<Execution> {
    const { machine, name = randomUUID() } = request;
    const arn = executionArn(machine, name);
    const turn = (this.#starting.get(arn) ?? Promise.resolve()).then(
      () => this.#start({ ...request, name }),
      () => this.#start({ ...request, name }),
    );
    this.#starting.set(arn, turn);
    const over = (): void => {
      if (this.#starting.get(arn) === turn) this.#starting.delete(arn);
    };
    turn.then(over, over);
    return turn;
  }

  async #start(request: { machine: string; name: string; input: Json; startedBy?: string }): Promise<Execution> {
    const { machine, name, input, startedBy = null } = request;
    const loaded = this.#options.machines.get(machine);
    if (!loaded) throw this.#noMachine(machine);
    checkExecutionName(name);
    if (Buffer.byteLength(JSON.stringify(input)) > inputLimitBytes) {
      throw new Refusal('InvalidExecutionInput', `Invalid Execution Input: it is longer than ${inputLimitBytes} bytes`);
    }
    const arn = executionArn(machine, name);
    const before = await this.find(arn);
    if (before?.status === 'RUNNING' && isDeepStrictEqual(before.input, input)) return before;
    const startDate = new Date(this.#options.clock.now()).toISOString();
    const record: ExecutionRecord = { arn, machine, name, startDate, input, startedBy };
    this.#runner.checkOpen();
    if (before || !(await this.#folders.create(record, loaded.definition))) {
      throw new Refusal('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const summary = summaryOf(record, undefined);
    this.#index.add(summary);
    this.#runner.run(summary);
    return { ...record, machineArn: machineArn(machine), status: 'RUNNING', ending: undefined };
  }

  /** @throws Refusal ExecutionDoesNotExist, InvalidArn */
  async describe(arn: string): Promise<Execution> {
    if (!parseExecutionArn(arn)) throw new Refusal('InvalidArn', `Invalid Arn: '${arn}' is no execution's ARN`);
    const found = await this.find(arn);
    if (found) return found;
    throw new Refusal('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  }

  /** undefined when there is none */
  async find(arn: string): Promise<Execution | undefined> {
    const summary = this.#index.get(arn);
    const record = summary && (await this.#folders.record(summary));
    if (!record) return undefined;
    const ending = summary.status === 'RUNNING' ? undefined : await this.#folders.ending(summary);
    return { ...record, machineArn: machineArn(record.machine), status: ending?.status ?? 'RUNNING', ending };
  }

  isRunning(arn: string): boolean {
    return this.#index.get(arn)?.status === 'RUNNING';
  }

  /** Newest first. @throws Refusal StateMachineDoesNotExist */
  list({ machine, status }: { machine?: string; status?: string } = {}): ExecutionSummary[] {
    if (machine !== undefined && !this.#options.machines.has(machine)) throw this.#noMachine(machine);
    return this.#index.list((one) => (machine ?? one.machine) === one.machine && (status ?? one.status) === one.status);
  }

  /** Where the journal lies, for whoever shows the history. @throws Refusal ExecutionDoesNotExist, InvalidArn */
  async journalOf(arn: string): Promise<string> {
    return this.#folders.journalOf(await this.describe(arn));
  }

  /**
   * Written down before it is done. Settles when the execution has ended with what it began outside, or after
   * `patienceMs`: then that goes on. The time of the end, or of the request.
   * @throws Refusal ExecutionDoesNotExist, InvalidArn
   */
  async stop(arn: string, error?: string, cause?: string, patienceMs = 5000): Promise<Date> {
    const { status, ending, machine, name } = await this.describe(arn);
    if (status !== 'RUNNING') return new Date(ending!.stopDate);
    await this.#folders.requestStop({ machine, name }, { error, cause });
    const now = new Date(this.#options.clock.now());
    await this.#runner.stop({ arn, machine, name }, { error, cause }, patienceMs);
    return new Date(this.#index.get(arn)?.stopDate ?? now);
  }

  /** Its end. Rejects when this process leaves it to the next one. @throws Refusal ExecutionDoesNotExist, InvalidArn */
  async ended(arn: string): Promise<Execution> {
    const found = await this.describe(arn);
    if (found.status !== 'RUNNING') return found;
    await this.#runner.ended(arn);
    return this.describe(arn);
  }

  /** Forget those that ended before: AWS does so after 90 days. */
  async forget(before: Date): Promise<void> {
    const old = this.#index.list(({ stopDate }) => stopDate !== undefined && new Date(stopDate) < before);
    for (const summary of old) {
      this.#index.remove(summary.arn);
      await this.#folders.remove(summary);
    }
  }

  /** Why executions stand still that should run: by ARN. */
  problems(): ReadonlyMap<string, string> {
    return this.#runner.problems;
  }

  /** When nothing runs any more. */
  idle(): Promise<void> {
    return this.#runner.idle();
  }

  /** Leave all that runs to the next process: nothing is stopped, and nothing more is begun. */
  shutdown(): Promise<void> {
    return this.#runner.leave();
  }

  #noMachine(machine: string): Refusal {
    const known = [...this.#options.machines.keys()].join(', ');
    const message = `State Machine Does Not Exist: '${machineArn(machine)}' (there are ${known})`;
    return new Refusal('StateMachineDoesNotExist', message);
  }
}
