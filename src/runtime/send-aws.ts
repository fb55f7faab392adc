import { ConnectionFailed } from '#model/failure';
import type { FailedCall } from './aws-failure.ts';
import { databaseFailure } from './database-failure.ts';

/** No region is waited for longer: one that burns takes connections and says nothing. It covers the SDK's own attempts. */
const patienceMs = 10_000;

/**
 * One call of the SDK for a move, within a time.
 * @throws what databaseFailure makes of an error; what `signal` was aborted with
 */
export async function sendAws<T>(
  call: FailedCall,
  signal: AbortSignal,
  send: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const end = AbortSignal.timeout(patienceMs);
  try {
    return await send({ abortSignal: AbortSignal.any([signal, end]) });
  } catch (error) {
    signal.throwIfAborted();
    if (end.aborted) throw notInTime(call, error);
    throw databaseFailure(error, call);
  }
}

const notInTime = ({ place, action, subject }: FailedCall, cause: unknown) =>
  new ConnectionFailed(`${place} did not answer ${action} within ${patienceMs / 1000} s`, {
    ...{ operation: action, subject, cause },
    hint: 'look at https://health.aws.amazon.com whether the region has trouble, and at the network',
  });

/** The name of AWS's error that a failure was made of; undefined: it was none. */
export const awsErrorOf = (failure: unknown): string | undefined => {
  const { cause } = failure as { cause?: unknown };
  return cause instanceof Error ? cause.name : undefined;
};
