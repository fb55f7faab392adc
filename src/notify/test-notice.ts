import { randomUUID } from 'node:crypto';
import { noticeSchema } from '#model/notice';
import type { Notification } from '#model/notification';
import { ChannelRest } from './channel-rest.ts';
import { type Clock, realClock } from './clock.ts';
import { type ChannelResult, deliver } from './deliver.ts';
import { deliveriesOf, type Senders } from './senders.ts';

/**
 * Send a message to each channel of the plan, whatever it wants to be told of, and say how that went. Nothing is remembered, and
 * each channel gets one try: who waits at a terminal wants to know now.
 */
export function sendTestNotice(
  channels: readonly Notification[],
  { senders, host, clock = realClock }: { senders: Senders; host: string; clock?: Clock },
): Promise<ChannelResult[]> {
  const notice = noticeSchema.parse({
    format: 'lifeboat-notice/1',
    occasion: 'success',
    subject: 'test',
    title: 'this is a test',
    what: `Somebody ran \`lifeboat notify --test\` on ${host}. Nothing happened and nothing has to be done.`,
    since: new Date(clock.nowMs()).toISOString(),
  });
  const deliveries = deliveriesOf(notice, randomUUID(), channels, senders);
  return deliver(deliveries, { clock, random: Math.random, rest: new ChannelRest(), tries: 1 });
}
