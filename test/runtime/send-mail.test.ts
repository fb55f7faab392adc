import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { toEmail } from '#notify/to-email';
import { sendMail } from '#runtime/send-mail';
import { notice } from '../notify/notice-sample.ts';
import { certificate } from './certificate.ts';
import { mailServer } from './mail-server.ts';

const message = toEmail(notice(), 'id-1', { from: 'lifeboat@example.org', to: ['a@example.org', 'b@example.org'] });
const login = { user: 'lifeboat', password: 'hunter2' };
const { cert, key } = certificate();
const tls = { cert, key, disabledCommands: [] };

/** Send it, and see that no secret is in the outcome. */
async function send(port: number, as?: typeof login, { ca, ms = 5_000 }: { ca?: string; ms?: number } = {}) {
  const signal = AbortSignal.timeout(ms);
  const outcome = await sendMail({ host: '127.0.0.1', port }, as, message, { signal, ...(ca && { ca }) });
  assert.doesNotMatch(JSON.stringify(outcome), /hunter2/);
  return outcome;
}

test('a mail arrives, with its text and the command on a line of its own', async () => {
  const { port, received } = await mailServer();
  assert.deepEqual(await send(port), { taken: true });
  const [{ from, to, source, secure }] = received as [(typeof received)[0]];
  assert.deepEqual([from, to, secure], ['lifeboat@example.org', ['a@example.org', 'b@example.org'], false]);
  assert.match(source, /^Subject: \[lifeboat\] FAILURE: main: the backup failed\r$/m);
  assert.match(source, /^From: Lifeboat <lifeboat@example\.org>\r$/m);
  assert.match(source, /^Auto-Submitted: auto-generated\r$/m);
  assert.match(source.replaceAll('=\r\n', ''), /^ {4}lifeboat backup --source main\r$/m);
  assert.match(source, /^Message-ID: <[0-9a-f]{32}@lifeboat\.invalid>\r$/im);
});

test('headers cannot be added by what a notice says', async () => {
  const { port, received } = await mailServer();
  const evil = toEmail(notice({ subject: 'x\r\nBcc: evil@example.org\r\n\r\nbody', title: 'y\nX-Evil: 1' }), 'id', {
    from: 'lifeboat@example.org',
    to: ['a@example.org'],
  });
  const signal = AbortSignal.timeout(5_000);
  assert.deepEqual(await sendMail({ host: '127.0.0.1', port }, undefined, evil, { signal }), { taken: true });
  const [headers] = received[0]!.source.split('\r\n\r\n');
  assert.doesNotMatch(headers!, /^(?:Bcc|X-Evil):/im);
  assert.deepEqual(received[0]!.to, ['a@example.org']);
});

test('STARTTLS is used where it is offered, and the password goes under it', async () => {
  const { port, received } = await mailServer(tls);
  assert.deepEqual(await send(port, login, { ca: cert }), { taken: true });
  assert.deepEqual([received[0]!.secure, received[0]!.user], [true, 'lifeboat']);
  assert.deepEqual(await send(port, undefined, { ca: cert }), { taken: true });
  assert.equal(received[1]!.secure, true);
});

test('where TLS is spoken from the start, all goes under it', async () => {
  const { port, received } = await mailServer({ cert, key, secure: true });
  const signal = AbortSignal.timeout(5_000);
  const server = { host: '127.0.0.1', port };
  assert.deepEqual(await sendMail(server, login, message, { signal, ca: cert, smtps: true }), { taken: true });
  assert.deepEqual([received[0]!.secure, received[0]!.user], [true, 'lifeboat']);
  const untrusted = await sendMail(server, login, message, { signal, smtps: true });
  assert.ok(!untrusted.taken && /NODE_EXTRA_CA_CERTS/.test(untrusted.hint ?? ''), JSON.stringify(untrusted));
  assert.equal(received.length, 1);
});

test('a password is not sent in clear', async () => {
  let asked = 0;
  const { port, received } = await mailServer({
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => {
      asked += 1;
      done(null, { user: 'x' });
    },
  });
  const outcome = await send(port, login);
  assert.ok(!outcome.taken && /under TLS/.test(outcome.hint ?? ''), JSON.stringify(outcome));
  assert.deepEqual([asked, received.length], [0, 0]);
});

