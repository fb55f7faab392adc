import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ConnectionFailed } from '#model/failure';
import { type NoticeInput, printNotice } from '#model/notice';
import { allTopicVariables, topicVariableOf } from '#notify/choose-topic';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

export type PublishNotice = (notice: NoticeInput) => Promise<void>;

/**
 * Publishes to the topics of the environment (ARNs, by occasion) as the machines do; undefined without any. A topic that is
 * missing or refuses throws ConnectionFailed.
 */
export function topicPublisher(environment: Environment): PublishNotice | undefined {
  const known = allTopicVariables.map((variable) => environment[variable]).find(Boolean);
  if (!known) return undefined;
  const region = known.split(':')[3] ?? '';
  const client = new SNSClient({ ...awsClientConfig(environment, 'sns'), region, maxAttempts: 4 });
  return async (notice) => {
    const variable = topicVariableOf(notice);
    const topic = environment[variable];
    if (!topic) throw unpublished(variable, 'there is no topic for it', variable);
    try {
      await client.send(new PublishCommand({ TopicArn: topic, Message: printNotice(notice) }));
    } catch (error) {
      const { name, message } = error as Error;
      throw unpublished(topic, `${name}: ${message.split('\n')[0]}`, variable);
    }
  };
}

const unpublished = (subject: string, why: string, variable: string): ConnectionFailed =>
  new ConnectionFailed(`${subject} did not take a notice: ${why}`, {
    operation: 'publish notice',
    subject,
    hint: `check the topic in ${variable}, and the right sns:Publish`,
  });
