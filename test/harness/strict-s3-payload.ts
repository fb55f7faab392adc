import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { S3Refusal } from './strict-s3-refusal.ts';
import type { S3Request } from './strict-s3-request.ts';

export interface Payload {
  bytes: Buffer;
  /** as S3 stores it with the object, where the client sent one */
  crc32: string | undefined;
}

/**
 * The body of a request, unpacked, and every claim about it checked: the hash in the signature, the length,
 * Content-MD5, CRC-32 and SHA-256, sent before the body or after it.
 * Not known here: CRC-32C, CRC-64/NVME and signed chunks; they are answered with 501, so that nothing passes unchecked.
 */
export function readPayload(request: S3Request): Payload {
  const claims = new Map(request.headers);
  const bytes = unpack(request, claims);
  const md5 = request.headers.get('content-md5');
  if (md5 !== undefined && md5 !== digest('md5', bytes)) throw new S3Refusal(400, 'BadDigest');
  for (const [name, claim] of claims) {
    if (name.startsWith('x-amz-checksum-')) checkClaim(name.slice('x-amz-checksum-'.length), claim, bytes);
  }
  return { bytes, crc32: claims.get('x-amz-checksum-crc32') };
}

export function crc32Of(bytes: Buffer): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(bytes));
  return checksum.toString('base64');
}

function unpack(request: S3Request, claims: Map<string, string>): Buffer {
  const kind = request.headers.get('x-amz-content-sha256');
  if (kind === undefined) throw new S3Refusal(400, 'InvalidRequest', 'x-amz-content-sha256 is missing');
  if (kind === 'UNSIGNED-PAYLOAD') return request.wireBody;
  if (kind === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') return unchunk(request, claims);
  if (kind.startsWith('STREAMING-')) throw new S3Refusal(501, 'NotImplemented', kind);
  if (kind !== createHash('sha256').update(request.wireBody).digest('hex')) {
    throw new S3Refusal(400, 'XAmzContentSHA256Mismatch');
  }
  return request.wireBody;
}

/** aws-chunked: `length in hex CRLF bytes CRLF`, a chunk of length 0, then trailers `name:value CRLF`. */
function unchunk(request: S3Request, claims: Map<string, string>): Buffer {
  const wire = request.wireBody;
  const chunks: Buffer[] = [];
  let position = 0;
  for (;;) {
    const lineEnd = wire.indexOf('\r\n', position);
    const match = lineEnd < 0 ? null : /^[0-9a-f]+$/i.exec(wire.toString('latin1', position, lineEnd));
    if (!match) throw new S3Refusal(400, 'IncompleteBody', 'a chunk has no length');
    const length = Number.parseInt(match[0], 16);
    position = lineEnd + 2;
    if (length === 0) break;
    chunks.push(wire.subarray(position, position + length));
    position += length + 2;
  }
  readTrailers(request, wire.toString('latin1', position), claims);
  const bytes = Buffer.concat(chunks);
  if (Number(request.headers.get('x-amz-decoded-content-length')) !== bytes.length) {
    throw new S3Refusal(400, 'IncompleteBody', 'the decoded length is another');
  }
  return bytes;
}

function readTrailers(request: S3Request, text: string, claims: Map<string, string>): void {
  const trailers = new Map(
    text
      .split('\r\n')
      .filter((line) => line !== '')
      .map((line) => line.split(/:(.*)/s))
      .map(([name = '', value = '']) => [name.toLowerCase(), value.trim()]),
  );
  const announced = request.headers.get('x-amz-trailer');
  if (announced === undefined || !trailers.has(announced.toLowerCase()))
    throw new S3Refusal(400, 'MalformedTrailerError');
  for (const [name, value] of trailers) claims.set(name, value);
}

function checkClaim(algorithm: string, claim: string, bytes: Buffer): void {
  if (algorithm === 'algorithm' || algorithm === 'mode' || algorithm === 'type') return;
  const actual = { crc32: () => crc32Of(bytes), sha256: () => digest('sha256', bytes) }[algorithm];
  if (actual === undefined) throw new S3Refusal(501, 'NotImplemented', `checksum ${algorithm}`);
  if (claim !== actual()) throw new S3Refusal(400, 'BadDigest', `the ${algorithm} does not match`);
}

function digest(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('base64');
}
