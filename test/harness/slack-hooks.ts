import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate } from '../runtime/certificate.ts';

export interface SlackHooks {
  /** of a process that reaches Slack here: by a proxy, as behind a company's firewall, with a certificate of ours */
  environment: Record<string, string>;
  /** to whom the proxy was asked to lead, in order */
  asked: string[];
  /** what hooks.slack.com got */
  received: { url: string; body: Record<string, unknown> }[];
  close(): Promise<void>;
}

/** hooks.slack.com by TLS, and the only way to it: a proxy that leads nowhere else. */
export async function startSlackHooks(): Promise<SlackHooks> {
  const { cert, key } = certificate('hooks.slack.com');
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-slack-'));
  const authority = join(folder, 'slack.pem');
  writeFileSync(authority, cert);
  // the account of the server, which daemons of tests run as, has to find it
  chmodSync(folder, 0o755);
  const received: SlackHooks['received'] = [];
  const asked: string[] = [];
  const slack = createTlsServer({ cert, key }, async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    received.push({ url: request.url!, body: JSON.parse(body) });
    response.end('ok');
  });
  const proxy = createServer((_, response) => void response.writeHead(400).end());
  proxy.on('connect', (request, socket) => {
    asked.push(request.url!);
    socket.on('error', () => socket.destroy());
    if (request.url !== 'hooks.slack.com:443') return void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const there = connect(portOf(slack), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    there.on('error', () => socket.destroy());
  });
  for (const server of [slack, proxy]) await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    environment: {
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}`,
      NODE_EXTRA_CA_CERTS: authority,
    },
    ...{ asked, received },
    close: async () => {
      for (const server of [slack, proxy]) {
        server.closeAllConnections();
        server.close();
      }
      rmSync(folder, { recursive: true });
    },
  };
}

const portOf = (server: Pick<Server, 'address'>): number => (server.address() as AddressInfo).port;
