import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/*
 * How Slack proves that a request is its own: HMAC-SHA256 with the app's signing secret over
 *
 *     v0:<X-Slack-Request-Timestamp>:<body, to the byte>
 *
 * in X-Slack-Signature: `v0=<64 hexadecimal digits>`. https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export interface SlackSignature {
  /** seconds since 1970, as it was written */
  timestamp: string;
  signature: string;
}

/** More than Slack ever sends for a message of ours; longer ones are not looked at. */
export const slackBodyBytes = 256 << 10;

/** A request is taken for so long, and as long before: clocks differ. */
export const slackWindowSeconds = 300;

export type SignatureOutcome = ({ ok: true } & SlackSignature) | { ok: false; reason: string };

/** What can be known without the secret: that it says to be signed, lately. */
export function readSlackSignature(headers: Readonly<Record<string, string>>, now: Date): SignatureOutcome {
  const { 'x-slack-signature': signature = '', 'x-slack-request-timestamp': timestamp = '' } = headers;
  if (!/^v0=[0-9a-f]{64}$/.test(signature)) return { ok: false, reason: 'no signature of version v0' };
  if (!/^\d{10}$/.test(timestamp)) return { ok: false, reason: 'no time' };
  const ageSeconds = now.getTime() / 1000 - Number(timestamp);
  if (Math.abs(ageSeconds) > slackWindowSeconds) {
    return { ok: false, reason: `signed ${Math.round(ageSeconds)} s ago, of which ${slackWindowSeconds} are allowed` };
  }
  return { ok: true, timestamp, signature };
}

/** How long it takes tells nothing of the signature that is right. */
export function isSignedBySlack({ timestamp, signature }: SlackSignature, body: Uint8Array, secret: string): boolean {
  const right = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest();
  const given = Buffer.from(signature.slice('v0='.length), 'hex');
  return given.length === right.length && timingSafeEqual(given, right);
}

/** Under which a request is remembered: the signature covers its time and its body. */
export const slackRequestDigest = ({ timestamp, signature }: SlackSignature): string =>
  createHash('sha256').update(`${timestamp}:${signature}`).digest('hex');
