import type { IncomingMessage } from 'node:http';
import { S3Refusal } from './strict-s3-refusal.ts';

/** A request as S3 understands it, its body read and all that it claims about itself still to be checked. */
export interface S3Request {
  method: string;
  /** as it was sent, without the query */
  rawPath: string;
  bucket: string;
  /** empty for a request to the bucket */
  key: string;
  query: Map<string, string>;
  headers: Map<string, string>;
  /** as it came over the wire; in aws-chunked encoding where the headers say so */
  wireBody: Buffer;
}

/** Path-style addresses only: /bucket/key. */
export async function readRequest(message: IncomingMessage): Promise<S3Request> {
  const [rawPath = '/', rawQuery = ''] = (message.url ?? '/').split(/\?(.*)/s);
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(rawPath) ?? [];
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return {
    method: message.method ?? 'GET',
    rawPath,
    bucket: decode(bucket),
    key: decode(key),
    query: readQuery(rawQuery),
    headers: new Map(Object.entries(message.headers).map(([name, value]) => [name, String(value)])),
    wireBody: Buffer.concat(chunks),
  };
}

function readQuery(rawQuery: string): Map<string, string> {
  const pairs = rawQuery.split('&').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => pair.split(/=(.*)/s)).map(([name = '', value = '']) => [decode(name), decode(value)]),
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Refusal(400, 'InvalidURI', 'the URI is not percent-encoded UTF-8');
  }
}
