import { AwsRefusal } from './strict-aws-signature.ts';
import { jsonProtocol, type ServiceCall, type StrictService, startStrictService } from './strict-service.ts';

export interface Secret {
  /** oldest first */
  versions: { id: string; text?: string; binary?: string; stages: string[] }[];
}

export interface StrictSecrets extends StrictService {
  /** `eu-west-1 shop/db` */
  secrets: Map<string, Secret>;
  /** done before the next put: what somebody else does in between */
  meanwhile: (() => void)[];
  /** done right after the next put */
  afterwards: (() => void)[];
}

/** Secrets Manager. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html */
export async function startStrictSecrets(): Promise<StrictSecrets> {
  const protocol = jsonProtocol('secretsmanager', 'AWS_ENDPOINT_URL_SECRETS_MANAGER', 'secretsmanager');
  const state = {
    secrets: new Map<string, Secret>(),
    meanwhile: [] as (() => void)[],
    afterwards: [] as (() => void)[],
  };
  return Object.assign(await startStrictService(protocol, (call) => answer(call, state)), state);
}

function answer({ operation, given, region }: ServiceCall, state: Omit<StrictSecrets, keyof StrictService>): unknown {
  const { SecretId, VersionStage = 'AWSCURRENT', SecretString, ClientRequestToken } = given as Record<string, string>;
  if (operation === 'PutSecretValue') state.meanwhile.shift()?.();
  const secret = state.secrets.get(`${region} ${SecretId}`);
  const none = (what: string) => new AwsRefusal(400, 'ResourceNotFoundException', `Secrets Manager can't find ${what}`);
  if (!secret) throw none('the specified secret.');
  const ARN = `arn:aws:secretsmanager:${region}:111122223333:secret:${SecretId}-AbCdEf`;
  if (operation === 'GetSecretValue') {
    const version = secret.versions.find(({ stages }) => stages.includes(VersionStage));
    if (!version) throw none(`the specified secret value for staging label: ${VersionStage}`);
    const { id: VersionId, text, binary, stages: VersionStages } = version;
    const value = text === undefined ? { SecretBinary: binary } : { SecretString: text };
    return { ARN, Name: SecretId, VersionId, VersionStages, CreatedDate: 1_763_000_000.5, ...value };
  }
  if (operation !== 'PutSecretValue') throw new AwsRefusal(400, 'UnknownOperationException', operation);
  if (!SecretString || !/^[\w-]{32,64}$/.test(ClientRequestToken ?? ''))
    throw new AwsRefusal(400, 'InvalidParameterException', 'ClientRequestToken');
  const same = secret.versions.find(({ id }) => id === ClientRequestToken);
  if (same && same.text !== SecretString) throw new AwsRefusal(400, 'ResourceExistsException', 'version exists');
  if (!same) addVersion(secret, ClientRequestToken!, SecretString);
  state.afterwards.shift()?.();
  return { ARN, Name: SecretId, VersionId: ClientRequestToken, VersionStages: ['AWSCURRENT'] };
}

/** The labels move on, as Secrets Manager moves them. */
export function addVersion({ versions }: Secret, id: string, text: string): void {
  for (const one of versions) {
    const [wasCurrent, wasPrevious] = [one.stages.includes('AWSCURRENT'), one.stages.includes('AWSPREVIOUS')];
    if (wasCurrent) one.stages = ['AWSPREVIOUS'];
    else if (wasPrevious) one.stages = [];
  }
  versions.push({ id, text, stages: ['AWSCURRENT'] });
}
