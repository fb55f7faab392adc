import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { onceOver } from './bad-scene.ts';

/**
 * A socket in front of a server's. A connection on which the server has sent more than `stallBytes` gets nothing more
 * until `release`: so a copy can be caught in the middle.
 */
export class StallingProxy {
  readonly #stallBytes: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<Socket>();
  #stalled = Promise.withResolvers<void>();
  #released = false;

  static async start(folder: string, to: { host: string; port: number }, stallBytes: number): Promise<StallingProxy> {
    const proxy = new StallingProxy(to, stallBytes);
    await once(proxy.#server.listen(join(folder, '.s.PGSQL.5432')), 'listening');
    onceOver(() => proxy.close());
    return proxy;
  }

  private constructor({ host, port }: { host: string; port: number }, stallBytes: number) {
    this.#stallBytes = stallBytes;
    this.#server = createServer((client) => this.#forward(client, connect(join(host, `.s.PGSQL.${port}`))));
  }

  /** Settles when a connection is held. */
  get stalled(): Promise<void> {
    return this.#stalled.promise;
  }

  release(): void {
    this.#released = true;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }

  /** From now on connections are held again. */
  hold(): void {
    this.#released = false;
    this.#stalled = Promise.withResolvers();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(client: Socket, server: Socket): void {
    let sentBytes = 0;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        this.#held.delete(from);
        to.destroy();
      });
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      client.write(bytes);
      sentBytes += bytes.length;
      if (this.#released || sentBytes < this.#stallBytes) return;
      server.pause();
      this.#held.add(server);
      this.#stalled.resolve();
    });
  }
}
