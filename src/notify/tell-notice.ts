import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';
import type { Allowance } from './channel-budget.ts';
import { channelName, describeChannel } from './channel-name.ts';
import { chooseChannels } from './choose-channels.ts';
import { decideDedupe, type Told, withRepeats } from './dedupe.ts';
import { type ChannelResult, type DeliverOptions, type Delivery, deliver } from './deliver.ts';
import { type Echo, echoKeysOf, isEcho } from './echo.ts';
import { deliveryOf, type Senders, withoutDoubles } from './senders.ts';

/** What is remembered of notices. None of these rejects: who cannot remember tells twice rather than not at all. */
export interface NoticeRecords {
  /** whether this channel has taken this notice */
  isTaken(id: string, channel: string): Promise<boolean>;
  recordTaken(id: string, channel: string): Promise<void>;
  /** what was last told under a dedupe key */
  lastTold(key: string): Promise<Told | undefined>;
  recordTold(key: string, told: Told): Promise<void>;
  /** whether this channel gets one more message now; if so, it is counted */
  allow(channel: string): Promise<Omit<Allowance, 'spent'>>;
}

export interface TellOptions extends DeliverOptions {
  senders: Senders;
  records: NoticeRecords;
  /** null: the notice repeats nothing that somebody else tells */
  echo?: Echo | null;
}

export interface Telling {
  /** held back: the same was told a short while ago */
  heldBack: boolean;
  /** of this time; channels that had taken it before are not among them */
  results: ChannelResult[];
}

/**
 * Tell each channel that wants to know and has not taken this notice yet. A process that dies between sending and recording leads
 * to one message twice in that channel, and to none that is lost.
 */
export async function tellNotice(
  notice: Notice,
  id: string,
  channels: readonly Notification[],
  { senders, records, echo = null, ...options }: TellOptions,
): Promise<Telling> {
  const now = new Date(options.clock.nowMs());
  const { occasion, recovered } = notice;
  const mark = { id, occasion, recovered, at: now.toISOString(), heldBack: 0 };
  if (echo && (await isEcho(notice, id, echo, { lastTold: records.lastTold, clock: options.clock }))) {
    return { heldBack: true, results: [] };
  }
  // at once: who repeats it may be on its way already
  await Promise.all(echoKeysOf(notice).map((key) => records.recordTold(key, mark)));
  const told = notice.dedupe === null ? undefined : await records.lastTold(notice.dedupe);
  const decision = decideDedupe(notice, id, told, now);
  if (decision.action === 'hold back') {
    await records.recordTold(notice.dedupe!, { ...told!, heldBack: told!.heldBack + 1 });
    return { heldBack: true, results: [] };
  }
  const worded = withRepeats(notice, decision.repeats, decision.since);
  const chosen = withoutDoubles(chooseChannels(channels, notice));
  const open = await Promise.all(chosen.map((channel) => openDelivery(worded, id, channel, { senders, records })));
  const sent = await deliver(
    open.flatMap((one) => ('delivery' in one ? [one.delivery] : [])),
    options,
  );
  const results = [...sent, ...open.flatMap((one) => ('result' in one ? [one.result] : []))];
  // nobody was told: the next of its kind must not be held back
  if (notice.dedupe !== null && told?.id !== id && (results.length === 0 || results.some(({ taken }) => taken))) {
    await records.recordTold(notice.dedupe, mark);
  }
  return { heldBack: false, results };
}

/** What one channel is sent; nothing when it has it already, and a result alone when it gets too much. */
async function openDelivery(
  notice: Notice,
  id: string,
  channel: Notification,
  { senders, records }: Pick<TellOptions, 'senders' | 'records'>,
): Promise<{ delivery: Delivery } | { result: ChannelResult } | Record<string, never>> {
  const name = channelName(channel);
  if (await records.isTaken(id, name)) return {};
  const onTaken = () => records.recordTaken(id, name);
  // a question waits for its answer, and an incident for its end
  const isFree = notice.occasion === 'question' || channel.kind === 'statuspage';
  const { isAllowed, remark } = isFree ? { isAllowed: true, remark: null } : await records.allow(name);
  if (isAllowed) {
    const worded = remark === null ? notice : { ...notice, what: `${notice.what}\n\n${remark}`.trimStart() };
    return { delivery: { ...deliveryOf(worded, id, channel, senders), onTaken } };
  }
  await onTaken();
  const note = 'not sent: it got too many messages a moment ago';
  return { result: { channel: name, label: describeChannel(channel), tries: 0, taken: true, note } };
}
