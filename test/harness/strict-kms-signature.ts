import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { KmsRefusal } from './strict-kms-refusal.ts';

export interface KmsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface KmsRequest {
  method: string;
  path: string;
  /** names in small letters */
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

/**
 * Check a Signature Version 4 for KMS; answers the region that it is for, which is where the request goes to.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function checkKmsSignature(
  request: KmsRequest,
  credentials: KmsCredentials,
  { now, expired }: { now: Date; expired: boolean },
): string {
  const { headers } = request;
  const match = authorization.exec(headers.get('authorization') ?? '');
  if (!match) throw new KmsRefusal('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const [, accessKeyId = '', day = '', region = '', signed = '', signature = ''] = match;
  const token = headers.get('x-amz-security-token');
  if (accessKeyId !== credentials.accessKeyId || token !== credentials.sessionToken) {
    throw new KmsRefusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  if (expired) {
    throw new KmsRefusal('ExpiredTokenException', 'The security token included in the request is expired');
  }
  checkTime(headers.get('x-amz-date') ?? '', day, now);
  const missing = ['host', 'x-amz-target', ...[...headers.keys()].filter((name) => name.startsWith('x-amz-'))].filter(
    (name) => !signed.split(';').includes(name),
  );
  if (missing.length > 0) throw new KmsRefusal('IncompleteSignatureException', `not signed: ${missing.join(', ')}`);
  const scope = `${day}/${region}/kms/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', headers.get('x-amz-date'), scope, sha256(canonical(request, signed))].join('\n');
  const key = [day, region, 'kms', 'aws4_request'].reduce<string | Buffer>(
    (previous, part) => hmac(previous, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  if (!timingSafeEqual(hmac(key, toSign), Buffer.from(signature, 'hex'))) {
    throw new KmsRefusal('InvalidSignatureException', 'The request signature we calculated does not match.');
  }
  return region;
}

const authorization =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/kms\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})$/;

function checkTime(time: string, day: string, now: Date): void {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time);
  if (!match || !time.startsWith(day)) throw new KmsRefusal('IncompleteSignatureException', 'no valid X-Amz-Date');
  const [, year, month, date, hour, minute, second] = match;
  const skewMs = Math.abs(Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`) - now.getTime());
  if (skewMs > 15 * 60_000) throw new KmsRefusal('InvalidSignatureException', `Signature expired: ${time}`);
}

function canonical({ method, path, headers, body }: KmsRequest, signed: string): string {
  const lines = signed.split(';').map((name) => `${name}:${(headers.get(name) ?? '').trim()}\n`);
  return [method, path, '', lines.join(''), signed, sha256(body)].join('\n');
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
