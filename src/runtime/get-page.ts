import { request as askInClear } from 'node:http';
import { request as askByTls } from 'node:https';

export type Page =
  | { answered: true; status: number; body: string }
  /** in words, without the URL, which may have a secret in it */
  | { answered: false; why: string };

const largestBytes = 1 << 20;

/**
 * One GET on a connection of its own, so that it goes to where the name leads by now. Redirects are not followed: where they lead
 * nobody named. An answer that is longer than 1 MiB is none.
 */
export async function getPage(
  url: string | URL,
  { signal, timeoutMs = 5_000 }: { signal: AbortSignal; timeoutMs?: number },
): Promise<Page> {
  signal.throwIfAborted();
  const patience = AbortSignal.timeout(timeoutMs);
  try {
    return await get(new URL(url), AbortSignal.any([signal, patience]));
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) return { answered: false, why: `no answer within ${timeoutMs} ms` };
    return { answered: false, why: networkProblem(error) };
  }
}

function get(url: URL, signal: AbortSignal): Promise<Page> {
  const { promise, resolve, reject } = Promise.withResolvers<Page>();
  const request = url.protocol === 'https:' ? askByTls : askInClear;
  const headers = { 'user-agent': 'lifeboat', accept: '*/*', connection: 'close' };
  const asked = request(url, { agent: false, headers, signal }, (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('error', reject);
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > largestBytes) {
        resolve({ answered: false, why: 'its answer is longer than 1 MiB' });
        asked.destroy();
      } else chunks.push(chunk);
    });
    response.on('end', () => {
      resolve({ answered: true, status: response.statusCode!, body: Buffer.concat(chunks).toString('utf8') });
    });
    // of one that ended in the middle, after which nothing changes any more
    response.on('close', () => reject(new Error('the connection ended in the middle of the answer')));
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}

function networkProblem(error: unknown): string {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const said = problems[code];
  if (said !== undefined) return said;
  if (/CERT|SIGNED|ISSUER|ALTNAME|^ERR_SSL/.test(code)) return `its certificate or TLS is not accepted: ${code}`;
  if (code.startsWith('HPE_')) return 'it does not speak HTTP';
  return code === '' && message.startsWith('the connection ended') ? message : `the request failed: ${code || 'error'}`;
}

const problems: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer in time',
};
