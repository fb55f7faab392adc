import { createHash } from 'node:crypto';
import { z } from 'zod';
import { topicArn } from '#model/arn';
import { readArguments } from './call-arguments.ts';
import { type Integration, StatesError } from './integration.ts';

const schema = z.strictObject({
  TopicArn: z.string(),
  Message: z.json(),
  Subject: z.string().optional(),
  MessageAttributes: z.json().optional(),
});

/** SNS takes no more: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const limitBytes = 256 * 1024;

/**
 * `sns:publish`. `publish` makes the message durable; asked again with the same id it does nothing.
 * @throws StatesError SNS.… for what SNS refuses, SNS.InternalErrorException when it cannot be made durable
 */
export function publishNotice(publish: (message: string, dedupeId: string) => Promise<unknown>): Integration {
  return async (call) => {
    const { TopicArn, Message } = readArguments(schema, call);
    if (TopicArn !== topicArn) {
      throw new StatesError('SNS.NotFoundException', `Topic does not exist: ${TopicArn} (there is ${topicArn})`);
    }
    const message = typeof Message === 'string' ? Message : JSON.stringify(Message);
    if (message === '') throw new StatesError('SNS.InvalidParameterException', 'Invalid parameter: Empty message');
    if (Buffer.byteLength(message) > limitBytes) {
      throw new StatesError('SNS.InvalidParameterException', 'Invalid parameter: Message too long');
    }
    try {
      await publish(message, call.id);
    } catch (error) {
      throw new StatesError('SNS.InternalErrorException', error instanceof Error ? error.message : String(error));
    }
    const requestId = messageId(`${call.id} request`);
    return {
      MessageId: messageId(call.id),
      SdkHttpMetadata: { HttpStatusCode: 200 },
      SdkResponseMetadata: { RequestId: requestId },
    };
  };
}

/** The same for the same call, in the form of a UUID. */
function messageId(id: string): string {
  const digits = createHash('sha256').update(id).digest('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}
