import { type Sink, toJson } from '#cli/output';
import { Failure, InputInvalid, ObjectMissing } from '#model/failure';

/**
 * Tell how it failed: `lifeboat: <message>` and a `HINT:` on stderr, or with --json one object on stdout. The stack is
 * for bugs, and only shown when asked for.
 */
export function reportFailure(
  error: unknown,
  { stdout, stderr, json, verbose }: { stdout: Sink; stderr: Sink; json: boolean; verbose: boolean },
): void {
  const { message, hint } = told(error);
  if (json) stdout.write(`${toJson({ error: failureJson(error, message, hint) })}\n`);
  else stderr.write(`lifeboat: ${message}\n${hint === undefined ? '' : `HINT: ${hint}\n`}`);
  if (verbose) stderr.write(`${describeStack(error)}\n`);
}

function told(error: unknown): { message: string; hint: string | undefined } {
  if (error instanceof Failure) return { message: error.message, hint: error.hint ?? usualHint(error) };
  const message = error instanceof Error ? error.message : String(error);
  return {
    message: `unexpected failure: ${message}`,
    hint: 'this is a bug; run it again with --verbose and report what it says',
  };
}

/** Of failures that say all but what to do, since that depends on the command. */
function usualHint(failure: Failure): string | undefined {
  // what is expected stands in the message already
  if (failure instanceof InputInvalid)
    return 'correct it and run it again: nothing was touched; --help explains each option';
  if (failure instanceof ObjectMissing) {
    return 'it was deleted from the bucket: bring it back, or restore from another backup that `lifeboat verify` finds whole';
  }
  return undefined;
}

function failureJson(error: unknown, message: string, hint: string | undefined) {
  const failure = error instanceof Failure ? error : undefined;
  return {
    name: error instanceof Error ? error.name : 'Error',
    message,
    hint: hint ?? null,
    verdict: failure?.verdict ?? null,
    operation: failure?.operation ?? null,
    subject: failure?.subject ?? null,
  };
}

/** With its causes. */
function describeStack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack}${error.cause === undefined ? '' : `\ncaused by: ${describeStack(error.cause)}`}`;
}
