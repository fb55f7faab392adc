import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { type HealthCheck, healthCheck } from '#model/failover-health';
import { checkHealth, type HealthWorld } from '#runtime/check-health';
import { httpServer } from './http-server.ts';

/** Only what checks by HTTP look at. */
const world = (site = 'west', signal = AbortSignal.timeout(30_000)) =>
  ({ site, signal, environment: {} }) as unknown as HealthWorld;

const check = (input: object): HealthCheck => healthCheck.parse({ name: 'c', ...input });
const ask = async (input: object, site?: string) => {
  const { name, ...finding } = await checkHealth(check(input), world(site));
  assert.equal(name, 'c');
  assert.doesNotMatch(JSON.stringify(finding), /secret/);
  return finding;
};

const http: [what: string, answer: (response: ServerResponse) => void, input: object, ok: boolean, found: string][] = [
  ['the status', (response) => response.end('x'), {}, true, 'status 200'],
  ['another status', (r) => r.writeHead(500).end('secret'), {}, false, 'status 500, expected 200'],
  ['the status that is wanted', (r) => r.writeHead(401).end(), { status: 401 }, true, 'status 401'],
  ['a body', (r) => r.end('{"db":"ok"}'), { match: '"db":"ok"' }, true, 'status 200, its body matches'],
  ['another body', (r) => r.end('secret'), { match: '^ok$' }, false, 'status 200, but its body does not match ^ok$'],
  ['a redirect', (r) => r.writeHead(302, { location: 'http://secret' }).end(), {}, false, 'status 302, expected 200'],
  ['a body of 1 MiB', (r) => r.end('x'.repeat(1 << 20)), { match: 'x$' }, true, 'status 200, its body matches'],
  ['a longer body', (r) => r.end('x'.repeat((1 << 20) + 1)), {}, false, 'its answer is longer than 1 MiB'],
  ['a body that breaks off', breakOff, {}, false, 'it closed the connection'],
];
for (const [what, answer, input, ok, found] of http) {
  test(`http: ${what}`, async () => {
    const { url, received } = await httpServer((_, response) => answer(response));
    assert.deepEqual(await ask({ kind: 'http', url: `${url}/health?key=secret`, ...input }), { ok, found });
    assert.deepEqual(
      received.map(({ method, url: path }) => `${method} ${path}`),
      ['GET /health?key=secret'],
    );
  });
}

function breakOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '10' });
  response.write('12345', () => response.destroy());
}

test('http: each time on a connection of its own', async () => {
  const ports = new Set<number>();
  const { url, server } = await httpServer((_, response) => response.end());
  server.on('connection', ({ remotePort }) => ports.add(remotePort!));
  for (let round = 0; round < 3; round++) assert.equal((await ask({ kind: 'http', url })).ok, true);
  assert.equal(ports.size, 3);
});

test('http: the URL of the site that has the primary by now', async () => {
  const [east, west] = await Promise.all([httpServer((_, r) => r.end()), httpServer((_, r) => r.end())]);
  await ask({ kind: 'http', url: { east: east.url, west: west.url } }, 'west');
  assert.deepEqual([east.received.length, west.received.length], [0, 1]);
});

test('http: nobody listens', async () => {
  const { url, server } = await httpServer(() => undefined);
  server.close();
  assert.deepEqual(await ask({ kind: 'http', url }), { ok: false, found: 'nothing listens there' });
});

test('http: somebody who never answers, and somebody who never ends', async () => {
  const silent = await httpServer(() => undefined);
  const endless = await httpServer((_, response) => response.write('x'));
  const found = await Promise.all([silent, endless].map(({ url }) => ask({ kind: 'http', url })));
  assert.deepEqual(found, [
    { ok: false, found: 'no answer within 5000 ms' },
    { ok: false, found: 'no answer within 5000 ms' },
  ]);
});

test('http: something else than HTTP', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-x\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  const { port } = server.address() as { port: number };
  const found = await ask({ kind: 'http', url: `http://127.0.0.1:${port}` });
  assert.deepEqual(found, { ok: false, found: 'it does not speak HTTP' });
});

const vector = (...values: string[]) => ({
  status: 'success',
  data: { resultType: 'vector', result: values.map((value) => ({ metric: { job: 'web' }, value: [1.5, value] })) },
});
const failed = { status: 'error', errorType: 'bad_data', error: 'parse error: unexpected end' };
const prometheus: [what: string, status: number, body: unknown, ok: boolean, found: string][] = [
  ['a value below', 200, vector('0.004'), true, '0.004'],
  ['the first of several values', 200, vector('0.001', '5'), true, '0.001'],
  ['a value that is too high', 200, vector('0.01'), false, 'found 0.01, expected less than 0.01'],
  ['minus infinity', 200, vector('-Inf'), true, '-Infinity'],
  ['infinity', 200, vector('+Inf'), false, 'found Infinity, expected less than 0.01'],
  ['a scalar', 200, { status: 'success', data: { resultType: 'scalar', result: [1, '0'] } }, true, '0'],
  ['NaN', 200, vector('NaN'), false, 'the query answers NaN'],
  ['no value', 200, vector(), false, 'the query answers no value: nothing is measured'],
  ['many values', 200, { status: 'success', data: { resultType: 'matrix' } }, false, 'the query answers a matrix'],
  ['an error', 400, failed, false, 'status 400: Prometheus answers bad_data: parse error: unexpected end'],
  ['another page', 200, 'secret', false, 'the answer is none of Prometheus'],
  ['a proxy that cannot reach it', 502, 'secret', false, 'status 502: the answer is none of Prometheus'],
];
for (const [what, status, body, ok, found] of prometheus) {
  test(`prometheus: ${what}`, async () => {
    const { url, received } = await httpServer((_, r) => r.writeHead(status).end(JSON.stringify(body)));
    const asked = { kind: 'prometheus', url: `${url}/prom/`, query: 'rate(errors[1m]) + 0', below: 0.01 };
    assert.deepEqual(await ask(asked), { ok, found });
    const { pathname, searchParams } = new URL(received[0]!.url, url);
    assert.deepEqual([pathname, searchParams.get('query')], ['/prom/api/v1/query', 'rate(errors[1m]) + 0']);
  });
}
