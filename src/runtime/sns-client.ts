import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { SendOutcome } from '#notify/deliver';
import type { SnsMessage } from '#notify/to-sns';
import type { Environment } from '#runtime/environment';

/**
 * Publish to a topic, in the topic's own region. The environment gives what it gives to the aws command:
 * AWS_ENDPOINT_URL_SNS or AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …; what is not in it is looked up where the SDK does.
 * One try: who calls repeats.
 */
export async function publishToTopic(
  topicArn: string,
  message: SnsMessage,
  id: string,
  { environment, signal }: { environment: Environment; signal: AbortSignal },
): Promise<SendOutcome> {
  const client = createSnsClient(topicArn, environment);
  try {
    await client.send(publishCommand(topicArn, message, id), { abortSignal: signal });
    return { taken: true };
  } catch (error) {
    return outcomeOf(error);
  } finally {
    client.destroy();
  }
}

function createSnsClient(topicArn: string, environment: Environment): SNSClient {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  const endpoint = environment.AWS_ENDPOINT_URL_SNS ?? environment.AWS_ENDPOINT_URL;
  return new SNSClient({
    region: topicArn.split(':')[3]!,
    maxAttempts: 1,
    ...(endpoint && { endpoint }),
    // a profile that is named wins, as in the SDK's own chain
    ...(accessKeyId && secretAccessKey && !environment.AWS_PROFILE
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } }
      : {}),
  });
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
