import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  type ExecutionStatus,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { machineArn } from '#model/arn';
import { ConnectionFailed, Failure, InputInvalid, type Verdict } from '#model/failure';
import type { DaemonEndpoint } from '#runtime/daemon-endpoint';

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

/** A function or machine failed with one of our failures, which kept its name on the way here. */
export class RemoteFailure extends Failure {
  readonly verdict: Verdict = 'operator';
  constructor(name: string, message: string, subject: string, hint: string | undefined) {
    super(message, { operation: 'ask', subject, ...(hint === undefined ? {} : { hint }) });
    this.name = name;
  }
}

/** The machines and functions of a running daemon, asked as one asks AWS. */
export class Machines {
  readonly #states: SFNClient;
  readonly #functions: LambdaClient;
  readonly #url: string;

  constructor({ url, region, accessKeyId, secretAccessKey }: DaemonEndpoint) {
    const config = { endpoint: url, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 3 };
    this.#states = new SFNClient(config);
    this.#functions = new LambdaClient(config);
    this.#url = url;
  }

  /** Is anybody there who knows us? */
  async answer(): Promise<boolean> {
    try {
      await this.#states.send(new ListStateMachinesCommand({}));
      return true;
    } catch {
      return false;
    }
  }

  /** @throws InputInvalid when an execution has this name already, or there is no such machine */
  async start(machine: string, input: object, name?: string): Promise<string> {
    const command = new StartExecutionCommand({
      stateMachineArn: machineArn(machine),
      input: JSON.stringify(input),
      ...(name === undefined ? {} : { name }),
    });
    const { executionArn: arn } = await this.#ask(machine, () => this.#states.send(command));
    return arn!;
  }

  /** By ARN, or by name where one machine has it. @throws InputInvalid when there is none */
  async describe(idOrArn: string): Promise<ExecutionStanding> {
    const arn = idOrArn.startsWith('arn:') ? idOrArn : (await this.find(idOrArn)).arn;
    const answer = await this.#ask(idOrArn, () =>
      this.#states.send(new DescribeExecutionCommand({ executionArn: arn })),
    );
    return {
      ...summaryOf({ ...answer, executionArn: arn }),
      input: parse(answer.input),
      output: parse(answer.output),
      error: answer.error,
      cause: answer.cause,
    };
  }

  /** @throws InputInvalid when no execution, or more than one, has this name or begins with it */
  async find(name: string): Promise<ExecutionSummary> {
    const all = await this.list();
    const exact = all.filter(
      (execution) => execution.name === name || `${execution.machine}:${execution.name}` === name,
    );
    const found = exact.length > 0 ? exact : all.filter((execution) => execution.name.startsWith(name));
    if (found.length === 1) return found[0]!;
    const several = found.map((execution) => `${execution.machine}:${execution.name}`).join(', ');
    const allowed = found.length === 0 ? 'the id of an execution' : `one execution, not all of ${several}`;
    throw new InputInvalid('execution', name, allowed, 'list them with `lifeboat executions`');
  }

  /** Newest first. */
  async list(status?: ExecutionStatus): Promise<ExecutionSummary[]> {
    const found: ExecutionSummary[] = [];
    const { stateMachines } = await this.#ask('machines', () => this.#states.send(new ListStateMachinesCommand({})));
    for (const { stateMachineArn } of stateMachines ?? []) {
      let nextToken: string | undefined;
      do {
        const command = new ListExecutionsCommand({
          stateMachineArn,
          ...(status ? { statusFilter: status } : {}),
          ...(nextToken ? { nextToken } : {}),
        });
        const page = await this.#ask('executions', () => this.#states.send(command));
        found.push(...(page.executions ?? []).map(summaryOf));
        nextToken = page.nextToken;
      } while (nextToken);
    }
    return found.sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  }

  /** Ask it to end; what it began outside is ended, too. */
  async stop(arn: string, error: string, cause: string): Promise<void> {
    await this.#ask(arn, () => this.#states.send(new StopExecutionCommand({ executionArn: arn, error, cause })));
  }

  async history(arn: string): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    let nextToken: string | undefined;
    do {
      const command = new GetExecutionHistoryCommand({ executionArn: arn, ...(nextToken ? { nextToken } : {}) });
      const page = await this.#ask(arn, () => this.#states.send(command));
      events.push(...(page.events ?? []));
      nextToken = page.nextToken;
    } while (nextToken);
    return events;
  }

  /** @throws RemoteFailure with the function's own failure */
  async invoke(name: string, payload: object): Promise<unknown> {
    const command = new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(payload)) });
    const { FunctionError, Payload } = await this.#ask(name, () => this.#functions.send(command));
    const answer = parse(Payload && Buffer.from(Payload).toString('utf8'));
    if (FunctionError === undefined) return answer;
    const { errorType = 'Error', errorMessage = 'it did not say why' } = (answer ?? {}) as Record<string, string>;
    const { message, hint } = splitHint(errorMessage);
    throw new RemoteFailure(errorType, message, name, hint);
  }

  close(): void {
    this.#states.destroy();
    this.#functions.destroy();
  }

  async #ask<T>(subject: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const { name, message } = error as Error;
      if (/DoesNotExist|InvalidArn|InvalidName|AlreadyExists|InvalidExecutionInput/.test(name)) {
        throw new InputInvalid('execution', subject, message);
      }
      throw new ConnectionFailed(`the daemon at ${this.#url} did not answer: ${message}`, {
        operation: 'ask the daemon',
        subject,
        hint: 'is `lifeboat up` running? look at its log; start it with `lifeboat up`',
        cause: error,
      });
    }
  }
}

/** A failure's message carries its hint in a last line. */
export function splitHint(text: string): { message: string; hint: string | undefined } {
  const at = text.lastIndexOf('\nHINT: ');
  return at < 0 ? { message: text, hint: undefined } : { message: text.slice(0, at), hint: text.slice(at + 7) };
}

function summaryOf(answer: {
  executionArn?: string | undefined;
  status?: ExecutionStatus | undefined;
  startDate?: Date | undefined;
  stopDate?: Date | undefined;
}): ExecutionSummary {
  const [machine, name] = answer.executionArn!.split(':').slice(-2);
  return {
    arn: answer.executionArn!,
    machine: machine!,
    name: name!,
    status: answer.status!,
    startedAt: answer.startDate!,
    stoppedAt: answer.stopDate,
  };
}

const parse = (text: string | undefined): unknown => (text === undefined || text === '' ? undefined : JSON.parse(text));
