import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AwsIdentity, AwsRefusal, type AwsRequest, signerOf } from './strict-aws-signature.ts';

/** An operation is answered so instead, so many times. */
export interface ServiceFault {
  operation: string;
  status: number;
  code: string;
  message?: string;
  times?: number;
}

/** What was asked, as the protocol tells it. */
export interface ServiceCall {
  operation: string;
  region: string;
  given: unknown;
  request: AwsRequest;
}

export interface ServiceAnswer {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

/** How a service speaks. */
export interface ServiceProtocol {
  /** as signatures name it */
  service: string;
  /** where its endpoint is configured: AWS_ENDPOINT_URL_ECS */
  variable: string;
  /** @throws AwsRefusal for what is none of its operations */
  read(request: AwsRequest): { operation: string; given: unknown };
  print(operation: string, result: unknown): ServiceAnswer;
  printRefusal(refusal: AwsRefusal, operation: string): ServiceAnswer;
}

export interface StrictService {
  endpoint: string;
  environment: Record<string, string>;
  faults: ServiceFault[];
  /** what was asked and not refused for its signature, in order */
  calls: { operation: string; region: string; given: unknown }[];
  /** the operations in `calls`, and then forgets them */
  takeCalls(): [operation: string, given: unknown][];
  close(): Promise<void>;
}

const identity: AwsIdentity = {
  ...{ accessKeyId: 'AKIASTRICTMOVES', secretAccessKey: 'strict-moves-secret' },
  arn: 'arn:aws:iam::111122223333:role/lifeboat',
};

/** One service of AWS on loopback, in all regions: a signature that does not fit is refused, as is what it does not know. */
export async function startStrictService(
  protocol: ServiceProtocol,
  answer: (call: ServiceCall) => unknown,
): Promise<StrictService> {
  const http = createServer((message, response) => {
    serve(message, response, protocol, answer, service).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const service: StrictService = {
    ...{ endpoint, faults: [], calls: [] },
    environment: {
      [protocol.variable]: endpoint,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: identity.accessKeyId,
      AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
    },
    takeCalls: () => service.calls.splice(0).map(({ operation, given }) => [operation, given]),
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
  return service;
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  protocol: ServiceProtocol,
  answer: (call: ServiceCall) => unknown,
  service: StrictService,
): Promise<void> {
  const { method = '', url = '/', headers } = message;
  const request: AwsRequest = { method, url, headers, body: Buffer.concat(await message.toArray()) };
  const { status, headers: told, body } = answerTo(request, protocol, answer, service);
  response.writeHead(status, { 'x-amzn-requestid': 'strict', ...told }).end(body);
}

function answerTo(
  request: AwsRequest,
  protocol: ServiceProtocol,
  answer: (call: ServiceCall) => unknown,
  { calls, faults }: StrictService,
): ServiceAnswer {
  let operation = 'Unknown';
  try {
    const signer = signerOf(request, [identity], new Date());
    if (signer.service !== protocol.service)
      throw new AwsRefusal(403, 'SignatureDoesNotMatch', `signed for ${signer.service}`);
    const read = protocol.read(request);
    operation = read.operation;
    const call = { ...read, region: signer.region };
    calls.push(call);
    const fault = takeFault(faults, operation);
    if (fault) throw new AwsRefusal(fault.status, fault.code, fault.message);
    return protocol.print(operation, answer({ ...call, request }));
  } catch (error) {
    if (error instanceof AwsRefusal) return protocol.printRefusal(error, operation);
    throw error;
  }
}

function takeFault(faults: ServiceFault[], operation: string): ServiceFault | undefined {
  const at = faults.findIndex((fault) => fault.operation === operation);
  const fault = faults[at];
  if (!fault) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times === 0) faults.splice(at, 1);
  return fault;
}

/** https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html */
export const jsonProtocol = (service: string, variable: string, target: string): ServiceProtocol => ({
  service,
  variable,
  read: ({ method, headers, body }) => {
    const [prefix, operation] = String(headers['x-amz-target']).split('.');
    if (method !== 'POST' || prefix !== target || !operation)
      throw new AwsRefusal(400, 'UnknownOperationException', String(headers['x-amz-target']));
    if (headers['content-type'] !== 'application/x-amz-json-1.1')
      throw new AwsRefusal(404, 'UnknownOperationException');
    return { operation, given: JSON.parse(String(body)) };
  },
  print: (_, result) => ({ status: 200, headers: json, body: JSON.stringify(result) }),
  printRefusal: ({ status, code, message }) => ({
    ...{ status, headers: json },
    body: JSON.stringify({ __type: code, message }),
  }),
});
const json = { 'content-type': 'application/x-amz-json-1.1' };

/** https://smithy.io/2.0/aws/protocols/aws-query-protocol.html */
export const queryProtocol = (service: string, variable: string, version: string): ServiceProtocol => {
  const xmlns = `xmlns="http://${service}.amazonaws.com/doc/${version}/"`;
  return {
    service,
    variable,
    read: ({ method, body }) => {
      const { Action: operation, Version, ...given } = Object.fromEntries(new URLSearchParams(String(body)));
      if (method !== 'POST' || !operation || Version !== version)
        throw new AwsRefusal(400, 'InvalidAction', `Could not find operation ${operation} for version ${Version}`);
      return { operation, given };
    },
    print: (operation, result) => ({
      ...{ status: 200, headers: xml },
      body: `<${operation}Response ${xmlns}><${operation}Result>${result}</${operation}Result><ResponseMetadata><RequestId>strict</RequestId></ResponseMetadata></${operation}Response>`,
    }),
    printRefusal: ({ status, code, message }) => ({
      ...{ status, headers: xml },
      body: `<ErrorResponse ${xmlns}><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>strict</RequestId></ErrorResponse>`,
    }),
  };
};
const xml = { 'content-type': 'text/xml' };
