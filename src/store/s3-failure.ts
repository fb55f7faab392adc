import { Failure, StoreRefused, StoreUnavailable } from '#model/failure';
import { untrustedCertificateCodes } from '#model/untrusted-certificate';
import { abortedBy } from './body.ts';

/** What the SDK, the network or S3 told, as far as it helps to decide. */
export interface S3Complaint {
  /** S3's error code, or the operating system's, or the SDK's name for it */
  code: string;
  /** of HTTP; undefined when there was no answer */
  status: number | undefined;
  message: string;
}

/** Ask S3 something; what goes wrong becomes one of our failures. */
export async function onS3<T>(
  operation: string,
  subject: string,
  signal: AbortSignal | undefined,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw s3Failure(operation, subject, error, signal);
  }
}

export function complaintOf(error: unknown): S3Complaint {
  if (!(error instanceof Error)) return { code: 'unknown', status: undefined, message: String(error) };
  const metadata = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }) : undefined;
  const isGeneric = error.name === 'Error' || error.name === 'TypeError' || error.name === 'AggregateError';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  // below the first line the SDK explains itself to programmers
  const message = error.message.split('\n')[0] ?? '';
  return { code: isGeneric ? code : error.name, status: metadata?.httpStatusCode, message };
}

/** What an error of S3 means to whoever runs this: whether to try again, or what to change. */
export function s3Failure(operation: string, subject: string, error: unknown, signal?: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  if (signal?.aborted) return abortedBy(signal, operation, subject);
  const complaint = complaintOf(error);
  const hint = hintFor(complaint);
  const status = complaint.status === undefined ? '' : ` ${complaint.status}`;
  const detail = { operation, subject, cause: withoutRequest(complaint), ...(hint === undefined ? {} : { hint }) };
  const message = `${operation} ${subject}:${status} ${complaint.code}: ${complaint.message}`;
  return isTemporary(complaint) ? new StoreUnavailable(message, detail) : new StoreRefused(message, detail);
}

function isTemporary({ code, status }: S3Complaint): boolean {
  if (temporaryCodes.has(code)) return true;
  if (refusedCodes.has(code)) return false;
  // without an answer it was the network, or an answer that could not be read
  if (status === undefined || status < 300) return true;
  return status >= 500 || status === 429 || status === 408;
}

/** Whatever the status: S3 answers these with 4xx, but the same request may succeed. */
const temporaryCodes = new Set([
  'RequestTimeout',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'OperationAborted',
  'ConditionalRequestConflict',
  // the bytes were damaged on their way: they are sent again
  'BadDigest',
  'IncompleteBody',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  'NoSuchUpload',
]);

/** No answer from S3, and yet nothing that passes. */
const refusedCodes = new Set<string>(['CredentialsProviderError', 'ConfigError', ...untrustedCertificateCodes]);

function hintFor({ code, status, message }: S3Complaint): string | undefined {
  if (message.includes('Region is missing')) return 'set AWS_REGION to the region of the bucket';
  // the answer to a HEAD has no code
  if (status === 301) return wrongRegionHint;
  return hints[code] ?? (status === 403 ? hints.AccessDenied : undefined);
}

const certificateHint =
  "the endpoint's certificate is not trusted here: check its name and date, or set NODE_EXTRA_CA_CERTS";
const wrongRegionHint = 'the bucket is in another region or behind another endpoint: check AWS_REGION and the endpoint';

const hints: Record<string, string> = {
  AccessDenied:
    'check the rights of these credentials (s3:ListBucket too: without it S3 does not say that an object is missing; ' +
    's3:PutObjectTagging too: parts and whole WAL segments have a tag), ' +
    "the bucket's policy, and the rights on its KMS key",
  AuthorizationHeaderMalformed: wrongRegionHint,
  CERT_HAS_EXPIRED: certificateHint,
  CredentialsProviderError:
    'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role',
  DEPTH_ZERO_SELF_SIGNED_CERT: certificateHint,
  ECONNREFUSED: 'nothing listens at the endpoint: check its address, and that it is up',
  EAI_AGAIN: "the endpoint's name cannot be resolved: check it, and DNS",
  ENOTFOUND: "the endpoint's name cannot be resolved: check it, and DNS",
  ERR_TLS_CERT_ALTNAME_INVALID: certificateHint,
  ExpiredToken: 'the session has expired: log in again',
  InvalidAccessKeyId: 'this access key is not known: check AWS_ACCESS_KEY_ID and that the endpoint is the right one',
  NoSuchBucket: 'check the name of the bucket and the region; create it where it is really missing',
  PermanentRedirect: wrongRegionHint,
  RequestTimeTooSkewed: 'the clock of this machine is wrong: set it',
  SELF_SIGNED_CERT_IN_CHAIN: certificateHint,
  SignatureDoesNotMatch: 'check AWS_SECRET_ACCESS_KEY, and that no proxy changes requests on their way',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificateHint,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificateHint,
};

/** The SDK's errors carry the request with its signature; nobody needs that in a log. */
function withoutRequest(complaint: S3Complaint): Error {
  const cause = new Error(complaint.message);
  cause.name = complaint.code;
  return cause;
}
