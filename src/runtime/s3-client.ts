import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { InputInvalid } from '#model/failure';
import { awsClientConfig, endpointVariable } from './aws-client-config.ts';
import type { Environment } from './environment.ts';

/** A client for S3 or what speaks like it. @throws InputInvalid for an endpoint that is no URL */
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
  const config = awsClientConfig(environment, 's3');
  if (config.endpoint !== undefined) checkEndpoint(config.endpoint, endpointVariable(environment, 's3'));
  return {
    ...config,
    ...(config.endpoint && { forcePathStyle: true }),
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: { connectionTimeout: Math.min(10_000, stallMs), socketTimeout: stallMs },
    // the store computes the checksums that it sends, and checks those that it gets
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
}

function checkEndpoint(endpoint: string, variable: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return;
  // a URL with a password in it belongs in no message
  throw new InputInvalid(
    variable,
    url?.protocol ?? 'no URL',
    'a URL like https://host:port, without user and password',
  );
}
