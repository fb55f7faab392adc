import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from './refusal.ts';

export interface SignedRequest {
  method: string;
  /** as it was sent, with its query */
  url: string;
  /** names in small letters */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Uint8Array;
}

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** How far the clocks of both may be apart. */
const skewLimitMs = 15 * 60_000;

/**
 * Signature Version 4 in the Authorization header, for any region and the service that is asked.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @throws Refusal as AWS refuses
 */
export function verifySignature(request: SignedRequest, credentials: Credentials, now: Date): void {
  const given = readAuthorization(request);
  checkTime(given, now);
  if (!sameText(given.accessKeyId, credentials.accessKeyId)) {
    throw new Refusal('UnrecognizedClientException', 'The security token included in the request is invalid.', 403);
  }
  checkSignedHeaders(request, given.signedHeaders);
  const bodyHash = sha256(request.body);
  const claimed = header(request, 'x-amz-content-sha256');
  if (claimed !== undefined && claimed !== bodyHash) throw mismatch();
  const scope = `${given.day}/${given.region}/${given.service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', given.time, scope, sha256(canonicalRequest(request, given, bodyHash))].join('\n');
  const key = [given.day, given.region, given.service, 'aws4_request'].reduce<string | Buffer>(
    (previous, part) => hmac(previous, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  if (!sameText(hmac(key, toSign).toString('hex'), given.signature)) throw mismatch();
}

interface Authorization {
  accessKeyId: string;
  day: string;
  /** of x-amz-date, e.g. 20261120T051345Z */
  time: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
}

const pattern =
  /^AWS4-HMAC-SHA256 +Credential=([^/,\s]+)\/(\d{8})\/([\w-]+)\/(states|lambda)\/aws4_request, *SignedHeaders=([\w;-]+), *Signature=([0-9a-f]{64})$/;

function readAuthorization(request: SignedRequest): Authorization {
  const text = header(request, 'authorization');
  if (text === undefined) {
    throw new Refusal('MissingAuthenticationTokenException', 'Request is missing Authentication Token', 403);
  }
  const match = pattern.exec(text);
  const time = header(request, 'x-amz-date') ?? '';
  if (!match || !/^\d{8}T\d{6}Z$/.test(time)) throw incomplete();
  const [, accessKeyId = '', day = '', region = '', service = '', signedHeaders = '', signature = ''] = match;
  if (!time.startsWith(day)) throw incomplete();
  return { accessKeyId, day, time, region, service, signedHeaders: signedHeaders.split(';'), signature };
}

const incomplete = (): Refusal =>
  new Refusal(
    'IncompleteSignatureException',
    'Authorization header requires Credential, SignedHeaders and Signature for states or lambda, and X-Amz-Date',
    403,
  );

function checkTime({ time }: Authorization, now: Date): void {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time)!;
  const sentAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Math.abs(sentAt - now.getTime()) <= skewLimitMs) return;
  const message = `Signature expired: ${time} is not within 15 min. of ${now.toISOString()}`;
  throw new Refusal('InvalidSignatureException', message, 403);
}

/** What was not signed, somebody else may have written. */
function checkSignedHeaders({ headers }: SignedRequest, signed: readonly string[]): void {
  const needed = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  const missing = needed.filter((name) => !signed.includes(name));
  if (missing.length === 0) return;
  throw new Refusal('InvalidSignatureException', `headers that have to be signed: ${missing.join(', ')}`, 403);
}

const mismatch = (): Refusal =>
  new Refusal(
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    403,
  );

function canonicalRequest(request: SignedRequest, { signedHeaders }: Authorization, bodyHash: string): string {
  const [path = '/', query = ''] = request.url.split(/\?(.*)/s);
  const parameters = [...new URLSearchParams(query)]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = signedHeaders.map((name) => `${name}:${spaced(header(request, name) ?? '')}\n`).join('');
  // what is encoded in the path already is encoded once more; only S3 does not
  const canonicalPath = path.split('/').map(encode).join('/');
  return [request.method, canonicalPath, parameters, headers, signedHeaders.join(';'), bodyHash].join('\n');
}

const header = ({ headers }: SignedRequest, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
};

const spaced = (value: string): string => value.trim().replace(/ +/g, ' ');

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** In a time that does not tell where they differ. */
const sameText = (a: string, b: string): boolean =>
  timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
