import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { type AwsIdentity, AwsRefusal, type AwsRequest, signerOf } from './strict-aws-signature.ts';

/** How an operation is answered instead: `states:StartExecution`, by a refusal of AWS, so many times. */
export interface AwsFault {
  operation: string;
  status: number;
  code: string;
  message?: string;
  /** the connection is closed instead, or once it was done */
  reset?: 'before' | 'after';
  times?: number;
}

export interface DeployedStack {
  status: string;
  outputs: Record<string, string>;
}

/** Step Functions and Lambda as our own endpoint speaks them: requests are signed anew for it. */
export interface ForwardedEndpoint {
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface StrictAws {
  endpoint: string;
  identities: AwsIdentity[];
  stacks: Map<string, DeployedStack>;
  faults: AwsFault[];
  forward: ForwardedEndpoint | undefined;
  /** what was asked, and by whom: `sts:GetCallerIdentity arn:…` */
  requests: string[];
  /** all that arrived, for tests that look for secrets in it */
  received: AwsRequest[];
  /** what somebody has in the environment to reach it */
  environmentOf(identity: AwsIdentity): Record<string, string>;
  close(): Promise<void>;
}

/**
 * CloudFormation and STS on loopback as far as `lifeboat` asks them, and what is in front of Step Functions and Lambda: a
 * signature that does not fit is refused, whoever it is from.
 */
export async function startStrictAws(identities: AwsIdentity[]): Promise<StrictAws> {
  const http = createServer((message, response) => {
    serve(message, response, aws).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const aws: StrictAws = {
    ...{ endpoint, identities, stacks: new Map(), faults: [], forward: undefined, requests: [], received: [] },
    environmentOf: ({ accessKeyId, secretAccessKey, sessionToken }) => ({
      AWS_ENDPOINT_URL_CLOUDFORMATION: endpoint,
      AWS_ENDPOINT_URL_STS: endpoint,
      AWS_ENDPOINT_URL_SFN: endpoint,
      AWS_ENDPOINT_URL_LAMBDA: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken && { AWS_SESSION_TOKEN: sessionToken }),
    }),
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
  return aws;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

async function serve(message: IncomingMessage, response: ServerResponse, aws: StrictAws): Promise<void> {
  const { method = '', url = '/', headers } = message;
  const request: AwsRequest = { method, url, headers, body: Buffer.concat(await message.toArray()) };
  aws.received.push(request);
  const operation = operationOf(request);
  const fault = takeFault(aws.faults, operation);
  if (fault?.reset === 'before') return void message.socket.destroy();
  const answer = await answerTo(request, operation, fault?.reset ? undefined : fault, aws);
  if (fault?.reset === 'after') return void message.socket.destroy();
  response.writeHead(answer.status, { 'x-amzn-requestid': 'strict', ...answer.headers }).end(answer.body);
}

/** As IAM names it; how each service's protocol tells it. */
function operationOf({ url, headers, body }: AwsRequest): string {
  const [, states] = /^AWSStepFunctions\.(\w+)$/.exec(String(headers['x-amz-target'])) ?? [];
  if (states) return `states:${states}`;
  if (/^\/2015-03-31\/functions\/[^/]+\/invocations/.test(url)) return 'lambda:InvokeFunction';
  const action =
    new URLSearchParams(url.split('?')[1] ?? '').get('Action') ?? new URLSearchParams(String(body)).get('Action');
  return action === 'GetCallerIdentity' ? `sts:${action}` : `cloudformation:${action}`;
}

function takeFault(faults: AwsFault[], operation: string): AwsFault | undefined {
  const at = faults.findIndex((fault) => fault.operation === operation);
  const fault = faults[at];
  if (!fault) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times === 0) faults.splice(at, 1);
  return fault;
}

async function answerTo(
  request: AwsRequest,
  operation: string,
  fault: AwsFault | undefined,
  aws: StrictAws,
): Promise<Answer> {
  const isJson = /^(?:states|lambda):/.test(operation);
  try {
    const { identity, service } = signerOf(request, aws.identities, new Date());
    if (service !== operation.split(':')[0])
      throw new AwsRefusal(403, 'SignatureDoesNotMatch', `signed for ${service}`);
    aws.requests.push(`${operation} ${identity.arn}`);
    if (fault) throw new AwsRefusal(fault.status, fault.code, fault.message);
    if (operation === 'sts:GetCallerIdentity') return callerIdentity(identity);
    if (operation === 'cloudformation:DescribeStacks') return describeStacks(request, aws.stacks);
    if (isJson && aws.forward) return await forwarded(request, service, aws.forward);
    throw new AwsRefusal(501, 'NotImplemented', operation);
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    return isJson ? jsonRefusal(error) : xmlRefusal(error);
  }
}

const callerIdentity = ({ arn, accessKeyId }: AwsIdentity): Answer =>
  xml(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
    <Arn>${arn}</Arn><UserId>${accessKeyId}</UserId><Account>${arn.split(':')[4]}</Account>
    </GetCallerIdentityResult></GetCallerIdentityResponse>`);

function describeStacks({ body }: AwsRequest, stacks: StrictAws['stacks']): Answer {
  const name = new URLSearchParams(String(body)).get('StackName') ?? '';
  const stack = stacks.get(name);
  if (!stack) throw new AwsRefusal(400, 'ValidationError', `Stack with id ${name} does not exist`);
  const outputs = Object.entries(stack.outputs).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  return xml(`<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>
    <Stacks><member><StackName>${name}</StackName><StackStatus>${stack.status}</StackStatus>
    <CreationTime>2026-11-01T00:00:00Z</CreationTime><Outputs>${outputs.join('')}</Outputs></member></Stacks>
    </DescribeStacksResult></DescribeStacksResponse>`);
}

async function forwarded(request: AwsRequest, service: string, to: ForwardedEndpoint): Promise<Answer> {
  const { hostname, host } = new URL(to.url);
  const credentials = { accessKeyId: to.accessKeyId, secretAccessKey: to.secretAccessKey };
  const signer = new SignatureV4({ service, region: 'local', credentials, sha256: Sha256 });
  const passed = ['content-type', 'x-amz-target', 'x-amz-invocation-type', 'x-amz-log-type']
    .filter((name) => request.headers[name] !== undefined)
    .map((name) => [name, String(request.headers[name])]);
  const { headers } = await signer.sign({
    method: request.method,
    protocol: 'http:',
    hostname,
    path: request.url,
    query: {},
    headers: { host, ...Object.fromEntries(passed) },
    body: request.body,
  });
  const answer = await fetch(to.url + request.url, { method: 'POST', headers, body: new Uint8Array(request.body) });
  const told = [...answer.headers].filter(([name]) => /^(?:content-type|x-amz)/.test(name));
  return { status: answer.status, headers: Object.fromEntries(told), body: await answer.text() };
}

const xml = (body: string, status = 200): Answer => ({ status, headers: { 'content-type': 'text/xml' }, body });

const xmlRefusal = ({ status, code, message }: AwsRefusal): Answer =>
  xml(
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    status,
  );

const jsonRefusal = ({ status, code, message }: AwsRefusal): Answer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': code },
  body: JSON.stringify({ __type: code, message }),
});
