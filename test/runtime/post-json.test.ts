import assert from 'node:assert/strict';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { after, test } from 'node:test';
import { parseRetryAfter, postJson } from '#runtime/post-json';
import { certificate } from './certificate.ts';
import { httpServer } from './http-server.ts';

const secret = 'T0SECRET';
const message = { headers: { 'idempotency-key': 'id-1' }, body: '{"a":"ä"}' };
const patience = (ms = 5_000) => AbortSignal.timeout(ms);

/** Send it, and see that nothing of the URL is in the outcome. */
async function post(url: string, signal = patience()) {
  const outcome = await postJson(`${url}/${secret}?key=${secret}`, message, signal);
  assert.doesNotMatch(JSON.stringify(outcome), new RegExp(`${secret}|127\\.0\\.0\\.1`));
  return outcome;
}

test('a message is posted as JSON and taken', async () => {
  const { url, received } = await httpServer((_, response) => response.end('ok'));
  assert.deepEqual(await post(url), { taken: true });
  const [{ method, headers, body, url: path }] = received as [(typeof received)[0]];
  assert.deepEqual([method, path, body], ['POST', `/${secret}?key=${secret}`, message.body]);
  assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  assert.equal(headers['idempotency-key'], 'id-1');
});

const answers: [status: number, headers: Record<string, string>, outcome: object][] = [
  [204, {}, { taken: true }],
  [429, { 'retry-after': '30' }, { taken: false, again: true, reason: 'HTTP status 429', afterMs: 30_000 }],
  [429, {}, { taken: false, again: true, reason: 'HTTP status 429' }],
  [503, { 'retry-after': 'soon' }, { taken: false, again: true, reason: 'HTTP status 503' }],
  [500, {}, { taken: false, again: true, reason: 'HTTP status 500' }],
  [418, {}, { taken: false, again: false, reason: 'HTTP status 418' }],
];
for (const [status, headers, outcome] of answers) {
  test(`status ${status} ${JSON.stringify(headers)}`, async () => {
    const { url } = await httpServer((_, response) => response.writeHead(status, headers).end());
    assert.deepEqual(await post(url), outcome);
  });
}

test('what the other side answers is not repeated', async () => {
  const { url } = await httpServer((request, response) => response.writeHead(404).end(`no such hook ${request.url}`));
  const outcome = await post(url);
  assert.ok(
    !outcome.taken && !outcome.again && outcome.reason === 'HTTP status 404' && /another webhook/.test(outcome.hint!),
  );
});

test('a redirect is not followed', async () => {
  const thief = await httpServer((_, response) => response.end());
  for (const status of [301, 302, 303, 307, 308]) {
    const { url } = await httpServer((_, response) => response.writeHead(status, { location: thief.url }).end());
    const outcome = await post(url);
    assert.ok(!outcome.taken && !outcome.again && /not followed/.test(outcome.hint!));
  }
  assert.equal(thief.received.length, 0);
});

test('a gigantic answer is not read', async () => {
  let written = 0;
  const { url } = await httpServer((_, response) => {
    const chunk = Buffer.alloc(1 << 20);
    const more = () => {
      while (written < 1 << 30 && !response.destroyed && response.write(chunk)) written += chunk.length;
    };
    response.on('drain', more);
    more();
  });
  assert.deepEqual(await post(url), { taken: true });
  assert.ok(written < 64 << 20, `${written} bytes`);
});

test('a gigantic header is a failure', async () => {
  const { url } = await httpServer((_, response) => response.writeHead(200, { x: 'a'.repeat(1 << 20) }).end());
  assert.deepEqual(await post(url), {
    taken: false,
    again: true,
    reason: 'the request failed: UND_ERR_HEADERS_OVERFLOW',
  });
});

test('a server that never answers is left when the signal says so', async () => {
  const { url } = await httpServer(() => undefined);
  const begun = performance.now();
  assert.deepEqual(await post(url, patience(200)), { taken: false, again: true, reason: 'the request failed' });
  assert.ok(performance.now() - begun < 2_000);
});

test('a server that closes in the middle, resets, or talks nonsense is a failure that may pass', async () => {
  const { url } = await httpServer((_, response) => response.socket!.destroy());
  assert.deepEqual(await post(url), { taken: false, again: true, reason: 'the request failed: UND_ERR_SOCKET' });
  const nonsense = createTcpServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(0, '127.0.0.1');
  after(() => nonsense.close());
  await new Promise((resolve) => nonsense.once('listening', resolve));
  const outcome = await post(`http://127.0.0.1:${(nonsense.address() as AddressInfo).port}`);
  assert.deepEqual(outcome, { taken: false, again: true, reason: 'the request failed: HTTPParserError' });
});

test('nothing listens there', async () => {
  const { url, server } = await httpServer(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await post(url), { taken: false, again: true, reason: 'the request failed: ECONNREFUSED' });
});

test('a port of another protocol is told as such', async () => {
  const outcome = await post('http://127.0.0.1:25');
  assert.ok(!outcome.taken && !outcome.again && /port/.test(outcome.reason));
});

test('a certificate that is not trusted is a failure with a hint, and nothing is sent', async () => {
  let requests = 0;
  const server = createTlsServer(certificate(), () => {
    requests += 1;
  }).listen(0, '127.0.0.1');
  after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const outcome = await post(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  assert.ok(
    !outcome.taken && /^the request failed: [A-Z_]*(CERT|SIGNED)/.test(outcome.reason),
    JSON.stringify(outcome),
  );
  assert.match(outcome.taken ? '' : outcome.hint!, /NODE_EXTRA_CA_CERTS/);
  assert.equal(requests, 0);
});

for (const url of [
  'hooks.example/T0SECRET',
  'ftp://hooks.example/T0SECRET',
  'https://u:T0SECRET@hooks.example/',
  'T0SECRET',
  '',
]) {
  test(`"${url.replaceAll(secret, '…')}" is no URL to post to, and is not shown`, async () => {
    const outcome = await postJson(url, message, patience());
    assert.deepEqual(outcome, {
      taken: false,
      again: false,
      reason: 'it is no URL that begins with https:// or http://',
    });
  });
}

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  assert.equal(parseRetryAfter('Fri, 20 Nov 2026 12:00:10 GMT', now), 10_000);
  assert.equal(parseRetryAfter('Fri, 20 Nov 2026 11:00:10 GMT', now), 0);
  assert.equal(parseRetryAfter('5', now), 5_000);
  assert.equal(parseRetryAfter('never', now), undefined);
  assert.equal(parseRetryAfter(null, now), undefined);
});
