import type { HistoryEvent, TaskSucceededEventDetails } from '@aws-sdk/client-sfn';

/** What an event of an execution's history tells a person; undefined for what only machines care about. */
export function historyLine(event: HistoryEvent): string | undefined {
  const { type } = event;
  if (type === 'ExecutionStarted') return 'started';
  if (/^(?:Task|Map|Parallel|Wait)StateEntered$/.test(type ?? '')) return `→ ${event.stateEnteredEventDetails?.name}`;
  const failed = failureOf(event);
  const child = failed && childFailure(failed.cause);
  if (child) return `✗ ${child.error}: ${shorten(child.cause)}`;
  if (failed) return `✗ ${failed.error ?? type}: ${shorten(failed.cause ?? 'without a cause')}`;
  if (type === 'TaskSucceeded') return answerLine(event.taskSucceededEventDetails);
  if (type === 'ExecutionSucceeded') return 'succeeded';
  if (type === 'ExecutionAborted') return 'stopped by somebody';
  return undefined;
}

function failureOf(event: HistoryEvent): { error?: string | undefined; cause?: string | undefined } | undefined {
  return (
    event.taskFailedEventDetails ??
    event.taskTimedOutEventDetails ??
    event.taskStartFailedEventDetails ??
    event.taskSubmitFailedEventDetails ??
    event.executionFailedEventDetails ??
    event.executionTimedOutEventDetails
  );
}

/**
 * An execution that was waited for and ended without success comes as all that DescribeExecution knows of it: its own error, and
 * the first line of its cause. https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
 */
function childFailure(cause: string | undefined): { error: string; cause: string } | undefined {
  try {
    const { ExecutionArn, Status, Error: error, Cause } = JSON.parse(cause ?? '') as Record<string, unknown>;
    if (typeof ExecutionArn !== 'string' || typeof Status !== 'string') return undefined;
    const told = typeof Cause === 'string' ? Cause.split('\n')[0]! : `${ExecutionArn.split(':').at(-1)} ended so`;
    return { error: typeof error === 'string' ? error : Status, cause: told };
  } catch {
    return undefined; // words, then
  }
}

/** A person's answer to a state that waited for one. */
function answerLine(succeeded: TaskSucceededEventDetails | undefined): string | undefined {
  if (!succeeded?.resource?.endsWith('.waitForTaskToken')) return undefined;
  try {
    const { approvals, ...decided } = JSON.parse(succeeded.output ?? '') as Record<string, unknown>;
    if (typeof decided.by !== 'string') return undefined;
    if (decided.decision !== 'approve') return `✓ rejected by ${answered(decided)}`;
    const all = Array.isArray(approvals) ? (approvals as Record<string, unknown>[]) : [decided];
    return `✓ approved by ${all.map(answered).join('; by ')}`;
  } catch {
    return undefined; // cut, or no answer of ours
  }
}

function answered({ by, iam, reason }: Record<string, unknown>): string {
  const who = typeof iam === 'string' && iam !== by ? `${by} (${iam})` : by;
  return `${who}${typeof reason === 'string' ? `: ${shorten(reason)}` : ''}`;
}

/** A function's failure comes as JSON with a stack: its message is enough; a task's with all that ECS knows of it. */
function shorten(cause: string): string {
  try {
    const { errorMessage, StoppedReason, Containers } = JSON.parse(cause) as Record<string, unknown>;
    if (typeof errorMessage === 'string') return errorMessage;
    if (typeof StoppedReason === 'string') {
      const code = (Containers as { ExitCode?: unknown }[] | undefined)?.[0]?.ExitCode;
      return typeof code === 'number' ? `${StoppedReason}, exit code ${code}` : StoppedReason;
    }
  } catch {
    // words, then
  }
  return cause.length > 500 ? `${cause.slice(0, 497)}...` : cause;
}