test('a certificate that is not trusted is a failure, and nothing is sent', async () => {
  const { port, received } = await mailServer(tls);
  const outcome = await send(port, login);
  assert.ok(!outcome.taken && /NODE_EXTRA_CA_CERTS/.test(outcome.hint ?? ''), JSON.stringify(outcome));
  assert.equal(received.length, 0);
});

test('a wrong password is told with its code and not repeated', async () => {
  const { port } = await mailServer(tls);
  const outcome = await send(port, { user: 'lifeboat', password: 'hunter2-not' }, { ca: cert });
  assert.deepEqual(outcome, {
    taken: false,
    again: false,
    reason: 'the mail server did not take it: EAUTH 535',
    hint: 'check smtp.user and smtp.password in the plan; leave both out where the server asks for none',
  });
});

test('one recipient that is refused is a note, all of them are a failure', async () => {
  const refuse = (pattern: RegExp, responseCode: number) =>
    mailServer({
      onRcptTo: ({ address }, _session, done) =>
        pattern.test(address) ? done(Object.assign(new Error('no such user'), { responseCode })) : done(),
    });
  const some = await refuse(/^b@/, 550);
  const outcome = await send(some.port);
  assert.ok(outcome.taken && /refused 1 of 2/.test(outcome.note!));
  const all = await refuse(/./, 550);
  const refused = await send(all.port);
  assert.ok(!refused.taken && !refused.again && /EENVELOPE 550/.test(refused.reason), JSON.stringify(refused));
  const grey = await refuse(/./, 451);
  const later = await send(grey.port);
  assert.ok(!later.taken && later.again, 'greylisting passes');
});

test('a server that has no room now is tried again, one that never wants it is not', async () => {
  const answering = (responseCode: number) =>
    mailServer({
      onData: (stream, _session, done) => {
        stream.resume().on('end', () => done(Object.assign(new Error('no'), { responseCode })));
      },
    });
  const [full, never] = [await send((await answering(452)).port), await send((await answering(554)).port)];
  assert.deepEqual([full.taken, !full.taken && full.again], [false, true]);
  assert.deepEqual([never.taken, !never.taken && never.again], [false, false]);
});

/** A server that does with each connection what is told. */
async function tcpServer(serve: (socket: Socket) => void): Promise<{ port: number; open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    serve(socket);
  }).listen(0, '127.0.0.1');
  after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return { port: (server.address() as AddressInfo).port, open };
}

const badServers: [what: string, serve: (socket: Socket) => void][] = [
  ['never greets', () => undefined],
  [
    'drips its greeting',
    (socket) => {
      const timer = setInterval(() => socket.write('220-x\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    },
  ],
  ['never answers', (socket) => socket.resume().write('220 hello\r\n')],
];
for (const [what, serve] of badServers) {
  test(`a server that ${what} is left when the signal says so, and its connection is closed`, async () => {
    const { port, open } = await tcpServer(serve);
    const begun = performance.now();
    assert.deepEqual(await send(port, undefined, { ms: 200 }), { taken: false, again: true, reason: 'stopped' });
    assert.ok(performance.now() - begun < 2_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(open.size, 0);
  });
}

const brokenServers: [what: string, serve: (socket: Socket) => void][] = [
  ['closes at once', (socket) => socket.destroy()],
  ['closes in the middle', (socket) => void socket.once('data', () => socket.destroy()).write('220 hello\r\n')],
  ['resets', (socket) => socket.resetAndDestroy()],
  ['talks nonsense', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['is not there', (socket) => socket.end('421 not now\r\n')],
  ['answers without end', (socket) => socket.write(`220 ${'x'.repeat(8 << 20)}`)],
];
for (const [what, serve] of brokenServers) {
  test(`a server that ${what} is a failure that may pass`, async () => {
    const { port } = await tcpServer(serve);
    const outcome = await send(port, undefined, { ms: 1_000 });
    assert.ok(!outcome.taken && outcome.again, JSON.stringify(outcome));
  });
}

test('nothing listens there', async () => {
  const outcome = await send(1);
  assert.ok(!outcome.taken && outcome.again && /ECONNREFUSED/.test(outcome.reason), JSON.stringify(outcome));
});
