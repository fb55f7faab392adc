import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AwsIdentity, AwsRefusal, type AwsRequest, signerOf } from './strict-aws-signature.ts';

/** One service of AWS on loopback, all regions of it. */
export interface StrictRegions {
  environment: Record<string, string>;
  /** what was asked, in order */
  calls: RegionCall[];
  faults: RegionFault[];
  /** `eu-west-1 StopInstances`, in order */
  asked(): string[];
  close(): Promise<void>;
}

export interface RegionCall {
  region: string;
  action: string;
  /** without what each request has */
  given: Record<string, unknown>;
}

/** An action, in one region or in all, is answered so instead, so many times. */
export interface RegionFault {
  action: string;
  region?: string;
  status: number;
  code: string;
  message?: string;
  times?: number;
  /** it is done, and the refusal is told all the same: an answer that is lost */
  done?: boolean;
}

export interface RegionService {
  /** as it is signed for */
  service: string;
  /** as in AWS_ENDPOINT_URL_<name> */
  variable: string;
  protocol: 'query' | 'ec2' | 'json' | 'rest-xml';
  /** of query and ec2: what Version has to be; of json: what stands before the action in x-amz-target */
  version: string;
  /** XML within the result, or JSON. @throws AwsRefusal */
  answer(call: RegionCall): string | object;
}

const identity: AwsIdentity = {
  ...{ accessKeyId: 'AKIASTRICTREGIONS', secretAccessKey: 'strict-regions-secret' },
  arn: 'arn:aws:iam::111122223333:role/lifeboat',
};

/** Speaks as the SDK hears that service; signatures are checked, and what it does is the `answer` of who starts it. */
export async function startStrictRegions(kind: RegionService): Promise<StrictRegions> {
  const http = createServer((message, response) => {
    serve(message, response, kind, stub).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const stub: StrictRegions = {
    ...{ calls: [], faults: [] },
    environment: {
      [`AWS_ENDPOINT_URL_${kind.variable}`]: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-north-1',
      AWS_ACCESS_KEY_ID: identity.accessKeyId,
      AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
    },
    asked: () => stub.calls.map(({ region, action }) => `${region} ${action}`),
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
  return stub;
}

async function serve(message: IncomingMessage, response: ServerResponse, kind: RegionService, stub: StrictRegions) {
  const { method = '', url = '/', headers } = message;
  const request: AwsRequest = { method, url, headers, body: Buffer.concat(await message.toArray()) };
  const type = kind.protocol === 'json' ? 'application/x-amz-json-1.1' : 'text/xml';
  const { status, body } = answerTo(request, kind, stub);
  response.writeHead(status, { 'content-type': type, 'x-amzn-requestid': 'strict' }).end(body);
}

function answerTo(request: AwsRequest, kind: RegionService, stub: StrictRegions): { status: number; body: string } {
  try {
    const { service, region } = signerOf(request, [identity], new Date());
    if (service !== kind.service) throw new AwsRefusal(403, 'SignatureDoesNotMatch', `signed for ${service}`);
    const call = { region, ...readCall(request, kind) };
    stub.calls.push(call);
    const fault = takeFault(stub.faults, call);
    if (fault && !fault.done) throw new AwsRefusal(fault.status, fault.code, fault.message);
    const result = kind.answer(call);
    if (fault) throw new AwsRefusal(fault.status, fault.code, fault.message);
    return { status: 200, body: wrap(result, call.action, kind) };
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    return { status: error.status, body: refusal(error, kind) };
  }
}

function readCall({ method, url, headers, body }: AwsRequest, { protocol, version }: RegionService) {
  if (protocol === 'rest-xml') return { action: `${method} ${url.split('?')[0]}`, given: {} };
  if (protocol === 'json') {
    const [target, action] = String(headers['x-amz-target']).split('.');
    if (target !== version || !action) throw new AwsRefusal(400, 'UnknownOperationException', target);
    return { action, given: JSON.parse(String(body)) as Record<string, unknown> };
  }
  const { Action: action = '', Version: told, ...given } = Object.fromEntries(new URLSearchParams(String(body)));
  if (told !== version) throw new AwsRefusal(400, 'InvalidAction', `Version ${told}`);
  return { action, given };
}

function takeFault(faults: RegionFault[], { action, region }: RegionCall): RegionFault | undefined {
  const at = faults.findIndex((fault) => fault.action === action && (fault.region ?? region) === region);
  const fault = faults[at];
  if (!fault) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times === 0) faults.splice(at, 1);
  return fault;
}

function wrap(result: string | object, action: string, { protocol, version }: RegionService): string {
  if (typeof result !== 'string') return JSON.stringify(result);
  if (protocol === 'rest-xml') return `<?xml version="1.0"?>${result}`;
  if (protocol === 'ec2')
    return `<${action}Response xmlns="http://ec2.amazonaws.com/doc/${version}/"><requestId>strict</requestId>${result}</${action}Response>`;
  return `<${action}Response xmlns="http://rds.amazonaws.com/doc/${version}/"><${action}Result>${result}</${action}Result></${action}Response>`;
}

function refusal({ code, message }: AwsRefusal, { protocol }: RegionService): string {
  if (protocol === 'json') return JSON.stringify({ __type: code, message });
  const error = `<Code>${code}</Code><Message>${message}</Message>`;
  return protocol === 'ec2'
    ? `<Response><Errors><Error>${error}</Error></Errors><RequestID>strict</RequestID></Response>`
    : `<ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>strict</RequestId></ErrorResponse>`;
}
