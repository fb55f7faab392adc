import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AwsIdentity, AwsRefusal, type AwsRequest, signerOf } from './strict-aws-signature.ts';
import { answerRds, type RdsCall } from './strict-rds-actions.ts';
import { RdsRegions } from './strict-rds-regions.ts';

/** An action is answered so instead, so many times. */
export interface RdsFault {
  action: string;
  status: number;
  code: string;
  message?: string;
  times?: number;
}

export interface StrictRds {
  identity: AwsIdentity;
  regions: RdsRegions;
  faults: RdsFault[];
  /** `eu-central-1 CreateDBSnapshot`, in order */
  requests: string[];
  environment: Record<string, string>;
  close(): Promise<void>;
}

const ourIdentity: AwsIdentity = {
  ...{ accessKeyId: 'AKIASTRICTRDS', secretAccessKey: 'strict-rds-secret' },
  arn: 'arn:aws:iam::111122223333:role/lifeboat',
};

/**
 * RDS on loopback, all regions of it: as far as its actions are used, and refusing what RDS refuses: a signature that does
 * not fit, parameters that it does not know, states in which it does nothing.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html
 */
export async function startStrictRds(
  region: string,
  now: () => Date = () => new Date(),
  identity: AwsIdentity = ourIdentity,
): Promise<StrictRds> {
  const http = createServer((message, response) => {
    serve(message, response, rds).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const rds: StrictRds = {
    ...{ identity, regions: new RdsRegions(now), faults: [], requests: [] },
    environment: {
      AWS_ENDPOINT_URL_RDS: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: identity.accessKeyId,
      AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
    },
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
  return rds;
}

async function serve(message: IncomingMessage, response: ServerResponse, rds: StrictRds): Promise<void> {
  const { method = '', url = '/', headers } = message;
  const request: AwsRequest = { method, url, headers, body: Buffer.concat(await message.toArray()) };
  const { status, body } = answer(request, rds);
  response.writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': 'strict' }).end(body);
}

function answer(request: AwsRequest, rds: StrictRds): { status: number; body: string } {
  try {
    const { service, region } = signerOf(request, [rds.identity], new Date());
    if (service !== 'rds') throw new AwsRefusal(403, 'SignatureDoesNotMatch', `signed for ${service}`);
    const parameters = new URLSearchParams(String(request.body));
    const action = parameters.get('Action') ?? '';
    if (parameters.get('Version') !== '2014-10-31') throw new AwsRefusal(400, 'InvalidAction', 'Version');
    rds.requests.push(`${region} ${action}`);
    const fault = takeFault(rds.faults, action);
    if (fault) throw new AwsRefusal(fault.status, fault.code, fault.message);
    const call: RdsCall = { action, parameters, region, copied: (url) => presigned(url, region, rds.identity) };
    const result = answerRds(call, rds.regions);
    return {
      status: 200,
      body: `<${action}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><${action}Result>${result}</${action}Result></${action}Response>`,
    };
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    const { status, code, message } = error;
    return {
      status,
      body: `<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    };
  }
}

function takeFault(faults: RdsFault[], action: string): RdsFault | undefined {
  const at = faults.findIndex((fault) => fault.action === action);
  const fault = faults[at];
  if (!fault) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times === 0) faults.splice(at, 1);
  return fault;
}

/** The request of the region that is copied from, which whoever copies has signed there. */
function presigned(text: string, destination: string, identity: AwsIdentity): { region: string; source: string } {
  const url = new URL(text);
  const signer = signerOf(
    { method: 'GET', url: `${url.pathname}${url.search}`, headers: { host: url.hostname }, body: Buffer.alloc(0) },
    [identity],
    new Date(),
  );
  const of = (name: string) => url.searchParams.get(name);
  const source = of('SourceDBSnapshotIdentifier') ?? of('SourceDBClusterSnapshotIdentifier') ?? '';
  if (of('DestinationRegion') !== destination || url.hostname !== `rds.${signer.region}.amazonaws.com`)
    throw new AwsRefusal(400, 'InvalidParameterCombination', 'PreSignedUrl is of another copy');
  return { region: signer.region, source };
}
