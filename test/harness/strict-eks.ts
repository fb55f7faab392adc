import { type AwsIdentity, AwsRefusal, signerOf } from './strict-aws-signature.ts';
import { type ServiceProtocol, type StrictService, startStrictService } from './strict-service.ts';

export interface StrictEks extends StrictService {
  /** `eu-west-1 shop` */
  clusters: Map<string, { status: string; endpoint?: string; ca?: string }>;
  /** who a bearer token of this cluster is from, as EKS finds it out. @throws AwsRefusal */
  holderOf(token: string, cluster: string, region: string): string;
}

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html */
export async function startStrictEks(): Promise<StrictEks> {
  const clusters: StrictEks['clusters'] = new Map();
  const service = await startStrictService(protocol, ({ given, region }) => {
    const { name } = given as { name: string };
    const cluster = clusters.get(`${region} ${name}`);
    if (!cluster) throw new AwsRefusal(404, 'ResourceNotFoundException', `No cluster found for name: ${name}.`);
    const { status, endpoint, ca } = cluster;
    const data = ca === undefined ? {} : { certificateAuthority: { data: Buffer.from(ca).toString('base64') } };
    return { cluster: { name, status, ...(endpoint && { endpoint }), ...data } };
  });
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = service.environment;
  const identity = { accessKeyId, secretAccessKey, arn: 'arn:aws:iam::111122223333:role/lifeboat' };
  return Object.assign(service, {
    clusters,
    holderOf: (token: string, cluster: string, region: string) => holderOf(token, cluster, region, identity),
  });
}

const json = { 'content-type': 'application/json' };

const protocol: ServiceProtocol = {
  service: 'eks',
  variable: 'AWS_ENDPOINT_URL_EKS',
  read: ({ method, url }) => {
    const [, name] = /^\/clusters\/([\w-]+)$/.exec(url) ?? [];
    if (method !== 'GET' || !name) throw new AwsRefusal(404, 'UnknownOperationException', `${method} ${url}`);
    return { operation: 'DescribeCluster', given: { name } };
  },
  print: (_, result) => ({ status: 200, headers: json, body: JSON.stringify(result) }),
  printRefusal: ({ status, code, message }) => ({
    ...{ status, headers: { ...json, 'x-amzn-errortype': `${code}:http://internal.amazon.com/coral/` } },
    body: JSON.stringify({ message }),
  }),
};

/** https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster */
function holderOf(token: string, cluster: string, region: string, identity: AwsIdentity): string {
  const [, encoded] = /^k8s-aws-v1\.([\w-]+)$/.exec(token) ?? [];
  if (!encoded) throw new AwsRefusal(401, 'Unauthorized', 'no token of this kind');
  const url = new URL(Buffer.from(encoded, 'base64url').toString());
  const query = url.searchParams;
  if (url.protocol !== 'https:' || url.hostname !== `sts.${region}.amazonaws.com` || url.pathname !== '/')
    throw new AwsRefusal(401, 'Unauthorized', 'not a request for STS');
  if (
    query.get('Action') !== 'GetCallerIdentity' ||
    !query.get('X-Amz-SignedHeaders')?.split(';').includes('x-k8s-aws-id')
  )
    throw new AwsRefusal(401, 'Unauthorized', 'another request');
  const headers = { host: url.hostname, 'x-k8s-aws-id': cluster };
  const asked = { method: 'GET', url: `${url.pathname}${url.search}`, headers, body: Buffer.alloc(0) };
  const signer = signerOf(asked, [identity], new Date());
  if (signer.service !== 'sts' || signer.region !== region) throw new AwsRefusal(401, 'Unauthorized', 'scope');
  return signer.identity.arn;
}
