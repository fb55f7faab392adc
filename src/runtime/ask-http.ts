import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface HttpQuestion {
  method: 'GET' | 'PATCH';
  headers: Record<string, string>;
  body?: string;
  /** the only authority to trust, PEM; undefined: those that Node knows */
  ca?: string | undefined;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/**
 * One request and its whole answer, of at most 4 MiB, within ten seconds. A redirect is an answer: it is not followed, since
 * it would carry the token to whom nobody named. Unlike fetch it takes the authority to trust.
 * @throws the system's error, or one whose code is EMSGSIZE or ETIMEDOUT
 */
export async function askHttp(url: URL, { method, headers, body, ca, signal }: HttpQuestion): Promise<HttpAnswer> {
  const late = AbortSignal.timeout(patienceMs);
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const asked = request(url, {
    ...{ method, agent: false, signal: AbortSignal.any([signal, late]), minVersion: 'TLSv1.2' },
    headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
    ...(ca !== undefined && { ca }),
  });
  try {
    return await new Promise<HttpAnswer>((resolve, reject) => {
      asked.on('error', reject);
      asked.once('response', (response) => {
        textOf(response).then(
          (text) => resolve({ status: response.statusCode!, headers: response.headers, text }),
          reject,
        );
      });
      asked.end(body);
    });
  } catch (error) {
    if (late.aborted && !signal.aborted) throw coded('ETIMEDOUT', `no answer in ${patienceMs / 1000} s`);
    throw error;
  } finally {
    asked.destroy();
  }
}

const patienceMs = 10_000;
const mostBytes = 4 * 1024 * 1024;

async function textOf(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw coded('EMSGSIZE', `an answer of more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
