import type { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** int32 length, int32 80877103; https://www.postgresql.org/docs/current/protocol-message-formats.html (SSLRequest) */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * Does the server offer TLS, and can it be spoken? libpq's `sslmode=prefer` finds out in passing; `pg` has no second
 * try. The handshake is finished, since a server logs one that is broken off.
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

/** Goes on until the server has closed: what is cut off before is a broken handshake to it. */
async function handshakes(socket: Socket, host: string): Promise<boolean> {
  const secure = connectTls({ socket, host, rejectUnauthorized: false });
  try {
    await happens(secure, 'secureConnect');
    const spoken = secure.getProtocol() !== null;
    secure.resume().end();
    await happens(secure, 'close');
    return spoken;
  } catch {
    return false; // a server whose TLS does not work is tried without it, as libpq does
  } finally {
    secure.destroy();
  }
}
