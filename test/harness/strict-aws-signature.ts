import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface AwsRequest {
  method: string;
  /** as it was sent, with its query */
  url: string;
  /** names in small letters */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
}

/** Who credentials belong to. */
export interface AwsIdentity {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  arn: string;
}

export class AwsRefusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Who signed a request, in its Authorization header or, presigned, in its query.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function signerOf(request: AwsRequest, known: readonly AwsIdentity[], now: Date): Signer {
  const [path = '/', query = ''] = request.url.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  const given = parameters.has('X-Amz-Signature') ? inQuery(parameters) : inHeader(request);
  const identity = known.find(({ accessKeyId }) => accessKeyId === given.accessKeyId);
  if (!identity)
    throw new AwsRefusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  if (given.token !== (identity.sessionToken ?? '')) throw new AwsRefusal(403, 'InvalidClientTokenId', 'another token');
  const ageMs = now.getTime() - given.at.getTime();
  if (ageMs < -15 * 60_000 || ageMs > given.lifeMs)
    throw new AwsRefusal(403, 'SignatureDoesNotMatch', 'Signature expired');
  if (!given.signedHeaders.includes('host')) throw new AwsRefusal(403, 'SignatureDoesNotMatch', 'host is not signed');
  parameters.delete('X-Amz-Signature');
  const canonical = [
    request.method,
    path,
    [...parameters]
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...given.signedHeaders.map((name) => `${name}:${headerOf(request, name).trim().replace(/ +/g, ' ')}`),
    '',
    given.signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
  const scope = [given.day, given.region, given.service, 'aws4_request'];
  const toSign = ['AWS4-HMAC-SHA256', given.time, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>((before, part) => hmac(before, part), `AWS4${identity.secretAccessKey}`);
  if (!timingSafeEqual(hmac(key, toSign), Buffer.from(given.signature, 'hex'))) {
    throw new AwsRefusal(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match');
  }
  return { identity, service: given.service, region: given.region };
}

export interface Signer {
  identity: AwsIdentity;
  service: string;
  region: string;
}

interface Given {
  accessKeyId: string;
  day: string;
  region: string;
  service: string;
  time: string;
  at: Date;
  lifeMs: number;
  token: string;
  signedHeaders: string[];
  signature: string;
}

function inHeader(request: AwsRequest): Given {
  const match =
    /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$/.exec(
      headerOf(request, 'authorization'),
    ) ?? missing();
  const token = headerOf(request, 'x-amz-security-token');
  return given(match[1]!, headerOf(request, 'x-amz-date'), 15 * 60, token, match[2]!, match[3]!);
}

function inQuery(query: URLSearchParams): Given {
  const of = (name: string): string => query.get(`X-Amz-${name}`) ?? '';
  if (of('Algorithm') !== 'AWS4-HMAC-SHA256' || !/^[0-9a-f]{64}$/.test(of('Signature'))) missing();
  const [life, token] = [Number(of('Expires')), of('Security-Token')];
  return given(of('Credential'), of('Date'), life, token, of('SignedHeaders'), of('Signature'));
}

function given(
  credential: string,
  time: string,
  lifeSeconds: number,
  token: string,
  signed: string,
  signature: string,
): Given {
  const [, accessKeyId, day, region, service] =
    /^([^/]+)\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request$/.exec(credential) ?? missing();
  const [, year, month, date, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? missing();
  if (day !== `${year}${month}${date}`) missing();
  const at = new Date(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`);
  const names = { accessKeyId: accessKeyId!, day: day!, region: region!, service: service! };
  return { ...names, time, at, lifeMs: lifeSeconds * 1000, token, signedHeaders: signed.split(';'), signature };
}

function missing(): never {
  throw new AwsRefusal(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
}

const headerOf = ({ headers }: AwsRequest, name: string): string => String(headers[name] ?? '');

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
