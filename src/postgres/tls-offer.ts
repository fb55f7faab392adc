import type { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** int32 length, int32 80877103; https://www.postgresql.org/docs/current/protocol-message-formats.html (SSLRequest) */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * Does the server offer TLS, and can it be spoken? libpq's `sslmode=prefer` finds out in passing; `pg` has no second
 * try. The handshake is finished and the end awaited, since a server logs one that is broken off.
 * @throws the network's error when nothing answers.
 */
export async function offersTls(host: string, port: number, timeoutMs: number): Promise<boolean> {
  const socket = connect({ host, port });
  const late = () => socket.destroy(Object.assign(new Error('timeout expired'), { code: 'ETIMEDOUT' }));
  const timer = setTimeout(late, timeoutMs);
  try {
    await happens(socket, 'connect');
    socket.write(sslRequest);
    const answer = await happens<Buffer>(socket, 'data');
    if (answer?.toString('latin1') !== 'S') return false;
    return await handshakes(socket, host);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** What the event brings; undefined when the connection closes before it. */
function happens<Value>(emitter: EventEmitter, event: string): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    emitter.once(event, resolve);
    emitter.once('error', reject);
    emitter.once('close', () => resolve(undefined));
  });
}

/** A server whose TLS does not work is tried without it, as libpq does. */
async function handshakes(socket: Socket, host: string): Promise<boolean> {
  const secure = connectTls({ socket, host, rejectUnauthorized: false });
  const spoken = await happens(secure, 'secureConnect').then(
    () => secure.getProtocol() !== null,
    () => false,
  );
  if (spoken) {
    const closed = happens(secure, 'close').catch(() => undefined); // however it ends, TLS was spoken
    secure.resume().end();
    await closed;
  }
  secure.destroy();
  return spoken;
}
