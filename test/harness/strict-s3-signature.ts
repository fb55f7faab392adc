import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { S3Refusal } from './strict-s3-refusal.ts';
import type { S3Request } from './strict-s3-request.ts';

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/**
 * Check a Signature Version 4 in the Authorization header.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function checkSignature(request: S3Request, credentials: S3Credentials, now: Date): void {
  const given = readAuthorization(request);
  if (given.accessKeyId !== credentials.accessKeyId) throw new S3Refusal(403, 'InvalidAccessKeyId');
  checkDate(request, given.day, now);
  checkSignedHeaders(request, given.signedHeaders);
  const signature = signatureOf(request, given, credentials.secretAccessKey);
  if (!sameText(signature, given.signature)) throw new S3Refusal(403, 'SignatureDoesNotMatch');
}

interface Authorization {
  accessKeyId: string;
  day: string;
  region: string;
  signedHeaders: string[];
  signature: string;
}

function readAuthorization(request: S3Request): Authorization {
  const header = request.headers.get('authorization');
  if (header === undefined) throw new S3Refusal(403, 'AccessDenied', 'anonymous access is forbidden');
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
  const match = pattern.exec(header);
  if (!match) throw new S3Refusal(400, 'AuthorizationHeaderMalformed');
  const [, accessKeyId = '', day = '', region = '', signedHeaders = '', signature = ''] = match;
  return { accessKeyId, day, region, signedHeaders: signedHeaders.split(';'), signature };
}

function checkDate(request: S3Request, day: string, now: Date): void {
  const stamp = request.headers.get('x-amz-date') ?? '';
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (!match || !stamp.startsWith(day)) throw new S3Refusal(403, 'AccessDenied', 'the request has no valid date');
  const [, year, month, date, hour, minute, second] = match;
  const skewMs = Math.abs(Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`) - now.getTime());
  if (skewMs > 15 * 60_000) throw new S3Refusal(403, 'RequestTimeTooSkewed');
}

function checkSignedHeaders(request: S3Request, signed: string[]): void {
  const required = ['host', ...[...request.headers.keys()].filter((name) => name.startsWith('x-amz-'))];
  const missing = required.filter((name) => !signed.includes(name));
  if (missing.length > 0) throw new S3Refusal(403, 'AccessDenied', `headers that were not signed: ${missing}`);
}

function signatureOf(request: S3Request, given: Authorization, secret: string): string {
  const scope = `${given.day}/${given.region}/s3/aws4_request`;
  const canonical = sha256(canonicalRequest(request, given.signedHeaders));
  const toSign = ['AWS4-HMAC-SHA256', request.headers.get('x-amz-date'), scope, canonical].join('\n');
  const key = [given.day, given.region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (previous, part) => createHmac('sha256', previous).update(part).digest(),
    `AWS4${secret}`,
  );
  return createHmac('sha256', key).update(toSign).digest('hex');
}

function canonicalRequest(request: S3Request, signedHeaders: string[]): string {
  const query = [...request.query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = signedHeaders.map((name) => `${name}:${(request.headers.get(name) ?? '').trim()}\n`).join('');
  const path = request.rawPath.split('/').map((part) => encode(decodeURIComponent(part)));
  const payload = request.headers.get('x-amz-content-sha256') ?? '';
  return [request.method, path.join('/'), query, headers, signedHeaders.join(';'), payload].join('\n');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
