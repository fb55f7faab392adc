import type { Notice } from '#model/notice';
import type { Notification } from '#model/notification';
import { chooseChannels } from './choose-channels.ts';
import { decideDedupe, type Told, withRepeats } from './dedupe.ts';
import { type ChannelResult, type DeliverOptions, deliver } from './deliver.ts';
import { deliveriesOf, type Senders } from './senders.ts';

/** What is remembered of notices. None of these rejects: who cannot remember tells twice rather than not at all. */
export interface NoticeRecords {
  /** whether this channel has taken this notice */
  isTaken(id: string, channel: string): Promise<boolean>;
  recordTaken(id: string, channel: string): Promise<void>;
  /** what was last told under a dedupe key */
  lastTold(key: string): Promise<Told | undefined>;
  recordTold(key: string, told: Told): Promise<void>;
}

export interface TellOptions extends DeliverOptions {
  senders: Senders;
  records: NoticeRecords;
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
  { senders, records, ...options }: TellOptions,
): Promise<Telling> {
  const told = notice.dedupe === null ? undefined : await records.lastTold(notice.dedupe);
  const now = new Date(options.clock.nowMs());
  const decision = decideDedupe(notice, id, told, now);
  if (decision.action === 'hold back') {
    await records.recordTold(notice.dedupe!, { ...told!, heldBack: told!.heldBack + 1 });
    return { heldBack: true, results: [] };
  }
  const worded = withRepeats(notice, decision.repeats, decision.since);
  const deliveries = deliveriesOf(worded, id, chooseChannels(channels, notice), senders);
  const open = await Promise.all(
    deliveries.map(async (one) => ((await records.isTaken(id, one.channel)) ? [] : [one])),
  );
  const recorded = open.flat().map((one) => ({ ...one, onTaken: () => records.recordTaken(id, one.channel) }));
  const results = await deliver(recorded, options);
  // nobody was told: the next of its kind must not be held back
  if (notice.dedupe !== null && told?.id !== id && (results.length === 0 || results.some(({ taken }) => taken))) {
    const { occasion, recovered } = notice;
    await records.recordTold(notice.dedupe, { id, occasion, recovered, at: now.toISOString(), heldBack: 0 });
  }
  return { heldBack: false, results };
}
