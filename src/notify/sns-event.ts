import { createHash } from 'node:crypto';
import { z } from 'zod';
import { toldAttribute } from './to-sns.ts';

/** What Lambda gets of a topic, as far as we read it. https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
export const snsEvent = z.object({
  Records: z.array(
    z.object({
      Sns: z.object({
        MessageId: z.string().min(1),
        TopicArn: z.string(),
        Message: z.string(),
        MessageAttributes: z.record(z.string(), z.unknown()).nullish(),
      }),
    }),
  ),
});

export type SnsRecord = z.output<typeof snsEvent>['Records'][number]['Sns'];

/** Whether it is one of ours that came back over a topic of the plan. */
export const isToldMessage = ({ MessageAttributes }: SnsRecord): boolean => toldAttribute in (MessageAttributes ?? {});

/** A notice's id, the same each time that this message is delivered; letters, digits and `-`. */
export const noticeIdOf = ({ MessageId }: Pick<SnsRecord, 'MessageId'>): string =>
  /^[\w-]{1,64}$/.test(MessageId) ? MessageId : createHash('sha256').update(MessageId).digest('hex').slice(0, 32);
