import { Sha256 } from '@aws-crypto/sha256-js';
import { STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import { stsOrigin } from '#model/caller-proof';
import { ServerUnsuitable } from '#model/failure';
import type { Kubernetes } from '#model/kubernetes';
import type { Environment } from '#runtime/environment';
import { askHttp, type HttpAnswer } from './ask-http.ts';
import { awsClientConfig } from './aws-client-config.ts';
import { type Meanings, moveFailure } from './move-failure.ts';

export type EksCluster = Extract<Kubernetes, { eks: string }>;

export interface ClusterAddress {
  server: URL;
  /** PEM */
  ca: string;
}

/**
 * Where a cluster's API is, asked of EKS itself (its SDK would be for this one question).
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
 * @throws AuthenticationFailed, ServerUnsuitable, TrafficNotMoved
 */
export async function describeEksCluster(
  { eks, region }: EksCluster,
  environment: Environment,
  signal: AbortSignal,
): Promise<ClusterAddress> {
  const call = { action: 'eks:DescribeCluster', subject: `the cluster ${eks}`, place: `EKS in ${region}` };
  const { endpoint = `https://eks.${region}.${suffixOf(region)}` } = awsClientConfig(environment, 'eks');
  const url = new URL(`/clusters/${encodeURIComponent(eks)}`, endpoint);
  const answer = await signedGet(url, region, environment, signal).catch((error) => {
    throw moveFailure(error, call, meanings);
  });
  if (answer.status !== 200) throw moveFailure(refusalOf(answer), call, meanings);
  const { cluster } = parse(answer.text) as { cluster?: Described };
  const [server, authority] = [cluster?.endpoint, cluster?.certificateAuthority?.data];
  if (server !== undefined && authority !== undefined && URL.canParse(server))
    return { server: new URL(server), ca: Buffer.from(authority, 'base64').toString() };
  const what = `the cluster ${eks} in ${region} has no address: it is ${cluster?.status ?? 'in no known state'}`;
  throw new ServerUnsuitable(what, { operation: call.action, subject: eks, hint: 'wait until it is ACTIVE' });
}

/**
 * A bearer token for the cluster: a request for GetCallerIdentity that only this cluster takes, signed with our credentials. EKS
 * has STS answer it, so it is always made for STS itself, whatever endpoint is configured here; it is good for 15 minutes.
 * https://docs.aws.amazon.com/eks/latest/userguide/cluster-auth.html
 * @throws AuthenticationFailed
 */
export async function eksToken({ eks, region }: EksCluster, environment: Environment): Promise<string> {
  const client = stsClient(environment, region);
  try {
    const { hostname, origin } = new URL(stsOrigin({ endpoint: undefined, region }));
    const { credentials } = client.config;
    const signer = new SignatureV4({ service: 'sts', region, credentials, sha256: Sha256 });
    const signed = await signer.presign(
      {
        ...{ method: 'GET', protocol: 'https:', hostname, path: '/' },
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: hostname, 'x-k8s-aws-id': eks },
      },
      { expiresIn: tokenSeconds },
    );
    const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
    return `k8s-aws-v1.${Buffer.from(`${origin}/?${query.join('&')}`).toString('base64url')}`;
  } catch (error) {
    throw moveFailure(
      error,
      { action: 'sts:GetCallerIdentity', subject: `the cluster ${eks}`, place: 'STS' },
      meanings,
    );
  } finally {
    client.destroy();
  }
}

const tokenSeconds = 60;

interface Described {
  endpoint?: string;
  status?: string;
  certificateAuthority?: { data?: string };
}

async function signedGet(url: URL, region: string, environment: Environment, signal: AbortSignal): Promise<HttpAnswer> {
  const client = stsClient(environment, region);
  try {
    const { credentials } = client.config;
    const signer = new SignatureV4({ service: 'eks', region, credentials, sha256: Sha256 });
    const { headers } = await signer.sign({
      ...{ method: 'GET', protocol: url.protocol, hostname: url.hostname, path: url.pathname },
      headers: { host: url.host },
    });
    return await askHttp(url, { method: 'GET', headers, signal });
  } finally {
    client.destroy();
  }
}

/** For the SDK's way to credentials. */
const stsClient = (environment: Environment, region: string): STSClient =>
  new STSClient({ ...awsClientConfig(environment, 'sts'), region });

const suffixOf = (region: string): string => (region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com');

/** As the SDK would throw it. https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization */
function refusalOf({ status, headers, text }: HttpAnswer): Error {
  const { message, __type: type } = parse(text) as { message?: unknown; __type?: unknown };
  const name = String(headers['x-amzn-errortype'] ?? type ?? 'UnknownError')
    .replace(/:.*$/s, '')
    .replace(/^.*#/s, '');
  const said = typeof message === 'string' ? message : `HTTP status ${status}`;
  return Object.assign(new Error(said), { name, $metadata: { httpStatusCode: status } });
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const meanings: Meanings = {
  ResourceNotFoundException: { hint: "check the cluster's name and region in the plan" },
  ClientException: { hint: 'check the credentials, and the name and region of the cluster in the plan' },
  InvalidParameterException: { hint: "check the cluster's name in the plan" },
  ServerException: { hint: 'AWS has a problem: try again in a minute', passes: true },
  ServiceUnavailableException: { hint: 'AWS has a problem: try again in a minute', passes: true },
};
