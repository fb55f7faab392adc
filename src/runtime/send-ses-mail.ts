import { SESv2Client, SendEmailCommand } from '@aws-sdk/client-sesv2';
import type { SesRegion } from '#model/notification';
import type { SendOutcome } from '#notify/deliver';
import type { EmailMessage } from '#notify/to-email';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

/**
 * One message through Amazon SES, to all of its recipients at once. One try: who calls repeats. SES makes the Message-ID itself
 * and refuses another one, so a repetition cannot be told; the thread can.
 * https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
 */
export async function sendSesMail(
  { region }: SesRegion,
  message: EmailMessage,
  { environment, signal }: { environment: Environment; signal: AbortSignal },
): Promise<SendOutcome> {
  const client = new SESv2Client({ ...awsClientConfig(environment, 'sesv2'), region, maxAttempts: 1 });
  try {
    await client.send(commandOf(message), { abortSignal: signal });
    return { taken: true };
  } catch (error) {
    return signal.aborted ? { taken: false, again: true, reason: 'stopped' } : outcomeOf(error);
  } finally {
    client.destroy();
  }
}

/** As SMTP's: src/runtime/send-mail.ts */
function commandOf({ from, to, subject, text, thread }: EmailMessage): SendEmailCommand {
  const content = (Data: string) => ({ Data, Charset: 'UTF-8' });
  return new SendEmailCommand({
    FromEmailAddress: `Lifeboat <${from}>`,
    Destination: { ToAddresses: to },
    Content: {
      Simple: {
        Subject: content(subject),
        Body: { Text: content(text) },
        Headers: [
          // https://www.rfc-editor.org/rfc/rfc3834#section-5: no answers of machines
          { Name: 'Auto-Submitted', Value: 'auto-generated' },
          ...(thread === null ? [] : [{ Name: 'References', Value: thread }]),
        ],
      },
    },
  });
}

/** What SES says is not repeated, only its name: there may be addresses in it. */
function outcomeOf(error: unknown): SendOutcome {
  const {
    name = 'unknown',
    code,
    $metadata,
  } = error as {
    name?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const hint = hints.find(([pattern]) => pattern.test(name))?.[1];
  const status = $metadata?.httpStatusCode;
  const again =
    mayPass.test(name) || (!/^CredentialsProviderError$/.test(name) && (status === undefined || status >= 500));
  const reason = `SES did not take it: ${/^[A-Z]\w+$/.test(code ?? '') ? code : name}`;
  return { taken: false, again, reason, ...(hint === undefined ? {} : { hint }) };
}

/** A quota of a second or a day, which a minute or a day gives back. */
const mayPass = /^(?:TooManyRequests|LimitExceeded|Throttl)/;

/** https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors */
const hints: [RegExp, string][] = [
  [
    /^MessageRejected/,
    'verify the address or domain of `from` in this region; as long as the account is in the sandbox, those of `to`, too',
  ],
  [/^MailFromDomainNotVerified/, 'see the MX record of the MAIL FROM domain of this identity'],
  [/^SendingPaused/, 'sending is paused for this account or its configuration set: see its reputation in SES'],
  [/^AccountSuspended/, 'AWS has ended sending for this account: write to its support, and use smtp meanwhile'],
  [/^(?:TooManyRequests|Throttl)/, 'SES is asked too often: ask AWS for a higher sending rate'],
  [/^LimitExceeded/, 'the sending quota of the day is used up: ask AWS for a higher one'],
  [/^NotFound/, 'its identity or default configuration set is not known there: check ses.region in the plan'],
  [/^BadRequest/, 'check from and to of this channel in the plan'],
  [/^AccessDenied/, 'give these credentials ses:SendEmail for the address in `from`'],
  [/^CredentialsProviderError$/, 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role'],
  [
    /^(?:UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|ExpiredToken)/,
    'check the credentials in the environment',
  ],
];
