import { z } from 'zod';
import { ChannelRest } from '#notify/channel-rest';
import { requireDelivered } from '#notify/notice-undelivered';
import { noticeRecords, type TakenHere } from '#runtime/notice-records';
import { openSenders } from '#runtime/open-senders';
import { tellIncidents } from '#runtime/tell-incidents';
import { edge } from './edge.ts';

const here: TakenHere = new Set();
const rest = new ChannelRest();

/**
 * Every minute, and whenever somebody says something of an incident: what people have to be told now. Fails when a channel
 * did not take it, unless somebody waits for the answer; the next minute tries again in any case.
 */
export const handler = edge({
  name: 'tell-incidents',
  input: z.looseObject({ answer: z.boolean({ error: 'true or false' }).exactOptional() }),

  async run({ answer = false }, { plan, vault: { store }, environment, now }, logger) {
    const onFailure = (failure: unknown) => logger.error('messages are not remembered', failure as Error);
    const records = noticeRecords(store, { here, now, onFailure });
    const outcome = await tellIncidents({ store, plan, senders: openSenders(environment), records, rest });
    for (const { incident, message, results } of outcome.told) logger.info('told', { incident, message, results });
    const failed = outcome.told.flatMap(({ results }) => results.filter(({ taken }) => !taken));
    if (!answer) requireDelivered(failed);
    return outcome;
  },
});
