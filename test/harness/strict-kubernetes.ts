import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What is stored, as the API shows it. */
export type KubernetesObject = {
  metadata: { name: string; namespace: string; generation: number; resourceVersion: string };
} & Record<string, unknown>;

export interface StrictKubernetes {
  url: string;
  /** whether a bearer token is taken */
  takes: (token: string) => boolean;
  /** by path: `/api/v1/namespaces/shop/configmaps/web` */
  objects: Map<string, KubernetesObject>;
  requests: { method: string; url: string; body: unknown; type: string | undefined; authorization: string }[];
  /** answered instead, each once */
  faults: { status: number; body: string; type?: string }[];
  add(path: string, object: object): KubernetesObject;
  close(): Promise<void>;
}

/**
 * An API of Kubernetes on loopback as far as it is asked: objects at their paths, merge patches, the scale of deployments, and
 * refusals in its own form. With a certificate it speaks TLS.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export async function startStrictKubernetes(tls?: { cert: string; key: string }): Promise<StrictKubernetes> {
  const listener = (message: IncomingMessage, response: ServerResponse) => {
    serve(message, response, api).catch((error: Error) => response.destroy(error));
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const api: StrictKubernetes = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ takes: () => false, objects: new Map(), requests: [], faults: [] },
    add: (path, object) => {
      const [namespace = '', , name = ''] = path.split('/').slice(-3);
      const metadata = { name, namespace, generation: 1, resourceVersion: '1' };
      const stored: KubernetesObject = { ...object, metadata };
      api.objects.set(path, stored);
      return stored;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return api;
}

class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

async function serve(message: IncomingMessage, response: ServerResponse, api: StrictKubernetes): Promise<void> {
  const { method = '', url = '/', headers } = message;
  const text = String(Buffer.concat(await message.toArray()));
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  const [authorization, type] = [headers.authorization ?? '', headers['content-type']];
  api.requests.push({ method, url, body, type, authorization });
  const fault = api.faults.shift();
  if (fault)
    return void response.writeHead(fault.status, { 'content-type': fault.type ?? 'application/json' }).end(fault.body);
  try {
    if (!api.takes(authorization.replace(/^Bearer /, ''))) throw new Refusal(401, 'Unauthorized', 'Unauthorized');
    const answer = answerTo({ method, url, body, type }, api);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    response.writeHead(error.status, { 'content-type': 'application/json' }).end(statusOf(error));
  }
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export const statusOf = ({ status, reason, message }: { status: number; reason: string; message: string }): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code: status });

interface Asked {
  method: string;
  url: string;
  body: unknown;
  type: string | undefined;
}

function answerTo({ method, url, body, type }: Asked, { objects }: StrictKubernetes): unknown {
  const [path = '', query = ''] = url.split('?');
  const dryRun = query === 'dryRun=All';
  const isScale = path.endsWith('/scale');
  const object = objects.get(isScale ? path.slice(0, -'/scale'.length) : path);
  if (!object) throw new Refusal(404, 'NotFound', `"${path.split('/').at(-1)}" not found`);
  if (method === 'GET' && query === '' && !isScale) return object;
  if (method !== 'PATCH' || (query !== '' && !dryRun)) throw new Refusal(405, 'MethodNotAllowed', `${method} ${url}`);
  if (type !== 'application/merge-patch+json') throw new Refusal(415, 'UnsupportedMediaType', `${type}`);
  if (object.immutable) throw new Refusal(422, 'Invalid', 'field is immutable when `immutable` is set');
  const replicas = (body as { spec?: { replicas?: number } }).spec?.replicas;
  if (isScale && (!Number.isInteger(replicas) || replicas! < 0))
    throw new Refusal(422, 'Invalid', 'spec.replicas: Invalid value: must be greater than or equal to 0');
  const patched = merge(structuredClone(object), body) as KubernetesObject;
  if (!dryRun) {
    patched.metadata.generation += 1;
    objects.set(isScale ? path.slice(0, -'/scale'.length) : path, patched);
  }
  return isScale
    ? { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: patched.metadata, spec: { replicas } }
    : patched;
}

/** https://www.rfc-editor.org/rfc/rfc7386#section-2 */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === 'object' && target !== null ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
