import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ConnectionFailed } from '#model/failure';
import { type NoticeInput, printNotice } from '#model/notice';
import type { Environment } from '#runtime/environment';

export type PublishNotice = (notice: NoticeInput) => Promise<void>;

/**
 * Publishes to the topic LIFEBOAT_TOPIC (an ARN) as the machines do; undefined without one. The environment gives what
 * it gives to the aws command. What it answers throws ConnectionFailed.
 */
export function topicPublisher(environment: Environment): PublishNotice | undefined {
  const topic = environment.LIFEBOAT_TOPIC;
  if (!topic) return undefined;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  const sessionToken = environment.AWS_SESSION_TOKEN;
  const endpoint = environment.AWS_ENDPOINT_URL_SNS ?? environment.AWS_ENDPOINT_URL;
  const client = new SNSClient({
    region: topic.split(':')[3] ?? '',
    ...(endpoint && { endpoint }),
    // a profile that is named wins, as in the SDK's own chain
    ...(accessKeyId &&
      secretAccessKey &&
      !environment.AWS_PROFILE && {
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
      }),
    maxAttempts: 4,
  });
  return async (notice) => {
    try {
      await client.send(new PublishCommand({ TopicArn: topic, Message: printNotice(notice) }));
    } catch (error) {
      throw unpublished(topic, error as Error);
    }
  };
}

const unpublished = (topic: string, { name, message }: Error): ConnectionFailed =>
  new ConnectionFailed(`${topic} did not take a notice: ${name}: ${message.split('\n')[0]}`, {
    operation: 'publish notice',
    subject: topic,
    hint: 'check the topic in LIFEBOAT_TOPIC, and the right sns:Publish',
  });
