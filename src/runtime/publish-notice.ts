import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ConnectionFailed } from '#model/failure';
import { type NoticeInput, printNotice } from '#model/notice';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

export type PublishNotice = (notice: NoticeInput) => Promise<void>;

/**
 * Publishes to the topic LIFEBOAT_TOPIC (an ARN) as the machines do; undefined without one. What it answers throws
 * ConnectionFailed.
 */
export function topicPublisher(environment: Environment): PublishNotice | undefined {
  const topic = environment.LIFEBOAT_TOPIC;
  if (!topic) return undefined;
  const region = topic.split(':')[3] ?? '';
  const client = new SNSClient({ ...awsClientConfig(environment, 'sns'), region, maxAttempts: 4 });
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
