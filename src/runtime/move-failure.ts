import { TrafficNotMoved } from '#failover/failures';
import { ConnectionFailed, Failure, ServerUnsuitable } from '#model/failure';
import { awsFailure, type FailedCall } from './aws-failure.ts';

/** What an error of one service means, by its name. `passes`: the same call may be answered later. */
export type Meanings = Readonly<Record<string, { hint: string; passes?: true }>>;

/**
 * What an error of AWS means to something that follows the primary: TrafficNotMoved for what may pass, ServerUnsuitable,
 * AuthenticationFailed or InputInvalid for what somebody has to change first.
 */
export function moveFailure(error: unknown, call: FailedCall, meanings: Meanings): Failure {
  if (error instanceof Failure) return error;
  const { name, message } = error as Error;
  const detail = { operation: call.action, subject: call.subject, cause: error };
  const meaning = Object.hasOwn(meanings, name) ? meanings[name] : undefined;
  if (meaning) {
    const { hint, passes } = meaning;
    const said = message ? `: ${message.split('\n')[0]!.slice(0, 600)}` : '';
    const what = `${call.place} refuses ${call.action} on ${call.subject}: ${name}${said}`;
    return passes ? new TrafficNotMoved(what, { ...detail, hint }) : new ServerUnsuitable(what, { ...detail, hint });
  }
  const failure = awsFailure(error, call);
  if (!(failure instanceof ConnectionFailed)) return failure;
  return new TrafficNotMoved(failure.message, {
    ...detail,
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
  });
}

/** @throws what moveFailure makes of an error */
export async function answerOf<T>(answer: Promise<T>, call: FailedCall, meanings: Meanings): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw moveFailure(error, call, meanings);
  }
}

/** The same, and undefined for the errors of these names. */
export async function answerUnless<T>(
  none: RegExp,
  answer: Promise<T>,
  call: FailedCall,
  meanings: Meanings,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && none.test(error.name)) return undefined;
    throw moveFailure(error, call, meanings);
  }
}

/** A check tells of problems; what it could not look at is one of them. */
export async function problemsFrom(look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Failure) return [problemOf(error)];
    throw error;
  }
}

export const problemOf = ({ message, hint }: Failure): string => (hint === undefined ? message : `${message}; ${hint}`);
