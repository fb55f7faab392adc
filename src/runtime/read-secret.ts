import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { InputInvalid } from '#model/failure';
import { formatSecretReference, type SecretReference } from '#model/secret-reference';
import { awsClientConfig } from '#runtime/aws-client-config';
import type { Environment } from '#runtime/environment';

/**
 * A secret in AWS Secrets Manager, by its name or ARN; with `field` one text of the JSON that it is.
 * @throws InputInvalid, which names the reference and never the value
 */
export async function readSecret(
  reference: SecretReference & { from: 'secret' },
  environment: Environment,
  field: string,
): Promise<string> {
  const refuse = (allowed: string, hint?: string) =>
    new InputInvalid(field, formatSecretReference(reference), allowed, hint);
  const client = new SecretsManagerClient({ ...awsClientConfig(environment, 'secrets_manager'), maxAttempts: 4 });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: reference.name }));
    if (SecretString === undefined) throw refuse('a secret of text, not of bytes');
    if (reference.field === undefined) return SecretString;
    const value = fieldOf(SecretString, reference.field);
    if (value === undefined) throw refuse(`a secret of JSON with the text "${reference.field}" in it`);
    return value;
  } catch (error) {
    if (error instanceof InputInvalid) throw error;
    const hint = 'it takes a secret of that name in this region, and the right secretsmanager:GetSecretValue';
    throw refuse(`a secret that can be read, got ${(error as Error).name}`, hint);
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
