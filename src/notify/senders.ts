import type { Notice } from '#model/notice';
import type { MailService, Notification, StatusPage } from '#model/notification';
import type { SecretReference } from '#model/secret-reference';
import { channelName, describeChannel } from './channel-name.ts';
import type { Delivery, SendOutcome } from './deliver.ts';
import { type EmailMessage, toEmail } from './to-email.ts';
import { toSlack } from './to-slack.ts';
import { type SnsMessage, toSns } from './to-sns.ts';
import { type StatuspageDeed, toStatuspage } from './to-statuspage.ts';
import { toWebhook } from './to-webhook.ts';

/** What can be sent, and how that ended; secrets are looked up when they are needed. */
export interface Senders {
  /** POST of JSON to a URL that is a secret */
  post(
    url: SecretReference,
    message: { headers: Record<string, string>; body: string },
    signal: AbortSignal,
  ): Promise<SendOutcome>;
  mail(service: MailService, message: EmailMessage, signal: AbortSignal): Promise<SendOutcome>;
  /** `id` is the notice's */
  publish(topicArn: string, message: SnsMessage, id: string, signal: AbortSignal): Promise<SendOutcome>;
  showIncident(page: StatusPage, deed: StatuspageDeed, signal: AbortSignal): Promise<SendOutcome>;
}

/** The notice as each of the channels takes it; channels that lead to the same place once. `id` is the notice's. */
export function deliveriesOf(
  notice: Notice,
  id: string,
  channels: readonly Notification[],
  senders: Senders,
): Delivery[] {
  return withoutDoubles(channels).map((channel) => deliveryOf(notice, id, channel, senders));
}

/** Channels that lead to the same place once. */
export const withoutDoubles = (channels: readonly Notification[]): Notification[] => [
  ...new Map(channels.map((channel) => [channelName(channel), channel])).values(),
];

export const deliveryOf = (notice: Notice, id: string, channel: Notification, senders: Senders): Delivery => ({
  channel: channelName(channel),
  label: describeChannel(channel),
  send: senderOf(channel, notice, id, senders),
});

function senderOf(channel: Notification, notice: Notice, id: string, senders: Senders): Delivery['send'] {
  switch (channel.kind) {
    case 'slack':
      return (signal) => senders.post(channel.webhook, { headers: {}, body: JSON.stringify(toSlack(notice)) }, signal);
    case 'webhook':
      return (signal) => senders.post(channel.url, toWebhook(notice, id), signal);
    case 'email':
      return (signal) => senders.mail(channel, toEmail(notice, id, channel), signal);
    case 'sns':
      return (signal) => senders.publish(channel.topicArn, toSns(notice), id, signal);
    case 'statuspage':
      return (signal) => senders.showIncident(channel, toStatuspage(notice, id), signal);
  }
}
