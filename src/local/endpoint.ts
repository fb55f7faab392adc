import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { localRegion } from '#model/arn';
import { replaceFile } from './durable-file.ts';
import { invokedFunction, invokeOverHttp, type LambdaAnswer } from './endpoint-lambda.ts';
import { checkHost, parseJson, readBody } from './endpoint-request.ts';
import { answerSlack, isForSlack } from './endpoint-slack.ts';
import { type StatesWorld, statesOperations } from './endpoint-states.ts';
import type { FunctionHost } from './function-host.ts';
import type { LocalLog } from './local-log.ts';
import { Refusal } from './refusal.ts';
import type { StateDirectory } from './state-directory.ts';
import { type Credentials, verifySignature } from './verify-signature.ts';

export interface EndpointOptions extends StatesWorld {
  state: Pick<StateDirectory, 'endpoint' | 'awsCredentials'>;
  functions: FunctionHost;
  /** 0: one that is free */
  port: number;
  pid: number;
  log: LocalLog;
}

export interface Endpoint {
  url: string;
  region: string;
  credentials: Credentials;
  /** Requests that are under way have two seconds. */
  close(): Promise<void>;
}

/**
 * Step Functions and Lambda Invoke as AWS speaks them, on loopback, for the SDKs and the aws command. Who may read
 * endpoint.json may do everything, and nobody else anything: each request is signed with its credentials, which are
 * others after each start. Only POST /slack is signed by Slack instead, and leads to one function.
 */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { state, now } = options;
  const credentials = { accessKeyId: newAccessKeyId(), secretAccessKey: randomBytes(30).toString('base64') };
  const server = createServer({ requestTimeout: 60_000, headersTimeout: 20_000, maxHeaderSize: 32_768 });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const operations = statesOperations(options);
  server.on('request', (request, response) => {
    void respond(response, options.log, () => answer(request, { ...options, credentials, port, operations }));
  });
  const url = `http://127.0.0.1:${port}`;
  const record = { url, pid: options.pid, startedAt: now().toISOString(), ...credentials, region: localRegion };
  await replaceFile(state.awsCredentials, awsCredentials(credentials));
  await replaceFile(state.endpoint, `${JSON.stringify(record, null, 2)}\n`);
  return { url, region: localRegion, credentials, close: () => close(server, state.endpoint) };
}

/** A function that is invoked may take much longer; whoever asked will ask the next process. */
const closeMs = 2000;

/** For AWS_SHARED_CREDENTIALS_FILE. */
const awsCredentials = ({ accessKeyId, secretAccessKey }: Credentials): string =>
  `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\nregion = ${localRegion}\n`;

/** 20 capital letters and digits, as they look in AWS. */
const newAccessKeyId = (): string =>
  `AKIA${[...randomBytes(16)].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('')}`;

async function close(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const patience = setTimeout(() => server.closeAllConnections(), closeMs);
  await closed;
  clearTimeout(patience);
}

interface Surroundings extends EndpointOptions {
  credentials: Credentials;
  port: number;
  operations: ReturnType<typeof statesOperations>;
}

async function answer(request: IncomingMessage, around: Surroundings): Promise<LambdaAnswer> {
  const { method = '', url = '/', headers } = request;
  if (isForSlack(url)) return answerSlack(around.functions, request, around.log);
  checkHost(headers.host, around.port);
  const body = await readBody(request);
  verifySignature({ method, url, headers, body }, around.credentials, around.now());
  const name = invokedFunction(url);
  if (name !== undefined && method === 'POST') {
    const type = String(headers['x-amz-invocation-type'] ?? 'RequestResponse');
    return invokeOverHttp(around.functions, { name, type, body });
  }
  const [, operation = ''] = /^AWSStepFunctions\.(\w+)$/.exec(String(headers['x-amz-target'])) ?? [];
  const known = around.operations;
  if (url !== '/' || method !== 'POST' || !Object.hasOwn(known, operation)) {
    const what = operation ? `the operation ${operation}` : `${method} ${url.slice(0, 100)}`;
    throw new Refusal(
      'UnknownOperationException',
      `${what} is not served here: there are ${Object.keys(known).join(', ')}`,
    );
  }
  const answered = await known[operation]!(parseJson(body));
  return { status: 200, headers: {}, body: JSON.stringify(answered) };
}

async function respond(response: ServerResponse, log: LocalLog, act: () => Promise<LambdaAnswer>): Promise<void> {
  const requestId = randomUUID();
  const { status, headers, body } = await act().catch((error: unknown) => refused(error, log));
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'x-amzn-requestid': requestId,
    ...headers,
    // what was not read of a request that is too long must not be taken for the next one
    ...(status === 413 && { connection: 'close' }),
  });
  response.end(body);
}

/** In both of AWS' forms at once: the type in the body, and in a header. */
function refused(error: unknown, log: LocalLog): LambdaAnswer {
  if (error instanceof Refusal) {
    const { type, message, status = 400 } = error;
    const body = JSON.stringify({ __type: `com.amazonaws.states#${type}`, message, Message: message });
    return { status, headers: { 'x-amzn-errortype': type }, body };
  }
  log.error(`a request failed: ${error instanceof Error ? error.stack : error}`);
  const body = JSON.stringify({ __type: 'com.amazonaws.states#InternalFailure', message: 'see the log of lifeboat' });
  return { status: 500, headers: { 'x-amzn-errortype': 'InternalFailure' }, body };
}
