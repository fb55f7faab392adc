import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NoticeInput } from '#model/notice';
import { topicPublisher } from '#runtime/publish-notice';
import { httpServer } from './http-server.ts';

const topicOf = (name: string): string => `arn:aws:sns:eu-central-1:123456789012:lifeboat-prod-${name}`;
const notice: NoticeInput = {
  format: 'lifeboat-notice/1',
  occasion: 'failure',
  subject: 'main',
  title: 'a title',
  what: 'what happened',
};
const taken = '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>';
const error = '<Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>no right</Message></Error>';
const refused = `<ErrorResponse>${error}<RequestId>1</RequestId></ErrorResponse>`;

const environmentOf = (url: string): Record<string, string> => ({
  LIFEBOAT_FAILURE_TOPIC: topicOf('failure'),
  LIFEBOAT_QUESTION_TOPIC: topicOf('question'),
  LIFEBOAT_SUCCESS_TOPIC: topicOf('success'),
  AWS_ENDPOINT_URL_SNS: url,
  AWS_ACCESS_KEY_ID: 'TESTACCESSKEY',
  AWS_SECRET_ACCESS_KEY: 'test-secret',
});

const published: [given: Partial<NoticeInput>, topic: string][] = [
  [{ occasion: 'failure' }, 'failure'],
  [{ occasion: 'question' }, 'question'],
  [{ occasion: 'success' }, 'success'],
  [{ occasion: 'success', recovered: true }, 'failure'],
];
for (const [given, topic] of published) {
  test(`a notice of ${JSON.stringify(given)} is published to the ${topic} topic as machines do it`, async () => {
    const { url, received } = await httpServer((_, response) => response.end(taken));
    await topicPublisher(environmentOf(url))!({ ...notice, ...given });
    const request = new URLSearchParams(received[0]!.body);
    assert.deepEqual([request.get('Action'), request.get('TopicArn')], ['Publish', topicOf(topic)]);
    assert.deepEqual(JSON.parse(request.get('Message')!).title, 'a title');
  });
}

test('a topic that refuses says so', async () => {
  const { url } = await httpServer((_, response) => response.writeHead(403).end(refused));
  await assert.rejects(topicPublisher(environmentOf(url))!(notice), {
    name: 'ConnectionFailed',
    message: /lifeboat-prod-failure did not take a notice: AuthorizationError(Exception)?: no right$/,
    hint: /LIFEBOAT_FAILURE_TOPIC/,
  });
});

test('nobody is told without a topic, and a topic that is missing is named', async () => {
  assert.equal(topicPublisher({}), undefined);
  const publish = topicPublisher({ LIFEBOAT_FAILURE_TOPIC: topicOf('failure') })!;
  await assert.rejects(publish({ ...notice, occasion: 'question' }), {
    name: 'ConnectionFailed',
    message: 'LIFEBOAT_QUESTION_TOPIC did not take a notice: there is no topic for it',
  });
});
