import { createHash } from 'node:crypto';
import type { Notification } from '#model/notification';
import { formatSecretReference } from '#model/secret-reference';

/**
 * Names a channel for good, however a plan's channels are sorted: its kind and a digest of where it leads. Two channels that
 * lead to the same place have the same name, and it is told once.
 */
export const channelName = (channel: Notification): string =>
  `${channel.kind}-${createHash('sha256').update(placeOf(channel)).digest('hex').slice(0, 12)}`;

/** For people: a secret's reference, never the secret. */
export const describeChannel = (channel: Notification): string => `${channel.kind} (${placeOf(channel)})`;

function placeOf(channel: Notification): string {
  if (channel.kind === 'slack') return formatSecretReference(channel.webhook);
  if (channel.kind === 'webhook') return formatSecretReference(channel.url);
  if (channel.kind === 'sns') return channel.topicArn;
  if (channel.kind === 'statuspage') return `page ${channel.pageId}`;
  const through = channel.smtp ? `${channel.smtp.host}:${channel.smtp.port}` : `SES in ${channel.ses.region}`;
  return `${channel.to.join(', ')} through ${through}`;
}
