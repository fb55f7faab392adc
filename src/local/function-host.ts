import { randomUUID } from 'node:crypto';
import { functionArn } from '#model/arn';
import type { Json } from './integration.ts';
import { functionError, type LambdaError } from './lambda-error.ts';

export type Handler = (event: never, context: never) => unknown;

/** Functions by name; a module is loaded when it is first invoked. */
export type Functions = Readonly<Record<string, () => Promise<{ handler: Handler }>>>;

export type Invocation = { requestId: string; payload: Json } | { requestId: string; error: LambdaError };

/** The names of functions that there are. */
export class FunctionMissing extends Error {}

/**
 * Lambda on one machine: handlers are called in this process, with an event that shares nothing with ours and the
 * context that Lambda gives. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
 */
export class FunctionHost {
  readonly #functions: Functions;
  readonly #timeoutMs: number;

  /** `timeoutMs`: as Lambda's longest unless given */
  constructor(functions: Functions, options: { timeoutMs?: number } = {}) {
    this.#functions = functions;
    this.#timeoutMs = options.timeoutMs ?? 15 * 60_000;
  }

  get names(): string[] {
    return Object.keys(this.#functions);
  }

  /**
   * `name`: a name or an ARN, with or without a version. A function that fails is an answer; what goes on in one that
   * takes too long cannot be ended, but nobody waits for it any more.
   * @throws FunctionMissing
   */
  async invoke(name: string, event: Json): Promise<Invocation> {
    const known = nameOf(name);
    const load = Object.hasOwn(this.#functions, known) ? this.#functions[known] : undefined;
    if (!load) throw new FunctionMissing(`Function not found: ${functionArn(known)}`);
    const requestId = randomUUID();
    let timer: NodeJS.Timeout | undefined;
    const endsAt = Date.now() + this.#timeoutMs;
    const late = new Promise<Invocation>((resolve) => {
      timer = setTimeout(() => resolve({ requestId, error: timedOut(requestId, this.#timeoutMs) }), this.#timeoutMs);
      timer.unref();
    });
    try {
      return await Promise.race([this.#call(load, structuredClone(event), contextOf(known, requestId, endsAt)), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #call(load: Functions[string], event: Json, context: LambdaContext): Promise<Invocation> {
    const requestId = context.awsRequestId;
    try {
      const { handler } = await load();
      const answer: unknown = await handler(event as never, context as never);
      return { requestId, payload: marshal(answer) };
    } catch (thrown) {
      return { requestId, error: functionError(thrown) };
    }
  }
}

interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  getRemainingTimeInMillis(): number;
}

function contextOf(name: string, awsRequestId: string, endsAt: number): LambdaContext {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn(name),
    memoryLimitInMB: '512',
    awsRequestId,
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  };
}

function nameOf(nameOrArn: string): string {
  const [, fromArn] =
    /^(?:arn:aws[\w-]*:lambda:[\w-]+:)?(?:\d{12}:)?function:([\w-]+)(?::[\w$-]+)?$/.exec(nameOrArn) ?? [];
  return fromArn ?? nameOrArn;
}

/** Nothing answered is null, as from Lambda. @throws for what JSON cannot say */
function marshal(answer: unknown): Json {
  try {
    return answer === undefined ? null : JSON.parse(JSON.stringify(answer) ?? 'null');
  } catch (error) {
    throw Object.assign(new Error(`Unable to stringify response body: ${(error as Error).message}`), {
      name: 'Runtime.MarshalError',
    });
  }
}

function timedOut(requestId: string, timeoutMs: number): LambdaError {
  const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  return { errorType: 'Sandbox.Timedout', errorMessage, trace: [] };
}
