import { Failure } from '#model/failure';
import type { SecretReference } from '#model/secret-reference';
import type { SendOutcome } from '#notify/deliver';
import type { Senders } from '#notify/senders';
import type { Environment } from '#runtime/environment';
import { postJson } from '#runtime/post-json';
import { doubtSecret, resolveSecret } from '#runtime/resolve-secret';

/**
 * Real senders. Secrets are read for each message, and from Secrets Manager anew once one was refused, so that one that was put
 * right counts at once. What a channel does not need is not loaded: nodemailer and the SDK take longer to load than a message
 * to send.
 */
export function openSenders(environment: Environment): Senders {
  const withSecret = secretUser(environment);
  return {
    post: (url, message, signal) => withSecret(url, 'notifications.url', (secret) => postJson(secret, message, signal)),
    mail: async ({ smtp: server, ses }, message, signal) => {
      if (ses) {
        const { sendSesMail } = await import('#runtime/send-ses-mail');
        return sendSesMail(ses, message, { environment, signal });
      }
      const { sendMail } = await import('#runtime/send-mail');
      const { user, password } = server;
      if (user === undefined) return sendMail(server, undefined, message, { signal });
      if (password === undefined) return sendMail(server, { user, password: '' }, message, { signal });
      return withSecret(password, 'notifications.smtp.password', (secret) =>
        sendMail(server, { user, password: secret }, message, { signal }),
      );
    },
    publish: async (topicArn, message, id, signal) => {
      const { publishToTopic } = await import('#runtime/publish-to-topic');
      return publishToTopic(topicArn, message, id, { environment, signal });
    },
    showIncident: (page, deed, signal) =>
      withSecret(page.apiKey, 'notifications.apiKey', async (key) => {
        const { showIncident } = await import('#runtime/show-incident');
        return showIncident(page, key, deed, signal);
      }),
  };
}

/** A secret that is missing is one channel's failure, not everybody's. Its message names the reference. */
function secretUser(environment: Environment) {
  return async (
    reference: SecretReference,
    field: string,
    send: (secret: string) => Promise<SendOutcome>,
  ): Promise<SendOutcome> => {
    let secret: string;
    try {
      secret = await resolveSecret(reference, environment, field);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { message: reason, hint } = error;
      return { taken: false, again: false, reason, ...(hint === undefined ? {} : { hint }) };
    }
    const outcome = await send(secret);
    if (!outcome.taken && !outcome.again) await doubtSecret(reference, environment);
    return outcome;
  };
}
