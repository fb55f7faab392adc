import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { type StrictEks, startStrictEks } from '#harness/strict-eks';
import { type StrictKubernetes, startStrictKubernetes, statusOf } from '#harness/strict-kubernetes';
import type { Kubernetes } from '#model/kubernetes';
import { kubernetesApi } from '#runtime/kubernetes-api';
import { certificate } from './certificate.ts';
import { signal } from './move-errors.ts';

const path = '/api/v1/namespaces/shop/configmaps/web';
const token = 'ey-token-of-the-cluster';
const pair = certificate('cluster.test');
let [folder, caFile]: string[] = [];
let [secure, plain]: StrictKubernetes[] = [];
let eks: StrictEks;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-kubernetes-'));
  caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, pair.cert, { mode: 0o644 });
  [secure, plain, eks] = [await startStrictKubernetes(pair), await startStrictKubernetes(), await startStrictEks()];
});
after(async () => {
  await Promise.all([secure!.close(), plain!.close(), eks.close()]);
  rmSync(folder!, { recursive: true });
});
beforeEach(() => {
  for (const api of [secure!, plain!]) {
    api.takes = (given) => given === token;
    api.requests.length = 0;
    api.faults.length = 0;
    api.add(path, { data: { host: 'east' } });
  }
  eks.clusters.clear();
  eks.clusters.set('eu-west-1 shop', { status: 'ACTIVE', endpoint: secure!.url, ca: pair.cert });
  eks.calls.length = 0;
  eks.faults.length = 0;
});

const environment = { TOKEN: token };
const at = (server: string, more: object = {}): Kubernetes => ({
  server,
  token: { from: 'env', name: 'TOKEN' },
  ...more,
});
const authority = () => ({ certificateAuthority: { from: 'file', path: caFile! } });
const open = (cluster: Kubernetes, more = {}) => kubernetesApi(cluster, { ...environment, ...more });

test('an object is read over TLS under the authority of the plan, which may lie where everybody may read it', async () => {
  const found = (await open(at(secure!.url, authority())).get(path, signal)) as { data: object };
  assert.deepEqual(found.data, { host: 'east' });
  assert.equal(secure!.requests[0]!.authorization, `Bearer ${token}`);
});

test('what is not there is undefined, also to a patch', async () => {
  const api = open(at(plain!.url));
  assert.equal(await api.get('/api/v1/namespaces/shop/configmaps/none', signal), undefined);
  assert.equal(await api.patch('/api/v1/namespaces/shop/configmaps/none', {}, { signal }), undefined);
});

test('a patch is merged, and a dry run stores nothing', async () => {
  const api = open(at(plain!.url));
  await api.patch(path, { data: { host: 'west' } }, { dryRun: true, signal });
  assert.deepEqual(plain!.objects.get(path)!.data, { host: 'east' });
  await api.patch(path, { data: { host: 'west' } }, { signal });
  assert.deepEqual(plain!.objects.get(path)!.data, { host: 'west' });
  assert.deepEqual(
    plain!.requests.map(({ method, url, type, body }) => ({ method, url, type, body })),
    [`${path}?dryRun=All`, path].map((url) => ({
      ...{ method: 'PATCH', url, type: 'application/merge-patch+json', body: { data: { host: 'west' } } },
    })),
  );
});

test('a certificate that is not of the authority gets no token', async () => {
  const other = certificate('cluster.test');
  const file = join(folder!, 'other.pem');
  writeFileSync(file, other.cert);
  const strangers = { certificateAuthority: { from: 'file', path: file } };
  for (const cluster of [at(secure!.url), at(secure!.url, strangers)])
    await assert.rejects(open(cluster).get(path, signal), { name: 'ServerUnsuitable', hint: /certificateAuthority/ });
  assert.deepEqual(secure!.requests, []);
});

test('a certificate of another name gets no token', async () => {
  const server = secure!.url.replace('127.0.0.1', 'localhost');
  await assert.rejects(open(at(server, authority())).get(path, signal), {
    ...{ name: 'ServerUnsuitable', message: /ERR_TLS_CERT_ALTNAME_INVALID/ },
  });
});

test('an authority that cannot be read, or is none, is named', async () => {
  writeFileSync(join(folder!, 'no.pem'), 'hello');
  for (const name of ['no.pem', 'missing.pem']) {
    const cluster = at(secure!.url, { certificateAuthority: { from: 'file', path: join(folder!, name) } });
    await assert.rejects(open(cluster).get(path, signal), { name: 'InputInvalid', message: /certificate in PEM/ });
  }
});

test('a token in a file is read for each request, and not from one that everybody may read', async () => {
  const file = join(folder!, 'token');
  writeFileSync(file, 'old-token\n', { mode: 0o600 });
  const cluster: Kubernetes = { server: plain!.url, token: { from: 'file', path: file } };
  const api = kubernetesApi(cluster, {});
  await assert.rejects(api.get(path, signal), { name: 'AuthenticationFailed', hint: /renew it/ });
  writeFileSync(file, `${token}\n`);
  assert.ok(await api.get(path, signal));
  chmodSync(file, 0o644);
  await assert.rejects(api.get(path, signal), { name: 'InputInvalid' });
});

