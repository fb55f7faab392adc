import { Sha256 } from '@aws-crypto/sha256-js';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import { approvalHeader, type CallerProof, proofSeconds, stsOrigin } from '#model/caller-proof';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { awsFailure } from './aws-failure.ts';

/** The ARN of whoever's credentials these are. @throws AuthenticationFailed, ConnectionFailed, InputInvalid */
export async function callerArn(environment: Environment): Promise<string> {
  const client = stsClient(environment);
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    return Arn!;
  } catch (error) {
    throw awsFailure(error, { action: 'sts:GetCallerIdentity', subject: 'our own identity', place: 'STS' });
  } finally {
    client.destroy();
  }
}

/** Proves, for `approval` alone, who has these credentials: see caller-proof.ts. @throws AuthenticationFailed, InputInvalid */
export async function proveCaller(approval: string, environment: Environment): Promise<CallerProof> {
  const client = stsClient(environment);
  try {
    const { endpoint } = awsClientConfig(environment, 'sts');
    const region = await client.config.region();
    const origin = new URL(stsOrigin({ endpoint, region }));
    const signer = new SignatureV4({ service: 'sts', region, credentials: client.config.credentials, sha256: Sha256 });
    const signed = await signer.presign(
      {
        method: 'GET',
        protocol: origin.protocol,
        hostname: origin.hostname,
        path: '/',
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: origin.host, [approvalHeader]: approval },
      },
      { expiresIn: proofSeconds },
    );
    const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
    return { url: `${origin.origin}/?${query.join('&')}`, approval };
  } catch (error) {
    throw awsFailure(error, { action: 'sts:GetCallerIdentity', subject: 'our own identity', place: 'STS' });
  } finally {
    client.destroy();
  }
}

const stsClient = (environment: Environment): STSClient =>
  new STSClient({ ...awsClientConfig(environment, 'sts'), maxAttempts: 4 });

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
