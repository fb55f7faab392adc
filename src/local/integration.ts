/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One call that a Task state makes to the world outside of its machine. */
export interface TaskCall {
  /** what is called, without `arn:aws:states:::` and the pattern: `lambda:invoke`, `ecs:runTask`, `aws-sdk:s3:headObject` */
  resource: string;
  /** whether the call is over when it is answered, when what it began has ended, or when its token comes back */
  pattern: 'request' | 'sync' | 'sync:2' | 'token';
  /** the state's Arguments, evaluated */
  arguments: Json;
  /**
   * Names this attempt for good: the same when a resumed execution makes the call again, another for each retry.
   * Letters, digits, `-` and `_`, at most 64. What is begun outside is found again by it, so nothing is begun twice.
   */
  id: string;
  execution: { arn: string; name: string; machine: string };
  /** of the pattern `token`; also in the arguments where the state put it */
  token: string | undefined;
  /** aborted when the state times out, its siblings failed or the execution is stopped: then what was begun must end */
  signal: AbortSignal;
}

/** @throws StatesError with the name that Retry and Catch know */
export type Integration = (call: TaskCall) => Promise<Json>;

/** Answers to task tokens, which outlive the process that waits for them. */
export interface TaskTokens {
  /**
   * Settles with the answer's output, also with one that came before; rejects with StatesError for SendTaskFailure.
   * `onHeartbeat` is called for each SendTaskHeartbeat.
   */
  answer(token: string, options: { signal: AbortSignal; onHeartbeat: () => void }): Promise<Json>;
}

/** An error as Step Functions has it: a name that Retry and Catch match, and a cause in words or JSON. */
export class StatesError extends Error {
  readonly error: string;
  override readonly cause: string;

  constructor(error: string, cause: string) {
    super(`${error}: ${cause}`);
    this.name = 'StatesError';
    this.error = error;
    this.cause = cause;
  }
}
