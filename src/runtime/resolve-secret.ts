import { open } from 'node:fs/promises';
import { InputInvalid } from '#model/failure';
import { formatSecretReference, type SecretReference } from '#model/secret-reference';
import type { Environment } from '#runtime/environment';

const readableByOthers = 0o004;

/**
 * The secret that a plan refers to, without the line end of its file. `field` is for messages, which name the
 * reference and never the value.
 * @throws InputInvalid when it is missing, empty, or in a file that everybody may read.
 */
export async function resolveSecret(
  reference: SecretReference,
  environment: Environment,
  field: string,
): Promise<string> {
  const value = await valueBehind(reference, environment, field);
  if (value === undefined) {
    const hint = 'set it where this runs (a service or cron has an environment of its own), or use file:/path';
    throw new InputInvalid(field, formatSecretReference(reference), 'an environment variable that is set', hint);
  }
  if (value === '') {
    const hint = 'put the secret there, or let the plan refer to another place';
    throw new InputInvalid(field, formatSecretReference(reference), 'a secret that is not empty', hint);
  }
  return value;
}

/** Whoever was given the secret refused it: from Secrets Manager it is read anew the next time. */
export async function doubtSecret(reference: SecretReference, environment: Environment): Promise<void> {
  if (reference.from === 'secret') (await import('#runtime/read-secret')).forgetSecret(reference, environment);
}

async function valueBehind(
  reference: SecretReference,
  environment: Environment,
  field: string,
): Promise<string | undefined> {
  if (reference.from === 'env') return environment[reference.name];
  if (reference.from === 'file') return readSecretFile(reference.path, field);
  // its SDK is loaded only by those who need it
  return (await import('#runtime/read-secret')).readSecret(reference, environment, field);
}

async function readSecretFile(path: string, field: string): Promise<string> {
  const refuse = (allowed: string, hint?: string) => new InputInvalid(field, `file:${path}`, allowed, hint);
  try {
    await using file = await open(path);
    const { mode } = await file.stat();
    if (mode & readableByOthers) throw refuse('a file that not everybody may read', `chmod o-rwx ${path}`);
    return (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof InputInvalid) throw error;
    const hint = 'put the secret into this file and let the account that runs lifeboat read it';
    throw refuse(`a file that can be read, got ${(error as NodeJS.ErrnoException).code}`, hint);
  }
}
