import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NoticeInput } from '#model/notice';
import { topicPublisher } from '#runtime/publish-notice';
import { httpServer } from './http-server.ts';

const topic = 'arn:aws:sns:eu-central-1:123456789012:lifeboat';
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
  LIFEBOAT_TOPIC: topic,
  AWS_ENDPOINT_URL_SNS: url,
  AWS_ACCESS_KEY_ID: 'TESTACCESSKEY',
  AWS_SECRET_ACCESS_KEY: 'test-secret',
});

test('a notice is published to the topic as machines do it', async () => {
  const { url, received } = await httpServer((_, response) => response.end(taken));
  await topicPublisher(environmentOf(url))!(notice);
  const request = new URLSearchParams(received[0]!.body);
  assert.deepEqual([request.get('Action'), request.get('TopicArn')], ['Publish', topic]);
  assert.deepEqual(JSON.parse(request.get('Message')!).title, 'a title');
});

test('a topic that refuses says so', async () => {
  const { url } = await httpServer((_, response) => response.writeHead(403).end(refused));
  await assert.rejects(topicPublisher(environmentOf(url))!(notice), {
    name: 'ConnectionFailed',
    message: /lifeboat did not take a notice: AuthorizationError(Exception)?: no right$/,
  });
});

test('nobody is told without a topic', () => {
  assert.equal(topicPublisher({}), undefined);
});
