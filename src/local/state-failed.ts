import { StatesError } from './integration.ts';
import type { ErrorOutput, FailedAttempt } from './journal-record.ts';

/** An error of a state: what Retry and Catch match, and what ends a scope when they do not. */
export class StateFailed extends StatesError {
  override readonly name = 'StateFailed';
  readonly as: FailedAttempt['as'];
  readonly location: string | undefined;

  constructor(error: string, cause: string, as: FailedAttempt['as'] = 'failed', location?: string) {
    super(error, cause);
    this.as = as;
    this.location = location;
  }
}

/**
 * AWS tells Retry and Catch that it was the heartbeat, and everybody else that it was a timeout: executions recorded
 * there end with States.Timeout.
 */
export function reported({ error, cause }: ErrorOutput): ErrorOutput {
  return { error: error === 'States.HeartbeatTimeout' ? 'States.Timeout' : error, cause };
}

/** What AWS accepts. https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html */
const longestError = 256;
const longestCause = 32_768;

/** Whatever was thrown by what a Task calls. */
export function taskFailure(thrown: unknown): StateFailed {
  if (thrown instanceof StatesError)
    return new StateFailed(thrown.error.slice(0, longestError), thrown.cause.slice(0, longestCause));
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new StateFailed('States.TaskFailed', message.slice(0, longestCause));
}
