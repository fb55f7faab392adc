import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StrictBucket } from './strict-s3-bucket.ts';
import { type Fault, FaultPlan } from './strict-s3-faults.ts';
import { carryOut, type S3Answer } from './strict-s3-operations.ts';
import { readPayload } from './strict-s3-payload.ts';
import { element, S3Refusal, xml } from './strict-s3-refusal.ts';
import { readRequest, type S3Request } from './strict-s3-request.ts';
import { checkSignature, type S3Credentials } from './strict-s3-signature.ts';

export interface StrictS3 {
  endpoint: string;
  credentials: S3Credentials;
  /** what `openStore` takes to reach this server */
  environment: Record<string, string>;
  faults: FaultPlan;
  /** every request that arrived, also those that a fault hit: `PUT key?partNumber&uploadId` */
  requests: string[];
  bucket: StrictBucket;
  close(): Promise<void>;
}

export interface StrictS3Options {
  bucket?: string;
  /** what the bucket's policy says of a request: the Sids of the statements that deny it */
  deniedBy?(request: S3Request): string[];
}

/**
 * An S3 server on loopback that refuses what S3 refuses and, where told, fails as networks fail. It keeps everything
 * in memory. Path-style addresses and the operations that Lifeboat uses; anything else is answered with 501.
 */
export async function startStrictS3(options: StrictS3Options = {}): Promise<StrictS3> {
  const credentials = { accessKeyId: 'STRICTS3ACCESSKEY', secretAccessKey: 'strict/secret+key' };
  const bucketName = options.bucket ?? 'strict-bucket';
  const bucket = new StrictBucket();
  const server = new StrictServer(credentials, new Map([[bucketName, bucket]]), options.deniedBy);
  const http = createServer((message, response) => {
    server.serve(message, response).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    endpoint,
    credentials,
    environment: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: 'eu-central-1',
    },
    faults: server.faults,
    requests: server.requests,
    bucket,
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
}

class StrictServer {
  readonly faults = new FaultPlan();
  readonly requests: string[] = [];
  readonly #credentials: S3Credentials;
  readonly #buckets: Map<string, StrictBucket>;
  readonly #deniedBy: StrictS3Options['deniedBy'];

  constructor(credentials: S3Credentials, buckets: Map<string, StrictBucket>, deniedBy: StrictS3Options['deniedBy']) {
    this.#credentials = credentials;
    this.#buckets = buckets;
    this.#deniedBy = deniedBy;
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    const names = [...request.query.keys()].filter((name) => name !== 'x-id');
    this.requests.push(`${request.method} ${request.key}${names.length > 0 ? `?${names.join('&')}` : ''}`);
    const fault = this.faults.next(request);
    if (fault?.kind === 'reset' && fault.when === 'before') return void message.socket.destroy();
    const answer = this.#answer(request, fault);
    if (fault?.kind === 'reset') return void message.socket.destroy();
    if (fault?.kind === 'stall') return;
    await send(request, response, answer, fault);
  }

  #answer(request: S3Request, fault: Fault | undefined): S3Answer {
    try {
      if (fault?.kind === 'error' && !fault.after) throw new S3Refusal(fault.status, fault.code);
      checkSignature(request, this.#credentials, new Date());
      const denied = this.#deniedBy?.(request) ?? [];
      if (denied.length > 0) throw new S3Refusal(403, 'AccessDenied', `denied by ${denied} in a resource-based policy`);
      const payload = readPayload(request);
      if (fault?.kind === 'lie') return lie(request);
      if (fault?.kind === 'cut') payload.bytes = payload.bytes.subarray(0, fault.bytes);
      if (request.method === 'PUT' && request.key === '' && !this.#buckets.has(request.bucket)) {
        this.#buckets.set(request.bucket, new StrictBucket());
        return { status: 200, headers: {}, body: Buffer.alloc(0) };
      }
      const answer = carryOut(this.#buckets, request, payload, fault?.kind === 'old');
      if (fault?.kind === 'error') throw new S3Refusal(fault.status, fault.code);
      return answer;
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      return { status: error.status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(error.toXml()) };
    }
  }
}

function lie(request: S3Request): S3Answer {
  const body = request.method === 'POST' ? xml('CompleteMultipartUploadResult', element('ETag', '"lie"')) : '';
  return { status: 200, headers: { etag: '"lie"' }, body: Buffer.from(body) };
}

async function send(
  request: S3Request,
  response: ServerResponse,
  answer: S3Answer,
  fault: Fault | undefined,
): Promise<void> {
  const hasBody = answer.status !== 204 && !(request.method === 'HEAD' && answer.status >= 400);
  const length = hasBody ? { 'content-length': String(answer.body.length) } : {};
  response.writeHead(answer.status, { 'x-amz-request-id': 'strict', ...length, ...answer.headers });
  if (request.method === 'HEAD' || !hasBody) return void response.end();
  const body = fault?.kind === 'corrupt' ? corrupted(answer.body, fault.at) : answer.body;
  if (fault?.kind === 'truncate') return void response.write(body.subarray(0, fault.bytes), () => response.destroy());
  if (fault?.kind === 'hang') return void response.write(body.subarray(0, fault.bytes));
  if (fault?.kind !== 'slow') return void response.end(body);
  for (let start = 0; start < body.length; start += fault.chunkBytes) {
    response.write(body.subarray(start, start + fault.chunkBytes));
    await sleep(fault.pauseMs);
  }
  response.end();
}

function corrupted(body: Buffer, at: number): Buffer {
  const changed = Buffer.from(body);
  changed[at] = changed[at]! ^ 1;
  return changed;
}
