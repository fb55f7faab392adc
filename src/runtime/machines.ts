import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  type ExecutionStatus,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { type Failure, InputInvalid } from '#model/failure';
import { RemoteFailure, splitHint } from './remote-failure.ts';

/** One execution of a machine, as far as it is. */
export interface ExecutionStanding {
  arn: string;
  machine: string;
  name: string;
  status: ExecutionStatus;
  startedAt: Date;
  stoppedAt: Date | undefined;
  input: unknown;
  output: unknown;
  error: string | undefined;
  cause: string | undefined;
}

export type ExecutionSummary = Pick<
  ExecutionStanding,
  'arn' | 'machine' | 'name' | 'status' | 'startedAt' | 'stoppedAt'
>;

/** Where machines and functions run, and what they are called there: a daemon's endpoint, or a stack on AWS. */
export interface MachinesPlace {
  kind: 'daemon' | 'stack';
  states: SFNClient;
  functions: LambdaClient;
  /** `arn:…:stateMachine:…`, which a machine's name makes its ARN */
  machinePrefix: string;
  /** what a function's name makes its full one */
  functionPrefix: string;
  /** between two looks at an execution that somebody waits for */
  pollMs: number;
  /** how often each look may ask for what goes on within Maps */
  requestsPerLook: number;
  /** the log group of all tasks; undefined where they can be asked themselves */
  taskLog?: string;
  /** what it means that a call failed; `action` is what IAM calls it */
  explain(error: unknown, call: { action: string; subject: string }): Failure;
}

/** The machines and functions of a daemon or a stack. */
export class Machines {
  readonly #place: MachinesPlace;
  readonly #executionPrefix: string;
  readonly #started = new Map<string, number>();
  #machineArns: Promise<string[]> | undefined;

  constructor(place: MachinesPlace) {
    this.#place = place;
    this.#executionPrefix = place.machinePrefix.replace(':stateMachine:', ':execution:');
  }

  get kind(): MachinesPlace['kind'] {
    return this.#place.kind;
  }

  get pollMs(): number {
    return this.#place.pollMs;
  }

  get requestsPerLook(): number {
    return this.#place.requestsPerLook;
  }

  get taskLog(): string | undefined {
    return this.#place.taskLog;
  }

  /** Is anybody there who knows us? */
  async answer(): Promise<boolean> {
    try {
      await this.#place.states.send(new ListStateMachinesCommand({}));
      return true;
    } catch {
      return false;
    }
  }

