import { AuthenticationFailed, ConnectionFailed, type Failure, InputInvalid, ServerUnsuitable } from '#model/failure';

/** A call that AWS did not answer as hoped. */
export interface FailedCall {
  /** as IAM knows it: `states:StartExecution` */
  action: string;
  /** what it was about */
  subject: string;
  /** who was asked, in words: `stack lifeboat-prod in eu-central-1` */
  place: string;
}

/** What an error of the SDK means to whoever called, with what to do about it. */
export function awsFailure(error: unknown, { action, subject, place }: FailedCall): Failure {
  const { name, message } = firstLine(error);
  const detail = { operation: action, subject, cause: error };
  // the SDK has no names for these
  if (/^Region (?:is missing|not accepted)/.test(message)) {
    return new InputInvalid(
      '--region',
      undefined,
      'a region like eu-central-1',
      'add --region REGION, or set AWS_REGION; a plan has it as aws.region',
    );
  }
  const credentials = credentialProblems.find(([pattern]) => pattern.test(name));
  if (credentials) {
    const [, what, hint] = credentials;
    return new AuthenticationFailed(`${place}: ${what}: ${message}`, { ...detail, hint });
  }
  if (/^(?:AccessDenied|UnauthorizedOperation|NotAuthorized|AuthorizationError)/.test(name)) {
    const hint = `let whoever administers the account give these credentials ${action}`;
    return new AuthenticationFailed(`${place} refuses ${action} on ${subject}: ${message}`, { ...detail, hint });
  }
  if (/Throttl|TooManyRequests|RequestLimitExceeded/.test(name)) {
    const hint = 'it was tried several times: try again in a minute';
    return new ConnectionFailed(`${place} is asked too often for ${action}: ${message}`, { ...detail, hint });
  }
  if (name === 'ResourceNotFoundException') {
    const hint = 'it was deployed by another version of Lifeboat: deploy it with this one, or use that one';
    return new ServerUnsuitable(`${place} has no ${subject}: ${message}`, { ...detail, hint });
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    const hint = 'AWS does not take the request: see what it says, and run it again with --verbose';
    return new ServerUnsuitable(`${place} refuses ${action} on ${subject}: ${name}: ${message}`, { ...detail, hint });
  }
  const hint = 'check the region, the network, and AWS_ENDPOINT_URL if it is set; then try again';
  return new ConnectionFailed(`${place} did not answer ${action}: ${codeOf(error) ?? name}: ${message}`, {
    ...detail,
    hint,
  });
}

const renew = 'sign in again (`aws sso login`), or put newer credentials where these came from';
const check =
  "check AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and this machine's clock";

/** https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and what each service calls them */
const credentialProblems: readonly [RegExp, what: string, hint: string][] = [
  [
    /^(?:CredentialsProviderError|TokenProviderError)$/,
    'there are no credentials',
    'sign in (`aws sso login`), name a profile in AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
  [/^(?:ExpiredToken|RequestExpired)/, 'the credentials have expired', renew],
  [
    /^(?:InvalidClientTokenId|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|AuthFailure|InvalidAccessKeyId|MissingAuthenticationToken)/,
    'the credentials are not known there',
    check,
  ],
];

function firstLine(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const line = error.message.split('\n')[0]!;
  return { name: error.name, message: line.length > 600 ? `${line.slice(0, 597)}...` : line };
}

/** ECONNREFUSED, ENOTFOUND, …: of the system's errors, which the SDK passes on. */
const codeOf = (error: unknown): string | undefined => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
};
