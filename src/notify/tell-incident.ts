import { identity } from '#model/approver';
import { type Incident, runnerOf } from '#model/incident';
import type { DueMessage } from '#model/incident-messages';
import { contactChannel, type IncidentContact, type IncidentSettings } from '#model/incident-settings';
import { noticeSchema } from '#model/notice';
import type { Notification } from '#model/notification';
import { channelName, describeChannel } from './channel-name.ts';
import { chooseChannels } from './choose-channels.ts';
import { type ChannelResult, type DeliverOptions, type Delivery, deliver } from './deliver.ts';
import { incidentNotice } from './incident-notice.ts';
import { incidentPage } from './incident-page.ts';
import { deliveryOf, type Senders, withoutDoubles } from './senders.ts';
import type { NoticeRecords } from './tell-notice.ts';

export interface IncidentTelling extends DeliverOptions {
  senders: Senders;
  records: Pick<NoticeRecords, 'isTaken' | 'recordTaken'>;
  settings: IncidentSettings;
  notifications: readonly Notification[];
}

/**
 * Tell one message to each channel that is concerned and has not taken it yet. Answers for all of them, also for those that
 * took it before: `tries` is 0 then. A process that dies between sending and recording leads to one message twice there.
 */
export async function tellIncident(
  incident: Incident,
  due: DueMessage,
  { senders, records, settings, notifications, ...options }: IncidentTelling,
): Promise<ChannelResult[]> {
  const now = new Date(options.clock.nowMs());
  const notice = noticeSchema.parse(incidentNotice(incident, due, settings, now));
  const page = incidentPage(incident, due, settings, now);
  const channels = withoutDoubles(channelsOf(incident, due, settings.contacts, notifications));
  const deliveries = channels.flatMap((channel): Delivery[] => {
    const onTaken = () => records.recordTaken(due.id, channelName(channel));
    if (channel.kind !== 'statuspage') return [{ ...deliveryOf(notice, due.id, channel, senders), onTaken }];
    if (!page) return [];
    const send = (signal: AbortSignal) => senders.showIncident(channel, page, signal);
    return [{ channel: channelName(channel), label: describeChannel(channel), send, onTaken }];
  });
  const taken = await Promise.all(deliveries.map(({ channel }) => records.isTaken(due.id, channel)));
  const before = deliveries.filter((_, index) => taken[index]);
  const sent = await deliver(
    deliveries.filter((_, index) => !taken[index]),
    options,
  );
  return [...before.map(({ channel, label }) => ({ channel, label, tries: 0, taken: true as const })), ...sent];
}

/** Who is told what: a contact by its own channel, and the rest as of a failure; a reminder goes to its person if that is one. */
function channelsOf(
  incident: Incident,
  { message }: DueMessage,
  contacts: readonly IncidentContact[],
  notifications: readonly Notification[],
): Notification[] {
  const own = (some: readonly IncidentContact[]) =>
    some.flatMap((contact) => contactChannel(contact, notifications) ?? []);
  if (message.kind === 'call') return own([message.contact]);
  if (message.kind === 'reminder') {
    const runner = contacts.filter(({ name }) => identity(name) === identity(runnerOf(incident)));
    const asked = { occasion: 'question', recovered: false, dedupe: null } as const;
    return runner.length > 0 ? own(runner) : chooseChannels(notifications, asked);
  }
  const all = chooseChannels(notifications, { occasion: 'failure', recovered: false, dedupe: null });
  return 'called' in message ? [...all, ...own(message.called)] : all;
}
