import { type Failure, KeyUnusable, StoreUnavailable } from '#model/failure';
import { type KmsArn, printKmsArn } from '#model/kms-arn';
import { untrustedCertificateCodes } from '#model/untrusted-certificate';
import { describeWrappingKey, type WrappedKey } from '#model/wrapped-key';
import { keyDamaged } from '#pipeline/data-key';

/** What KMS was asked for, as a message tells it. */
export interface KmsAsked {
  operation: 'make data key' | 'wrap data key' | 'unwrap data key' | 'read public key' | 'sign';
  /** the right that it takes */
  right: 'kms:GenerateDataKey' | 'kms:Encrypt' | 'kms:Decrypt' | 'kms:GetPublicKey' | 'kms:Sign';
  /** ARN of a key or alias */
  keyId: string;
  region: string;
  context: string;
}

/**
 * What an error of KMS, of the SDK or of the network means to whoever runs this.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors
 */
export function kmsFailure(asked: KmsAsked, error: unknown): Failure {
  const { code, status, message } = complaintOf(error);
  const { operation, context, keyId, region } = asked;
  if (operation === 'unwrap data key' && notAsWritten.has(code)) return keyDamaged(context, plainCause(code, message));
  const detail = { operation, subject: context, cause: plainCause(code, message) };
  // KMS mostly names the key itself
  const key = message.includes(keyId) ? '' : ` with ${keyId}`;
  const told = `${operation} of ${context}: KMS in ${region}${key}: ${code}: ${message}`;
  if (isTemporary(code, status)) {
    const hint = `nothing is lost: run it again when KMS in ${region} can be reached and is not busy`;
    return new StoreUnavailable(told, { ...detail, hint: hints[code]?.(asked, message) ?? hint });
  }
  const hint =
    hints[code]?.(asked, message) ?? `see the key: aws kms describe-key --region ${region} --key-id ${keyId}`;
  return new KeyUnusable(told, { ...detail, hint });
}

/** Whether there is no such key in the region that was asked. */
export const isKeyNotFound = (failure: unknown): boolean =>
  failure instanceof KeyUnusable && failure.cause instanceof Error && failure.cause.name === 'NotFoundException';

/** A multi-Region key that is not in our region, and of no use in its own. */
export function withoutReplica(failure: unknown, home: KmsArn, ownRegion: string): unknown {
  if (!(failure instanceof StoreUnavailable)) return failure;
  const { message, operation, subject, cause } = failure;
  return new StoreUnavailable(`${message}; the key has no replica in ${ownRegion}`, {
    operation,
    subject,
    cause,
    hint: `once KMS in ${home.region} answers: aws kms replicate-key --region ${home.region} --key-id ${printKmsArn(home)} --replica-region ${ownRegion}`,
  });
}

/** For what no KMS key wrapped. */
export const notHeldByKms = (wrapped: WrappedKey, context: string, kmsKey: string): KeyUnusable =>
  new KeyUnusable(`${context} was encrypted with ${describeWrappingKey(wrapped)}, the plan names KMS key ${kmsKey}`, {
    operation: 'unwrap data key',
    subject: context,
    hint: 're-wrap it with `lifeboat rekey --from-key-file FILE`, or restore with a plan whose encryption.keyFile holds this key',
  });

interface Complaint {
  code: string;
  /** of HTTP; undefined when there was no answer */
  status: number | undefined;
  message: string;
}

function complaintOf(error: unknown): Complaint {
  if (!(error instanceof Error)) return { code: 'unknown', status: undefined, message: String(error) };
  // it quotes what cannot be parsed, and a data key may stand there
  if (error instanceof SyntaxError) return { code: 'SyntaxError', status: undefined, message: 'answered no JSON' };
  const metadata = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }) : undefined;
  const isGeneric = error.name === 'Error' || error.name === 'TypeError' || error.name === 'AggregateError';
  const code = isGeneric && 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return { code, status: metadata?.httpStatusCode, message: error.message.split('\n')[0]?.replace(/\.$/, '') || code };
}

/** The SDK's errors carry the answer, in which a data key may stand: neither may reach a log. */
function plainCause(code: string, message: string): Error {
  const cause = new Error(message);
  cause.name = code;
  return cause;
}

const notAsWritten = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

function isTemporary(code: string, status: number | undefined): boolean {
  if (/Throttl|TooManyRequests|RequestTimeout|LimitExceeded/.test(code)) return true;
  if (refusedWithoutAnswer.has(code)) return false;
  return status === undefined || status < 300 || status === 429 || status >= 500;
}

/** No answer from KMS, and yet nothing that passes. */
const refusedWithoutAnswer = new Set<string>([
  'CredentialsProviderError',
  'TokenProviderError',
  'ERR_INVALID_URL',
  ...untrustedCertificateCodes,
]);

type Hint = (asked: KmsAsked, message: string) => string;

const idOf = ({ keyId }: KmsAsked): string => keyId.slice(keyId.lastIndexOf(':') + 1).replace(/^key\//, '');

const signs = ({ right }: KmsAsked): boolean => right === 'kms:Sign' || right === 'kms:GetPublicKey';

const usable: Hint = (asked) =>
  signs(asked)
    ? 'it takes an asymmetric key that signs (ECC_NIST_P256, SIGN_VERIFY)'
    : 'it takes a symmetric key for encryption (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)';

const certificate: Hint = () =>
  "the endpoint's certificate is not trusted here: check its name and date, or set NODE_EXTRA_CA_CERTS";
const credentials: Hint = () =>
  'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role';
const unknownCredentials: Hint = () =>
  'these credentials are not known: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN';

const hints: Record<string, Hint> = {
  AccessDeniedException: (asked) =>
    `give these credentials ${asked.right} on the key, in their policy and in the key's${signs(asked) ? '' : '; both may ask for the encryption context lifeboat:source and lifeboat:for'}`,
  DisabledException: (asked) => `enable it: aws kms enable-key --region ${asked.region} --key-id ${idOf(asked)}`,
  NotFoundException: (asked) =>
    `there is no such key in ${asked.region}: a multi-Region key has to be replicated there (aws kms replicate-key); a key that was deleted is gone for good, and what only it opens with it`,
  KMSInvalidStateException: (asked, message) =>
    /pending deletion/i.test(message)
      ? `THE KEY IS ABOUT TO BE DELETED, and with it everything that only it opens. Until then this saves it: aws kms cancel-key-deletion --region ${asked.region} --key-id ${idOf(asked)}, then aws kms enable-key`
      : `see its state: aws kms describe-key --region ${asked.region} --key-id ${idOf(asked)}`,
  InvalidKeyUsageException: usable,
  // that of a key which cannot sign is no public key: https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
  UnsupportedOperationException: usable,
  ExpiredTokenException: () => 'the session has expired: log in again',
  UnrecognizedClientException: unknownCredentials,
  InvalidClientTokenId: unknownCredentials,
  InvalidSignatureException: () => 'check AWS_SECRET_ACCESS_KEY, and the clock of this machine',
  CredentialsProviderError: credentials,
  TokenProviderError: credentials,
  ERR_INVALID_URL: () => 'AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL is no URL like https://host:port',
  CERT_HAS_EXPIRED: certificate,
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate,
  SELF_SIGNED_CERT_IN_CHAIN: certificate,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate,
  ERR_TLS_CERT_ALTNAME_INVALID: certificate,
  ECONNREFUSED: () => 'nothing listens at the endpoint: check its address, and that it is up',
  ENOTFOUND: () => "the endpoint's name cannot be resolved: check it, and DNS",
  EAI_AGAIN: () => "the endpoint's name cannot be resolved: check it, and DNS",
};
