import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import { NotFields, readField, writeField } from '#failover/secret-field';
import type { MovedSetting } from '#model/failover-settings';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { answerUnless, type Meanings, moveFailure, problemOf, problemsFrom } from './move-failure.ts';

type SecretSetting = MovedSetting & { kind: 'secret' };

/**
 * One field of the JSON that a secret is. Only this field's value is read out of it, remembered or shown; the rest goes back as
 * it came. What somebody else, or a rotation, puts at the same moment is not lost: the field is put into that, too.
 * A new version is only made of another value.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
 */
export function secretSetting(one: SecretSetting, environment: Environment): Movable {
  const secret = openSecret(one, environment);
  return {
    part: 'settings',
    what: `secret ${one.secret}#${one.field} in ${one.region}`,
    wanted: (primary) => one.values[primary]!,
    read: async (signal) => {
      const version = await secret.get('AWSCURRENT', signal);
      return version ? fieldOf(one, version) : null;
    },
    put: async (value, signal) => {
      const version = await secret.get('AWSCURRENT', signal);
      if (!version && value !== null) throw missing(one);
      if (version) await putField(one, secret, version, value, signal);
      return null;
    },
    settled: async () => true,
    check: (signal) =>
      problemsFrom(async () => {
        const version = await secret.get('AWSCURRENT', signal);
        if (!version) return [problemOf(missing(one))];
        if (fieldOf(one, version) !== null) return [];
        return [`the secret ${one.secret} has no field ${one.field}: nobody is configured by it`];
      }),
  };
}

interface Version {
  id: string;
  text: string;
}

interface Secret {
  get(stage: 'AWSCURRENT' | 'AWSPREVIOUS', signal: AbortSignal): Promise<Version | undefined>;
  /** answers the id of the version that it is */
  put(text: string, signal: AbortSignal): Promise<string>;
}

function openSecret(one: SecretSetting, environment: Environment): Secret {
  const client = new SecretsManagerClient({ ...awsClientConfig(environment, 'secrets_manager'), region: one.region });
  const call = (action: string) => ({ ...about(one), action: `secretsmanager:${action}` });
  return {
    get: async (VersionStage, abortSignal) => {
      const asked = client.send(new GetSecretValueCommand({ SecretId: one.secret, VersionStage }), { abortSignal });
      const found = await answerUnless(/^ResourceNotFoundException$/, asked, call('GetSecretValue'), meanings);
      if (found && found.SecretString === undefined) throw unsuitable(one, 'it is bytes, not text');
      return found && { id: found.VersionId!, text: found.SecretString! };
    },
    put: async (SecretString, abortSignal) => {
      try {
        const command = new PutSecretValueCommand({ SecretId: one.secret, SecretString });
        return (await client.send(command, { abortSignal })).VersionId!;
      } catch (error) {
        throw moveFailure(withoutText(error as Error), call('PutSecretValue'), meanings);
      }
    },
  };
}

/**
 * Secrets Manager decides nothing by what was there, so it is looked at afterwards what was replaced: the version that was
 * read, or one of somebody else's, into which the field is put then; or ours was replaced by now, and it begins anew.
 */
async function putField(one: SecretSetting, secret: Secret, read: Version, value: string | null, signal: AbortSignal) {
  let [base, expected] = [read, read.id];
  for (let tries = 0; tries < mostTries; tries += 1) {
    // what stands there by now may be ours without theirs
    if (expected === base.id && fieldOf(one, base) === value) return;
    fieldOf(one, base);
    const ours = await secret.put(writeField(base.text, one.field, value), signal);
    const replaced = await secret.get('AWSPREVIOUS', signal);
    if (replaced === undefined || replaced.id === expected) return;
    if (replaced.id === ours) {
      base = (await secret.get('AWSCURRENT', signal)) ?? replaced;
      expected = base.id;
    } else [base, expected] = [replaced, ours];
  }
  throw changing(one);
}

const mostTries = 3;

const about = ({ secret, region }: SecretSetting) => ({
  subject: `the secret ${secret}`,
  place: `Secrets Manager in ${region}`,
});

function fieldOf(one: SecretSetting, { text }: Version): string | null {
  try {
    return readField(text, one.field);
  } catch (error) {
    if (error instanceof NotFields) throw unsuitable(one, error.message);
    throw error;
  }
}

const unsuitable = (one: SecretSetting, why: string): ServerUnsuitable =>
  new ServerUnsuitable(`the field ${one.field} of the secret ${one.secret} in ${one.region} cannot be moved: ${why}`, {
    ...{ operation: 'read secret', subject: one.secret },
    hint: 'let the secret be JSON of fields, as {"host": "…", "password": "…"}, and the plan name one of them',
  });

const missing = (one: SecretSetting): ServerUnsuitable =>
  new ServerUnsuitable(`there is no secret ${one.secret} in ${one.region}`, {
    ...{ operation: 'secretsmanager:GetSecretValue', subject: one.secret },
    hint: 'check its name and region in the plan; a secret is never made here, since only one field of it is known',
  });

const changing = (one: SecretSetting): TrafficNotMoved =>
  new TrafficNotMoved(`the secret ${one.secret} in ${one.region} is changed by somebody else all the time`, {
    ...{ operation: 'secretsmanager:PutSecretValue', subject: one.secret },
    hint: 'wait until its rotation is over, and try again',
  });

/** A refusal of what was put may quote it. */
function withoutText(error: Error): Error {
  const { $metadata, code } = error as { $metadata?: unknown; code?: unknown };
  return Object.assign(new Error('its text is not shown'), { name: error.name, $metadata, code });
}

const key = 'let these credentials use the KMS key that the secret is encrypted with, and see that the key is enabled';

const meanings: Meanings = {
  DecryptionFailure: { hint: key },
  EncryptionFailure: { hint: key },
  ResourceNotFoundException: { hint: "check the secret's name and region in the plan" },
  ResourceExistsException: { hint: 'another version was put at the same moment: try again', passes: true },
  InternalServiceError: { hint: 'AWS has a problem: try again in a minute', passes: true },
  LimitExceededException: { hint: 'the secret has too many versions of the last day: try again later', passes: true },
  InvalidRequestException: { hint: 'the secret is being deleted, or is managed by another service: see its state' },
  InvalidParameterException: { hint: "check the secret's name and the values in the plan" },
  PublicPolicyException: { hint: "see the secret's policy" },
};
