import { readFile } from 'node:fs/promises';
import { TrafficNotMoved } from '#failover/failures';
import { AuthenticationFailed, type Failure, InputInvalid, ServerUnsuitable } from '#model/failure';
import type { Kubernetes } from '#model/kubernetes';
import { formatSecretReference, type SecretReference } from '#model/secret-reference';
import type { Environment } from '#runtime/environment';
import { askHttp, type HttpAnswer } from './ask-http.ts';
import { describeEksCluster, eksToken } from './eks-cluster.ts';
import { doubtSecret, resolveSecret } from './resolve-secret.ts';

/** The API of one cluster, as far as it is used. Every method @throws AuthenticationFailed, ServerUnsuitable, TrafficNotMoved. */
export interface KubernetesApi {
  /** for people: `eks shop in eu-west-1` */
  place: string;
  /** undefined: there is none */
  get(path: string, signal: AbortSignal): Promise<unknown>;
  /** A merge patch; `dryRun`: everything but storing it. undefined: there is none */
  patch(path: string, patch: object, options: { dryRun?: true; signal: AbortSignal }): Promise<unknown>;
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/ */
export function kubernetesApi(cluster: Kubernetes, environment: Environment): KubernetesApi {
  const place = 'eks' in cluster ? `eks ${cluster.eks} in ${cluster.region}` : cluster.server;
  const access = accessTo(cluster, environment);
  const ask = async (method: 'GET' | 'PATCH', path: string, patch: object | undefined, signal: AbortSignal) => {
    const [{ server, ca }, token] = [await access.address(signal), await access.token()];
    const headers = { accept: 'application/json', authorization: `Bearer ${token}`, 'user-agent': 'lifeboat' };
    const body = patch && JSON.stringify(patch);
    const typed = patch && { 'content-type': 'application/merge-patch+json' };
    const about = { place, subject: `${method} ${path.replace(/\?.*$/, '')}` };
    const answer = await askHttp(new URL(path, server), {
      ...{ method, headers: { ...headers, ...typed }, ca, signal },
      ...(body !== undefined && { body }),
    }).catch((error) => {
      throw networkFailure(error, about);
    });
    if (answer.status === 401) await access.doubt();
    return contentOf(answer, about);
  };
  return {
    place,
    get: (path, signal) => ask('GET', path, undefined, signal),
    patch: (path, patch, { dryRun, signal }) => ask('PATCH', dryRun ? `${path}?dryRun=All` : path, patch, signal),
  };
}

/** `Deployment` and `scale` within a namespace: `/apis/apps/v1/namespaces/<namespace>/<rest>` */
export const namespaced = (group: string, namespace: string, rest: string): string =>
  `/${group}/namespaces/${namespace}/${rest}`;

interface Access {
  address(signal: AbortSignal): Promise<{ server: URL; ca: string | undefined }>;
  token(): Promise<string>;
  doubt(): Promise<void>;
}

/** Tokens are read or made for each request; the address of EKS is asked for once. */
function accessTo(cluster: Kubernetes, environment: Environment): Access {
  if ('eks' in cluster) {
    let known: Awaited<ReturnType<typeof describeEksCluster>> | undefined;
    return {
      address: async (signal) => {
        known ??= await describeEksCluster(cluster, environment, signal);
        return known;
      },
      token: () => eksToken(cluster, environment),
      doubt: async () => undefined,
    };
  }
  const { server, token, certificateAuthority } = cluster;
  return {
    address: async () => ({
      server: new URL(server),
      ca: certificateAuthority && (await authorityOf(certificateAuthority, environment)),
    }),
    token: async () => (await resolveSecret(token, environment, 'cluster.token')).trim(),
    doubt: () => doubtSecret(token, environment),
  };
}

/** An authority is public: unlike a token it may lie in a file that everybody may read. */
async function authorityOf(reference: SecretReference, environment: Environment): Promise<string> {
  const field = 'cluster.certificateAuthority';
  const pem =
    reference.from === 'file'
      ? await readFile(reference.path, 'utf8').catch(() => undefined)
      : await resolveSecret(reference, environment, field);
  if (pem?.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new InputInvalid(field, formatSecretReference(reference), 'a certificate in PEM that can be read');
}

interface About {
  place: string;
  subject: string;
}

/** undefined for 404 */
function contentOf({ status, text }: HttpAnswer, about: About): unknown {
  if (status === 404 && isStatus(parse(text))) return undefined;
  if (status < 200 || status > 299) throw refusal(status, text, about);
  const content = parse(text);
  if (typeof content === 'object' && content !== null) return content;
  throw refusal(status, text, about);
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
const isStatus = (content: unknown): content is { message?: string; reason?: string } =>
  typeof content === 'object' && content !== null && (content as { kind?: unknown }).kind === 'Status';

/** What the API says of itself is repeated; of anything else, like a proxy's page, only the status is. */
function refusal(status: number, text: string, { place, subject }: About): Failure {
  const content = parse(text);
  const said = isStatus(content) ? [content.reason, content.message].filter(Boolean).join(': ').split('\n')[0]! : '';
  const what = `${place} refuses ${subject}: HTTP status ${status}${said === '' ? '' : `: ${said.slice(0, 500)}`}`;
  const { hint, kind } = hints.find(({ statuses }) => statuses.includes(status)) ?? otherHint(status, said);
  return new kind(what, { operation: 'ask Kubernetes', subject, hint });
}

interface Hint {
  kind: typeof AuthenticationFailed | typeof ServerUnsuitable | typeof TrafficNotMoved;
  hint: string;
}

const hints: readonly (Hint & { statuses: number[] })[] = [
  {
    ...{ statuses: [401], kind: AuthenticationFailed },
    hint: 'the token is not taken: renew it where the plan reads it; of EKS, give our role an access entry in the cluster',
  },
  {
    ...{ statuses: [403], kind: AuthenticationFailed },
    hint: 'let a Role in that namespace allow get and patch on what the plan names (of a Deployment on its scale, too), and bind it to us',
  },
  { statuses: [409], kind: TrafficNotMoved, hint: 'somebody else changed it at the same moment: try again' },
  { statuses: [408, 429], kind: TrafficNotMoved, hint: 'it is asked too often: try again in a minute' },
  { statuses: [400, 422], kind: ServerUnsuitable, hint: 'see what it says of the value in the plan' },
];

function otherHint(status: number, said: string): Hint {
  if (status >= 500)
    return { kind: TrafficNotMoved, hint: 'the API or one of its webhooks has a problem: try again in a minute' };
  const hint = said === '' ? 'it is no API of Kubernetes: check its address in the plan' : 'see what it says';
  return { kind: ServerUnsuitable, hint };
}

/** Only codes: who answers there may be anybody. */
function networkFailure(error: unknown, { place, subject }: About): Failure {
  const { code = 'unknown' } = error as { code?: string };
  const detail = { operation: 'ask Kubernetes', subject, cause: error };
  const what = `${place} did not answer ${subject}: ${code}`;
  if (!/CERT|SIGNED|ISSUER|SIGNATURE|SSL|TLS/.test(code)) {
    const hint = 'check the address of the cluster, and that it is reached from here; then try again';
    return new TrafficNotMoved(what, { ...detail, hint });
  }
  const hint =
    "its certificate is not trusted: let certificateAuthority be the cluster's, and server a name in its certificate";
  return new ServerUnsuitable(what, { ...detail, hint });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
