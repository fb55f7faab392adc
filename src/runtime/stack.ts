import {
  CloudFormationClient,
  type Stack as DescribedStack,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { InputInvalid } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { awsFailure } from './aws-failure.ts';

/** A stack that is deployed, by its outputs: src/stack/outputs.yml. */
export interface Stack {
  name: string;
  region: string;
  /** `s3://…` */
  bucket: string;
  /** ARN of the key that wraps the keys of backups */
  kmsKey: string;
  machinePrefix: string;
  functionPrefix: string;
  /** of the plan that it was deployed with */
  planDigest: string | undefined;
}

export const printStack = ({ name, region }: Pick<Stack, 'name' | 'region'>): string => `stack ${name} in ${region}`;

/**
 * Look a stack up in the environment's region.
 * @throws InputInvalid when there is none, or it is no stack of Lifeboat; AuthenticationFailed, ConnectionFailed
 */
export async function findStack(name: string, environment: Environment): Promise<Stack> {
  const client = new CloudFormationClient({ ...awsClientConfig(environment, 'cloudformation'), ...patience });
  let region = 'a region';
  try {
    region = await client.config.region();
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: name }));
    return readOutputs({ name, region }, Stacks?.[0]);
  } catch (error) {
    if (error instanceof InputInvalid) throw error;
    if (/does not exist/.test((error as Error).message)) throw missing(name, region);
    const place = printStack({ name, region });
    throw awsFailure(error, { action: 'cloudformation:DescribeStacks', subject: name, place });
  } finally {
    client.destroy();
  }
}

/** What the commands and the plan take from the environment, of this stack. */
export const stackEnvironment = ({ name, bucket, kmsKey, region }: Stack) => ({
  LIFEBOAT_BUCKET: bucket,
  LIFEBOAT_KMS_KEY: kmsKey,
  // an alias, which is there where the plan has the stack sign (functions/environment.yml)
  LIFEBOAT_EVIDENCE_KEY: kmsKey.replace(/:key\/.*$/, `:alias/${name}-evidence`),
  AWS_REGION: region,
});

/** Throttled calls and what a network loses are asked again, for at most half a minute or so. */
export const patience = {
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 10_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
};

function readOutputs({ name, region }: Pick<Stack, 'name' | 'region'>, described: DescribedStack | undefined): Stack {
  const outputs = new Map(described?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const output = (key: string): string => {
    const value = outputs.get(key);
    if (value) return value;
    const status = described?.StackStatus ?? 'unknown';
    const hint = 'wait until it is deployed, or deploy it with this version: docs/aws.md';
    throw new InputInvalid('--stack', name, `a stack of Lifeboat: it has no output ${key}, and is ${status}`, hint);
  };
  return {
    name,
    region,
    bucket: output('BucketUrl'),
    kmsKey: output('BackupKeyArn'),
    machinePrefix: output('MachineArnPrefix'),
    functionPrefix: output('FunctionNamePrefix'),
    planDigest: outputs.get('PlanDigest'),
  };
}

const missing = (name: string, region: string): InputInvalid =>
  new InputInvalid(
    '--stack',
    name,
    `a CloudFormation stack in ${region}`,
    'is it another region (--region), or another account (AWS_PROFILE)? how it is deployed: docs/aws.md',
  );
