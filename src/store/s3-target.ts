import type { S3Client } from '@aws-sdk/client-s3';

/** One object as S3 addresses it. */
export interface S3Target {
  client: S3Client;
  bucket: string;
  /** with the store's prefix */
  fullKey: string;
  /** the key as the store's user knows it */
  key: string;
  signal: AbortSignal | undefined;
  server: ServerTraits;
}

/** What was learnt of the server, shared by all requests of a store. */
export interface ServerTraits {
  knowsTags: boolean;
}

/** How a request names the object. */
export function addressOf(target: S3Target): { Bucket: string; Key: string } {
  return { Bucket: target.bucket, Key: target.fullKey };
}

/** How a message names the object: where an operator finds it. */
export function subjectOf(target: S3Target): string {
  return `s3://${target.bucket}/${target.fullKey}`;
}

export function abortable(target: S3Target): { abortSignal?: AbortSignal } {
  return target.signal === undefined ? {} : { abortSignal: target.signal };
}
