import { putRecord } from '#catalog/put-record';
import { slackRequestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/**
 * Whether a request of Slack came for the first time: of any number at once one is the first. What is remembered goes by its
 * age, as notices do, long after the request could be sent again (src/notify/slack-request.ts).
 */
export const isFirstOfItsKind = (store: ObjectStore, digest: string, now: Date): Promise<boolean> =>
  putRecord(store, slackRequestKey(digest), { format: 'lifeboat-slack/1', at: now.toISOString() });
