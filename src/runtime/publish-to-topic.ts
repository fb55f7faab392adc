import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { SendOutcome } from '#notify/deliver';
import type { SnsMessage } from '#notify/to-sns';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

/** Publish to a topic, in the topic's own region. One try: who calls repeats. */
export async function publishToTopic(
  topicArn: string,
  message: SnsMessage,
  id: string,
  { environment, signal }: { environment: Environment; signal: AbortSignal },
): Promise<SendOutcome> {
  const region = topicArn.split(':')[3]!;
  const client = new SNSClient({ ...awsClientConfig(environment, 'sns'), region, maxAttempts: 1 });
  try {
    await client.send(publishCommand(topicArn, message, id), { abortSignal: signal });
    return { taken: true };
  } catch (error) {
    return outcomeOf(error);
  } finally {
    client.destroy();
  }
}

function publishCommand(topicArn: string, { Subject, Message, attributes }: SnsMessage, id: string): PublishCommand {
  const values = Object.entries(attributes).map(([name, text]) => [name, { DataType: 'String', StringValue: text }]);
  return new PublishCommand({
    TopicArn: topicArn,
    Subject,
    Message,
    MessageAttributes: Object.fromEntries(values),
    // https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
    ...(topicArn.endsWith('.fifo') && { MessageGroupId: 'lifeboat', MessageDeduplicationId: id.slice(0, 128) }),
  });
}

function outcomeOf(error: unknown): SendOutcome {
  if (!(error instanceof Error)) return { taken: false, again: true, reason: 'SNS did not take it' };
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const again =
    !refused.test(error.name) &&
    (status === undefined || status >= 500 || status === 429 || /Throttl/.test(error.name));
  const hint = hints.find(([pattern]) => pattern.test(error.name))?.[1];
  return { taken: false, again, reason: `SNS did not take it: ${error.name}`, ...(hint === undefined ? {} : { hint }) };
}

const refused = /^CredentialsProviderError$/;

const hints: [RegExp, string][] = [
  [/^Authorization/, 'give these credentials sns:Publish on the topic (and kms:GenerateDataKey on its key)'],
  [/^NotFound/, "check the topic's ARN in the plan"],
  [/^CredentialsProviderError$/, 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role'],
  [/^(?:InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken)/, 'check the credentials in the environment'],
];
