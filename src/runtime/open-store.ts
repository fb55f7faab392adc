import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { InputInvalid } from '#model/failure';
import { openDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { createS3Store } from '#store/s3-store';

export type Environment = Record<string, string | undefined>;

export interface OpenStoreOptions {
  /** how long S3 may be silent before a request or a read counts as failed, and is repeated */
  stallMs?: number;
}

/**
 * Open the store at `location`: `/srv/bucket` (or another path that begins with `/` or `.`), `s3://bucket` or
 * `s3://bucket/prefix`.
 *
 * For S3 the environment gives what it gives to the aws command: AWS_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL,
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; what is not in it is looked up where the SDK does.
 *
 * @throws InputInvalid for a location or endpoint that is neither; StoreRefused for a directory that is not there
 */
export async function openStore(
  location: string,
  environment: Environment,
  options: OpenStoreOptions = {},
): Promise<ObjectStore> {
  if (/^\.{0,2}\//.test(location)) return openDirectoryStore(location);
  const { bucket, prefix } = parseS3Location(location);
  const stallMs = options.stallMs ?? 60_000;
  const client = new S3Client(clientConfig(environment, stallMs));
  return createS3Store({ client, bucket, prefix, patience: { stallMs } });
}

const allowed = 'a directory like /srv/bucket or ./bucket, or s3://bucket/prefix';

function parseS3Location(location: string): { bucket: string; prefix: string } {
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(location);
  if (!match) throw new InputInvalid('bucket', location, allowed);
  const prefix = (match[2] ?? '').replace(/\/$/, '');
  if (prefix.split('/').some((element) => ['', '.', '..'].includes(element)) && prefix !== '') {
    throw new InputInvalid('bucket', location, 'a prefix without empty elements, . and ..');
  }
  return { bucket: match[1]!, prefix };
}

function clientConfig(environment: Environment, stallMs: number): S3ClientConfig {
  const endpoint = parseEndpoint(environment);
  const region = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? (endpoint && 'us-east-1');
  const credentials = staticCredentials(environment);
  return {
    ...(endpoint && { endpoint, forcePathStyle: true }),
    ...(region && { region }),
    ...(credentials && { credentials }),
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: { connectionTimeout: Math.min(10_000, stallMs), socketTimeout: stallMs },
    // the store computes the checksums that it sends, and checks those that it gets
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
}

function parseEndpoint(environment: Environment): string | undefined {
  const field = environment.AWS_ENDPOINT_URL_S3 ? 'AWS_ENDPOINT_URL_S3' : 'AWS_ENDPOINT_URL';
  const endpoint = environment[field];
  if (!endpoint) return undefined;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
    return endpoint;
  // a URL with a password in it belongs in no message
  throw new InputInvalid(field, url?.protocol ?? 'no URL', 'a URL like https://host:port, without user and password');
}

function staticCredentials(environment: Environment): S3ClientConfig['credentials'] {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  // a profile that is named wins, as in the SDK's own chain
  if (!accessKeyId || !secretAccessKey || environment.AWS_PROFILE) return undefined;
  const sessionToken = environment.AWS_SESSION_TOKEN;
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
