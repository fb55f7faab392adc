import { recordEnding } from '#catalog/record-ending';
import { ChannelRest } from '#notify/channel-rest';
import { realClock } from '#notify/clock';
import type { ChannelResult } from '#notify/deliver';
import { requireDelivered } from '#notify/notice-undelivered';
import { readEnding, readNotice } from '#notify/read-notice';
import { isToldMessage, noticeIdOf, snsEvent } from '#notify/sns-event';
import { tellNotice } from '#notify/tell-notice';
import { noticeRecords, type TakenHere } from '#runtime/notice-records';
import { openSenders } from '#runtime/open-senders';
import { edge } from './edge.ts';

const here: TakenHere = new Set();
const rest = new ChannelRest();

/**
 * Tell a topic's notices to the plan's channels. Fails when a channel did not take one, so that it is invoked again; channels
 * that took it are not told twice (what that costs: src/runtime/notice-records.ts). Needs a timeout of two minutes.
 * An execution that ended and could not record that itself is recorded here, where its end is seen.
 */
export const handler = edge({
  name: 'tell',
  input: snsEvent,

  async run({ Records }, { plan, vault, environment, now }, logger) {
    const onFailure = (failure: unknown) => logger.error('notices are not remembered', failure as Error);
    const records = noticeRecords(vault.store, { here, now, onFailure });
    const options = { senders: openSenders(environment), records, rest, clock: realClock, random: Math.random };
    const failed: ChannelResult[] = [];
    const unrecorded: Error[] = [];
    for (const { Sns } of Records.filter((record) => !isToldMessage(record.Sns))) {
      const { notice, echo } = readNotice(Sns.Message);
      // the topic that this came from would bring it back
      const channels = plan.notifications.filter((one) => one.kind !== 'sns' || one.topicArn !== Sns.TopicArn);
      const { heldBack, results } = await tellNotice(notice, noticeIdOf(Sns), channels, { ...options, echo });
      const { title, subject, occasion } = notice;
      logger.info(heldBack ? 'held back' : 'told', { title, subject, occasion, results });
      failed.push(...results.filter(({ taken }) => !taken));
      const ended = readEnding(Sns.Message);
      if (ended) unrecorded.push(...(await failureOf(recordEnding(vault.store, plan, ended))));
    }
    requireDelivered(failed);
    for (const failure of unrecorded) throw failure;
  },
});

const failureOf = (work: Promise<unknown>): Promise<Error[]> =>
  work.then(
    () => [],
    (failure: Error) => [failure],
  );
