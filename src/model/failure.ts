/**
 * The failure family. Everything that Lifeboat throws on purpose is one of these, so that a caller (a person, a
 * shell, or Step Functions' Retry and Catch, which match `name`) can decide by kind and not by text.
 *
 * message: lowercase, no full stop: what and where, expected and found. hint: what to do next.
 */
export type Verdict =
  /** the same call may succeed later */
  | 'retry'
  /** the same call will fail again: the data or the request is wrong for good */
  | 'permanent'
  /** somebody has to change something first (a right, a key, a setting, the input) */
  | 'operator';

export interface FailureDetail {
  /** what was being done, e.g. "put", "base backup" */
  operation: string;
  /** what it was done to: a key, a host, a field */
  subject: string;
  hint?: string;
  cause?: unknown;
}

export abstract class Failure extends Error {
  abstract readonly verdict: Verdict;
  readonly operation: string;
  readonly subject: string;
  readonly hint: string | undefined;

  constructor(message: string, detail: FailureDetail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.operation = detail.operation;
    this.subject = detail.subject;
    this.hint = detail.hint;
  }
}

/** A value from outside (argument, plan, event) is not acceptable; nothing has been touched. */
export class InputInvalid extends Failure {
  readonly verdict = 'operator';
  readonly field: string;
  constructor(field: string, value: unknown, allowed: string, hint?: string) {
    super(`${field}: ${printValue(value)} is not allowed: expected ${allowed}`, {
      operation: 'read input',
      subject: field,
      ...(hint === undefined ? {} : { hint }),
    });
    this.field = field;
  }
}

function printValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text =
    typeof value === 'string' ? `"${value}"` : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** The server cannot be reached or the connection broke. */
export class ConnectionFailed extends Failure {
  readonly verdict = 'retry';
}

/** The server answered and refused who we are. */
export class AuthenticationFailed extends Failure {
  readonly verdict = 'operator';
}

/** The server works but cannot serve this: too old, a setting, a right or a slot is missing. */
export class ServerUnsuitable extends Failure {
  readonly verdict = 'operator';
}

/** PostgreSQL reported an error; `sqlState` is its five-character code. */
export class ServerError extends Failure {
  readonly verdict = 'permanent';
  readonly sqlState: string;
  constructor(message: string, detail: FailureDetail & { sqlState: string }) {
    super(message, detail);
    this.sqlState = detail.sqlState;
  }
}

/** A backup did not reach its commit point; nothing of it counts. */
export class BackupIncomplete extends Failure {
  readonly verdict = 'retry';
}

/** The store, or the service that holds its keys, did not answer, or answered that it cannot now. */
export class StoreUnavailable extends Failure {
  readonly verdict = 'retry';
}

/** The store answered and refused: rights, a missing bucket, a read-only disk. */
export class StoreRefused extends Failure {
  readonly verdict = 'operator';
}

/** An object that has to be there is not. */
export class ObjectMissing extends Failure {
  readonly verdict = 'permanent';
}

/** Stored bytes are not what was written: truncated, changed, swapped or replayed. */
export class ObjectDamaged extends Failure {
  readonly verdict = 'permanent';
}

/** The encryption key is missing, malformed, or not the one this object was encrypted with. */
export class KeyUnusable extends Failure {
  readonly verdict = 'operator';
}

/** Somebody else holds the lease. */
export class LeaseHeld extends Failure {
  readonly verdict = 'retry';
}

/** Another daemon works with this state directory. */
export class AlreadyRunning extends Failure {
  readonly verdict = 'operator';
}

/** WAL that must be continuous is not, or does not belong here. */
export class WalBroken extends Failure {
  readonly verdict = 'operator';
}

/** No recovery plan reaches the target; the message names what is reachable. */
export class TargetUnreachable extends Failure {
  readonly verdict = 'operator';
}

/** A restore was refused or did not reach its target; the message says which. */
export class RestoreFailed extends Failure {
  readonly verdict = 'operator';
}

/** A restored cluster started but did not answer a check as it should. */
export class CheckFailed extends Failure {
  readonly verdict = 'operator';
}

/** The work was told to stop (a signal, a timeout) and did. */
export class Aborted extends Failure {
  readonly verdict = 'retry';
}
