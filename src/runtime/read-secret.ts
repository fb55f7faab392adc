import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { InputInvalid } from '#model/failure';
import { formatSecretReference, type SecretReference } from '#model/secret-reference';
import { awsClientConfig } from '#runtime/aws-client-config';
import type { Environment } from '#runtime/environment';

type InSecretsManager = SecretReference & { from: 'secret' };

/** What one answer is good for: a function that stays warm asks for a secret again this often. */
const keptMs = 5 * 60_000;

const kept = new Map<string, { text: Promise<string>; untilMs: number }>();

/**
 * A secret in AWS Secrets Manager, by its name or ARN; with `field` one text of the JSON that it is. It is kept for five
 * minutes, unless somebody finds it to be wrong (`forgetSecret`); what could not be read is asked for again at once.
 * @throws InputInvalid, which names the reference and never the value
 */
export async function readSecret(
  reference: InSecretsManager,
  environment: Environment,
  field: string,
): Promise<string> {
  const refuse = (allowed: string, hint?: string) =>
    new InputInvalid(field, formatSecretReference(reference), allowed, hint);
  const text = await textOf(reference, environment).catch((error: Error) => {
    if (error instanceof NoText) throw refuse('a secret of text, not of bytes');
    const hint = 'it takes a secret of that name in this region, and the right secretsmanager:GetSecretValue';
    throw refuse(`a secret that can be read, got ${error.name}`, hint);
  });
  if (reference.field === undefined) return text;
  const value = fieldOf(text, reference.field);
  if (value === undefined) throw refuse(`a secret of JSON with the text "${reference.field}" in it`);
  return value;
}

/** The other side refused it: it may have been replaced since it was read. */
export function forgetSecret({ name }: InSecretsManager, environment: Environment): void {
  kept.delete(keyOf(name, environment));
}

function textOf({ name }: InSecretsManager, environment: Environment): Promise<string> {
  const key = keyOf(name, environment);
  const known = kept.get(key);
  if (known && performance.now() < known.untilMs) return known.text;
  const text = ask(name, environment);
  kept.set(key, { text, untilMs: performance.now() + keptMs });
  text.catch(() => kept.delete(key));
  return text;
}

/** Other credentials or another region may read another secret under the same name. */
function keyOf(name: string, environment: Environment): string {
  const { endpoint, region, credentials } = awsClientConfig(environment, 'secrets_manager');
  return JSON.stringify([name, endpoint, region, credentials?.accessKeyId]);
}

class NoText extends Error {}

async function ask(name: string, environment: Environment): Promise<string> {
  const client = new SecretsManagerClient({ ...awsClientConfig(environment, 'secrets_manager'), maxAttempts: 4 });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: name }));
    if (SecretString === undefined) throw new NoText();
    return SecretString;
  } finally {
    client.destroy();
  }
}

function fieldOf(text: string, field: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)[field];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}
