import { InputInvalid } from '#model/failure';
import { openDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { createS3Store } from '#store/s3-store';
import type { Environment } from './environment.ts';
import { createS3Client } from './s3-client.ts';

export interface OpenStoreOptions {
  /** how long S3 may be silent before a request or a read counts as failed, and is repeated */
  stallMs?: number;
}

/**
 * Open the store at `location`: `/srv/bucket` (or another path that begins with `/` or `.`), `s3://bucket` or
 * `s3://bucket/prefix`.
 *
 * For S3 the environment gives what it gives to the aws command (aws-client-config.ts).
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
  const client = createS3Client(environment, stallMs);
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