const answers: [number, string, string, RegExp][] = [
  [400, 'BadRequest', 'ServerUnsuitable', /see what it says/],
  [401, 'Unauthorized', 'AuthenticationFailed', /access entry/],
  [403, 'Forbidden', 'AuthenticationFailed', /let a Role/],
  [409, 'Conflict', 'TrafficNotMoved', /try again/],
  [422, 'Invalid', 'ServerUnsuitable', /see what it says/],
  [429, 'TooManyRequests', 'TrafficNotMoved', /try again/],
  [500, 'InternalError', 'TrafficNotMoved', /webhooks/],
  [503, 'ServiceUnavailable', 'TrafficNotMoved', /try again/],
  [504, 'Timeout', 'TrafficNotMoved', /try again/],
];
for (const [status, reason, name, hint] of answers) {
  test(`${status} ${reason} is ${name}, in its own words and without the token`, async () => {
    plain!.faults.push({ status, body: statusOf({ status, reason, message: `why it is ${reason}` }) });
    await assert.rejects(open(at(plain!.url)).get(path, signal), (error: Error & { hint: string }) => {
      assert.equal(error.name, name);
      assert.match(error.message, new RegExp(`HTTP status ${status}: ${reason}: why it is ${reason}`));
      assert.match(error.hint, hint);
      assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), new RegExp(token));
      return true;
    });
  });
}

for (const [what, status, body] of [
  ['a page of a proxy', 200, '<html>secret of somebody</html>'],
  ['a page for 404', 404, '<html>secret of somebody</html>'],
  ['a redirect', 302, ''],
] as const) {
  test(`${what} is no answer of Kubernetes, and is not repeated`, async () => {
    plain!.faults.push({ status, body, type: 'text/html' });
    await assert.rejects(open(at(plain!.url)).get(path, signal), (error: Error & { hint: string }) => {
      assert.equal(error.name, 'ServerUnsuitable');
      assert.match(error.hint, /no API of Kubernetes/);
      assert.doesNotMatch(error.message, /somebody/);
      return true;
    });
    assert.equal(plain!.requests.length, 1);
  });
}

test('an API that does not answer, or answers without an end, may pass', async () => {
  await assert.rejects(open(at('http://127.0.0.1:9')).get(path, signal), {
    ...{ name: 'TrafficNotMoved', message: /ECONNREFUSED/, hint: /reached from here/ },
  });
  plain!.faults.push({ status: 200, body: `"${'x'.repeat(5 * 1024 * 1024)}"` });
  await assert.rejects(open(at(plain!.url)).get(path, signal), { name: 'TrafficNotMoved', message: /EMSGSIZE/ });
});

test('a signal ends it', async () => {
  const stopped = AbortSignal.abort();
  await assert.rejects(open(at(plain!.url)).get(path, stopped), { name: 'TrafficNotMoved' });
});

const cluster: Kubernetes = { eks: 'shop', region: 'eu-west-1' };

test('of EKS address and authority are asked once, and each token is one that EKS takes for this cluster alone', async () => {
  const holders: string[] = [];
  secure!.takes = (given) => {
    holders.push(eks.holderOf(given, 'shop', 'eu-west-1'));
    assert.throws(() => eks.holderOf(given, 'another', 'eu-west-1'), /signature/);
    return true;
  };
  // STS of somebody else would not be asked by EKS
  const api = open(cluster, { ...eks.environment, AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:9' });
  await api.get(path, signal);
  await api.get(path, signal);
  assert.deepEqual(holders, Array(2).fill('arn:aws:iam::111122223333:role/lifeboat'));
  assert.deepEqual(
    eks.calls.map(({ operation, region }) => `${region} ${operation}`),
    ['eu-west-1 DescribeCluster'],
  );
  assert.equal(api.place, 'eks shop in eu-west-1');
});

test('a cluster of EKS that is being made has no address yet', async () => {
  eks.clusters.set('eu-west-1 shop', { status: 'CREATING' });
  await assert.rejects(open(cluster, eks.environment).get(path, signal), {
    ...{ name: 'ServerUnsuitable', message: /has no address: it is CREATING/ },
  });
});

const refusals: [number, string, string][] = [
  [404, 'ResourceNotFoundException', 'ServerUnsuitable'],
  [400, 'ClientException', 'ServerUnsuitable'],
  [400, 'InvalidParameterException', 'ServerUnsuitable'],
  [403, 'AccessDeniedException', 'AuthenticationFailed'],
  [403, 'ExpiredTokenException', 'AuthenticationFailed'],
  [429, 'ThrottlingException', 'TrafficNotMoved'],
  [500, 'ServerException', 'TrafficNotMoved'],
  [503, 'ServiceUnavailableException', 'TrafficNotMoved'],
];
for (const [status, code, name] of refusals) {
  test(`EKS that answers ${code} is ${name}`, async () => {
    eks.faults.push({ operation: 'DescribeCluster', status, code, message: `as ${code} says` });
    await assert.rejects(open(cluster, eks.environment).get(path, signal), (error: Error & { hint?: string }) => {
      assert.equal(error.name, name);
      assert.match(error.message, new RegExp(`EKS in eu-west-1.*as ${code} says`));
      assert.ok(error.hint);
      return true;
    });
  });
}

test('without credentials there is no token', async () => {
  const nobody = { ...eks.environment, AWS_ACCESS_KEY_ID: 'AKIAOTHER' };
  await assert.rejects(open(cluster, nobody).get(path, signal), { name: 'AuthenticationFailed' });
});
