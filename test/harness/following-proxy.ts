import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const proxies = new Set<FollowingProxy>();
const lookEveryMs = 10;

/**
 * A name that moves, for clients that know no DNS: a port that leads to what a file says, `host:port` or the path of a socket. A new
 * connection goes to where the file says by now; those that lead elsewhere are cut when it changes. Where there is no
 * file, or nobody answers at the place that it names, connections end at once.
 */
export class FollowingProxy {
  readonly #file: string;
  readonly #server: Server;
  /** what clients hold, and where each leads to */
  readonly #pairs = new Map<Socket, { to: string; upstream: Socket }>();
  readonly #looking: NodeJS.Timeout;
  #cut = 0;

  static async start(file: string): Promise<FollowingProxy> {
    const proxy = new FollowingProxy(file);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    proxies.add(proxy);
    return proxy;
  }

  private constructor(file: string) {
    this.#file = file;
    this.#server = createServer((client) => this.#forward(client));
    this.#looking = setInterval(() => this.#cutOthers(), lookEveryMs).unref();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As a plan's `connection` has it. */
  get connection() {
    const sslmode = 'disable' as const;
    return { host: '127.0.0.1', port: this.port, user: 'postgres', database: 'postgres', sslmode };
  }

  /** How many connections were cut because the file changed. */
  get cutConnections(): number {
    return this.#cut;
  }

  /** Nobody is led anywhere any more. */
  async close(): Promise<void> {
    if (!proxies.delete(this)) return;
    clearInterval(this.#looking);
    const closed = once(this.#server.close(), 'close');
    for (const client of this.#pairs.keys()) client.destroy();
    await closed;
  }

  #forward(client: Socket): void {
    const to = destinationIn(this.#file);
    if (to === undefined) {
      client.destroy();
      return;
    }
    const upstream = connectTo(to);
    this.#pairs.set(client, { to, upstream });
    client.on('error', () => undefined).on('close', () => upstream.destroy());
    upstream.on('error', () => undefined).on('close', () => client.destroy());
    client.on('close', () => this.#pairs.delete(client));
    client.pipe(upstream).pipe(client);
  }

  #cutOthers(): void {
    const now = destinationIn(this.#file);
    for (const [client, { to, upstream }] of this.#pairs) {
      if (to === now || client.destroyed) continue;
      this.#cut++;
      client.destroy();
      upstream.destroy();
    }
  }
}

/** undefined: nowhere. */
function destinationIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

function connectTo(to: string): Socket {
  if (to.startsWith('/')) return connect(to);
  const at = to.lastIndexOf(':');
  return connect({ host: to.slice(0, at), port: Number(to.slice(at + 1)), noDelay: true });
}
