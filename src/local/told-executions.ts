import { ExecutionHistory } from './execution-history.ts';
import type { Executions } from './executions.ts';
import type { HistoryEvent } from './history-writer.ts';
import { Refusal } from './refusal.ts';
import type { ToldChild, ToldExecution } from './told-execution.ts';

/** Somebody who follows an execution asks again and again; who asks for more at once is answered all the same. */
const mostKept = 8;

/**
 * Histories of executions and of their children. A child's ARN does not say whose it is: it is known once somebody saw
 * the history of its execution, or while that runs.
 */
export class ToldExecutions {
  readonly #executions: Executions;
  /** by ARN, the last used last */
  readonly #kept = new Map<string, ExecutionHistory>();

  constructor(executions: Executions) {
    this.#executions = executions;
  }

  /** Oldest event first. @throws Refusal ExecutionDoesNotExist, InvalidArn */
  async history(arn: string): Promise<HistoryEvent[]> {
    if (isOfChild(arn)) return (await this.child(arn)).events;
    return (await this.#read(arn)).events;
  }

  /** @throws Refusal ExecutionDoesNotExist */
  async child(arn: string): Promise<ToldChild> {
    const child = (await this.#whose(arn, (told) => told.children.has(arn)))?.children.get(arn);
    if (child) return child;
    throw new Refusal('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  }

  /** Newest first. @throws Refusal ResourceNotFound */
  async childrenOf(mapRunArn: string): Promise<ToldChild[]> {
    const children = (await this.#whose(mapRunArn, (told) => told.mapRuns.has(mapRunArn)))?.mapRuns.get(mapRunArn);
    if (children) return children.toReversed();
    throw new Refusal('ResourceNotFound', `Map Run Does Not Exist: '${mapRunArn}'`);
  }

  async #whose(arn: string, has: (told: ToldExecution) => boolean): Promise<ToldExecution | undefined> {
    const [machine] = arn.split(/(?<=:(?:execution|mapRun):[^/]*)\//);
    const prefix = `${machine!.replace(':mapRun:', ':execution:')}:`;
    const running = this.#executions.list({ status: 'RUNNING' }).map((execution) => execution.arn);
    const candidates = new Set([...[...this.#kept.keys()].reverse(), ...running]);
    for (const candidate of candidates) {
      if (!candidate.startsWith(prefix)) continue;
      const told = await this.#read(candidate).catch((failure: Error) => {
        if (failure instanceof Refusal) return undefined; // it was forgotten meanwhile
        throw failure;
      });
      if (told && has(told)) return told;
    }
    return undefined;
  }

  async #read(arn: string): Promise<ToldExecution> {
    const known = this.#kept.get(arn);
    this.#kept.delete(arn);
    const history = known ?? new ExecutionHistory(await this.#executions.journalOf(arn));
    this.#kept.set(arn, history);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > mostKept) this.#kept.delete(oldest);
    return history.read();
  }
}

export const isOfChild = (arn: string): boolean => /:execution:[^:/]+\//.test(arn);
