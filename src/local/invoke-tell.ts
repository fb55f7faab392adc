import { topicArn } from '#model/arn';
import type { WaitingNotice } from './notice-file.ts';

/** functions/tell.ts; settles when all channels have taken the notice, rejects when it has to be invoked again */
export type InvokeTell = (event: SnsLambdaEvent) => Promise<unknown>;

/** One invocation; one that does not end in time counts as failed. */
export async function invokeTell(invoke: InvokeTell, notice: WaitingNotice, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`tell did not end in ${Math.round(limitMs / 1_000)} s`)), limitMs);
    timer.unref(); // a process that is to end does not wait for it
  });
  try {
    await Promise.race([invoke(snsLambdaEvent(notice)), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What Lambda gets when a topic is subscribed to. https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
function snsLambdaEvent({ id, message, publishedAt }: WaitingNotice) {
  return {
    Records: [
      {
        EventVersion: '1.0',
        EventSubscriptionArn: `${topicArn}:00000000-0000-0000-0000-000000000000`,
        EventSource: 'aws:sns',
        Sns: {
          Type: 'Notification',
          MessageId: id,
          TopicArn: topicArn,
          Subject: null,
          Message: message,
          Timestamp: publishedAt,
          SignatureVersion: '1',
          Signature: 'local',
          SigningCertUrl: 'local',
          UnsubscribeUrl: 'local',
          MessageAttributes: {},
        },
      },
    ],
  };
}

export type SnsLambdaEvent = ReturnType<typeof snsLambdaEvent>;