  /** @throws InputInvalid when an execution has this name already, or there is no such machine */
  async start(machine: string, input: object, name?: string): Promise<string> {
    // without a name, a request that is repeated since its answer was lost would start another one
    const own = name ?? randomUUID();
    const command = new StartExecutionCommand({
      stateMachineArn: `${this.#place.machinePrefix}${machine}`,
      input: JSON.stringify(input),
      name: own,
    });
    const arn = `${this.#executionPrefix}${machine}:${own}`;
    await this.#ask('states:StartExecution', machine, async () => {
      try {
        await this.#place.states.send(command);
      } catch (error) {
        if (name !== undefined || (error as Error).name !== 'ExecutionAlreadyExists') throw error;
      }
    });
    this.#started.set(arn, performance.now());
    return arn;
  }

  /** By ARN, or by name where one machine has it. @throws InputInvalid when there is none */
  async describe(idOrArn: string): Promise<ExecutionStanding> {
    const arn = idOrArn.startsWith('arn:') ? this.#ownArn(idOrArn) : (await this.find(idOrArn)).arn;
    const command = new DescribeExecutionCommand({ executionArn: arn });
    const answer = await this.#ask('states:DescribeExecution', arn, () => this.#place.states.send(command));
    return {
      ...this.#summaryOf({ ...answer, executionArn: arn }),
      input: parse(answer.input),
      output: parse(answer.output),
      error: answer.error,
      cause: answer.cause,
    };
  }

  /**
   * By its whole name, whenever it was; by the beginning of its name, among the newest.
   * @throws InputInvalid when no execution, or more than one, has this name or begins with it
   */
  async find(name: string): Promise<ExecutionSummary> {
    const exact = await this.#named(name);
    const newest = exact.length > 0 ? [] : await this.list();
    const found = exact.length > 0 ? exact : newest.filter((execution) => execution.name.startsWith(name));
    if (found.length === 1) return found[0]!;
    const several = found.map((execution) => `${execution.machine}:${execution.name}`).join(', ');
    const among = newest.length < newestLimit ? '' : `, whole where it is not one of the newest ${newestLimit}`;
    const allowed = found.length === 0 ? `the id of an execution${among}` : `one execution, not all of ${several}`;
    throw new InputInvalid('execution', name, allowed, 'list them with `lifeboat executions`');
  }

  /** The newest of all machines, newest first: as many requests as machines, while `limit` is at most 1000. */
  async list(status?: ExecutionStatus, limit = newestLimit): Promise<ExecutionSummary[]> {
    const found = await Promise.all((await this.#machines()).map((machine) => this.#newest(machine, status, limit)));
    return found
      .flat()
      .sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime())
      .slice(0, limit);
  }

  /** The newest 1000 that a DISTRIBUTED Map has begun, newest first, in one request. @throws InputInvalid when it is unknown */
  async children(mapRunArn: string): Promise<ExecutionSummary[]> {
    const command = new ListExecutionsCommand({ mapRunArn, maxResults: 1000 });
    const page = await this.#ask('states:ListExecutions', mapRunArn, () => this.#place.states.send(command));
    return (page.executions ?? []).map((one) => this.#summaryOf(one));
  }

  /** Ask it to end; what it began outside is ended, too. */
  async stop(arn: string, error: string, cause: string): Promise<void> {
    const command = new StopExecutionCommand({ executionArn: arn, error, cause });
    await this.#ask('states:StopExecution', arn, () => this.#place.states.send(command));
  }

  /** What happened behind the event with this id, from 1; oldest first. */
  async history(arn: string, after = 0): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    let nextToken: string | undefined;
    do {
      const page = { reverseOrder: true, maxResults: after === 0 ? 1000 : 100, ...(nextToken && { nextToken }) };
      const command = new GetExecutionHistoryCommand({ executionArn: arn, ...page });
      const answer = await this.#ask('states:GetExecutionHistory', arn, () => this.#place.states.send(command));
      const later = (answer.events ?? []).filter(({ id }) => id! > after);
      events.push(...later);
      nextToken = later.length < (answer.events ?? []).length ? undefined : answer.nextToken;
    } while (nextToken);
    return events.reverse();
  }

  /** @throws RemoteFailure with the function's own failure */
  async invoke(name: string, payload: object): Promise<unknown> {
    const command = new InvokeCommand({
      FunctionName: `${this.#place.functionPrefix}${name}`,
      Payload: Buffer.from(JSON.stringify(payload)),
    });
    const asked = await this.#ask('lambda:InvokeFunction', name, () => this.#place.functions.send(command));
    const answer = parse(asked.Payload && Buffer.from(asked.Payload).toString('utf8'));
    if (asked.FunctionError === undefined) return answer;
    const { errorType = 'Error', errorMessage = 'it did not say why' } = (answer ?? {}) as Record<string, string>;
    const { message, hint } = splitHint(errorMessage);
    throw new RemoteFailure(errorType, message, name, hint);
  }

  close(): void {
    this.#place.states.destroy();
    this.#place.functions.destroy();
  }

  /** Of an account's machines, those that are ours. */
  #machines(): Promise<string[]> {
    this.#machineArns ??= this.#listMachines();
    this.#machineArns.catch(() => {
      this.#machineArns = undefined;
    });
    return this.#machineArns;
  }

  async #listMachines(): Promise<string[]> {
    const found: string[] = [];
    let nextToken: string | undefined;
    do {
      const command = new ListStateMachinesCommand({ maxResults: 1000, ...(nextToken && { nextToken }) });
      const page = await this.#ask('states:ListStateMachines', 'machines', () => this.#place.states.send(command));
      found.push(...(page.stateMachines ?? []).map(({ stateMachineArn }) => stateMachineArn!));
      nextToken = page.nextToken;
    } while (nextToken);
    return found.filter((arn) => arn.startsWith(this.#place.machinePrefix));
  }

  async #newest(stateMachineArn: string, status: ExecutionStatus | undefined, limit: number) {
    const found: ExecutionSummary[] = [];
    let nextToken: string | undefined;
    do {
      const maxResults = Math.min(1000, limit - found.length);
      const filter = { stateMachineArn, maxResults, ...(status && { statusFilter: status }) };
      const command = new ListExecutionsCommand({ ...filter, ...(nextToken && { nextToken }) });
      const page = await this.#ask('states:ListExecutions', stateMachineArn, () => this.#place.states.send(command));
      found.push(...(page.executions ?? []).map((one) => this.#summaryOf(one)));
      nextToken = page.nextToken;
    } while (nextToken && found.length < limit);
    return found;
  }

  /** `name`, or `machine:name`. */
  async #named(name: string): Promise<ExecutionSummary[]> {
    const arns = name.includes(':')
      ? [`${this.#executionPrefix}${name}`]
      : (await this.#machines()).map((arn) => `${arn.replace(':stateMachine:', ':execution:')}:${name}`);
    const found = await Promise.all(
      arns.map((arn) =>
        this.describe(arn).catch((failure: Error) => {
          if (failure instanceof InputInvalid) return [];
          throw failure;
        }),
      ),
    );
    return found.flat();
  }

  #ownArn(arn: string): string {
    if (arn.startsWith(this.#executionPrefix)) return arn;
    const hint = 'list them with `lifeboat executions`; another stack is named with --stack and --region';
    throw new InputInvalid('execution', arn, `an execution here: ${this.#executionPrefix}…`, hint);
  }

  #summaryOf(answer: {
    executionArn?: string | undefined;
    status?: ExecutionStatus | undefined;
    startDate?: Date | undefined;
    stopDate?: Date | undefined;
  }): ExecutionSummary {
    const arn = answer.executionArn!;
    const [machine, ...name] = arn.slice(this.#executionPrefix.length).split(':');
    return {
      arn,
      machine: machine!,
      name: name.join(':'),
      status: answer.status!,
      startedAt: answer.startDate!,
      stoppedAt: answer.stopDate,
    };
  }

  /** Step Functions may not know for a moment what it has just started. */
  async #ask<T>(action: string, subject: string, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const { name, message } = error as Error;
        const startedAt = this.#started.get(subject);
        const settles = startedAt !== undefined && performance.now() - startedAt < settleMs;
        if (name === 'ExecutionDoesNotExist' && settles) await sleep(this.pollMs);
        else if (
          /DoesNotExist|^ResourceNotFound$|InvalidArn|InvalidName|AlreadyExists|InvalidExecutionInput/.test(name)
        ) {
          throw new InputInvalid('execution', subject, message);
        } else throw this.#place.explain(error, { action, subject });
      }
    }
  }
}

/** What DescribeExecution answers is eventually consistent, says the API's reference, and not when. */
const settleMs = 10_000;

/** A page of ListExecutions has no more. */
const newestLimit = 1000;

const parse = (text: string | undefined): unknown => (text === undefined || text === '' ? undefined : JSON.parse(text));
