import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** Lambda takes 6 MB, and nothing takes more. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const bodyLimitBytes = 6 * 1024 * 1024;

/** @throws Refusal when it is longer than it may be, or than anything may */
export async function readBody(request: IncomingMessage, limitBytes = bodyLimitBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > limitBytes) {
      throw new Refusal('RequestEntityTooLargeException', `Request must be smaller than ${limitBytes} bytes`, 413);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * A page in a browser can reach loopback under a name of its own that leads there; it cannot say that it asked for
 * loopback. @throws Refusal
 */
export function checkHost(host: string | undefined, port: number): void {
  if (host !== undefined && [`127.0.0.1:${port}`, `localhost:${port}`].includes(host)) return;
  throw new Refusal('AccessDeniedException', `Host: ${host ?? 'none'} is not who answers here`, 403);
}

/** @throws Refusal SerializationException */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new Refusal('SerializationException', `the body is no JSON: ${(error as Error).message}`);
  }
}
