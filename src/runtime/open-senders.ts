import { Failure } from '#model/failure';
import type { SmtpServer } from '#model/notification';
import type { SecretReference } from '#model/secret-reference';
import type { SendOutcome } from '#notify/deliver';
import type { Senders } from '#notify/senders';
import type { Environment } from '#runtime/environment';
import { postJson } from '#runtime/post-json';
import { resolveSecret } from '#runtime/resolve-secret';
import type { MailLogin } from '#runtime/send-mail';

/**
 * Real senders. Secrets are read for each message, so that one that was put right counts at once. What a channel does not need
 * is not loaded: nodemailer and the SDK take longer to load than a message to send.
 */
export function openSenders(environment: Environment): Senders {
  return {
    post: (url, message, signal) =>
      withSecret(resolveSecret(url, environment, 'notifications.url'), (secret) => postJson(secret, message, signal)),
    mail: (server, message, signal) =>
      withSecret(loginOf(server, environment), async (login) => {
        const { sendMail } = await import('#runtime/send-mail');
        return sendMail(server, login, message, { signal });
      }),
    publish: async (topicArn, message, id, signal) => {
      const { publishToTopic } = await import('#runtime/publish-to-topic');
      return publishToTopic(topicArn, message, id, { environment, signal });
    },
  };
}

async function loginOf({ user, password }: SmtpServer, environment: Environment): Promise<MailLogin | undefined> {
  if (user === undefined) return undefined;
  const field = 'notifications.smtp.password';
  return {
    user,
    password: password === undefined ? '' : await resolveSecret(password as SecretReference, environment, field),
  };
}

/** A secret that is missing is one channel's failure, not everybody's. Its message names the reference. */
async function withSecret<T>(secret: Promise<T>, send: (secret: T) => Promise<SendOutcome>): Promise<SendOutcome> {
  let value: T;
  try {
    value = await secret;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return {
      taken: false,
      again: false,
      reason: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  }
  return send(value);
}
