import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { InputInvalid } from '#model/failure';

export type Environment = Record<string, string | undefined>;

/**
 * A client for S3 or what speaks like it. The environment gives what it gives to the aws command: AWS_REGION,
 * AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; what is
 * not in it is looked up where the SDK does: profiles, container and instance roles.
 *
 * @throws InputInvalid for an endpoint that is no URL
 */
export function createS3Client(environment: Environment, stallMs: number): S3Client {
  const client = new S3Client(configOf(environment, stallMs));
  client.middlewareStack.add(
    (next) => (args) => {
      leavePayloadUnsigned(args.request as SentRequest);
      return next(args);
    },
    { step: 'build' },
  );
  return client;
}

interface SentRequest {
  protocol: string;
  headers: Record<string, string>;
}

/**
 * The SDK signs the SHA-256 of every body, which costs 0.5 s of CPU per GB. Under TLS nobody can change the bytes on
 * their way, and S3 compares them with our CRC-32, so there the hash is left out, as the aws command does.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
function leavePayloadUnsigned(request: SentRequest): void {
  if (request.protocol === 'https:') request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
}

function configOf(environment: Environment, stallMs: number): S3ClientConfig {
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
