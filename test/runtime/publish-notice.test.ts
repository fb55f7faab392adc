import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { NoticeInput } from '#model/notice';
import { topicPublisher } from '#runtime/publish-notice';

const topic = 'arn:aws:sns:eu-central-1:123456789012:lifeboat';
const notice: NoticeInput = {
  format: 'lifeboat-notice/1',
  occasion: 'failure',
  subject: 'main',
  title: 'a title',
  what: 'what happened',
};
const published: URLSearchParams[] = [];
let status = 200;
const http = createServer(async (request, response) => {
  published.push(new URLSearchParams(Buffer.concat(await request.toArray()).toString()));
  response.writeHead(status, { 'content-type': 'text/xml' });
  const error = '<Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>no right</Message></Error>';
  response.end(
    status === 200
      ? '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>'
      : `<ErrorResponse>${error}<RequestId>1</RequestId></ErrorResponse>`,
  );
});
const environment = (): Record<string, string> => ({
  LIFEBOAT_TOPIC: topic,
  AWS_ENDPOINT_URL_SNS: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
  AWS_ACCESS_KEY_ID: 'TESTACCESSKEY',
  AWS_SECRET_ACCESS_KEY: 'test-secret',
});
before(async () => {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
});
after(() => {
  http.close();
  http.closeAllConnections();
});

test('a notice is published to the topic as machines do it', async () => {
  await topicPublisher(environment())!(notice);
  const [request] = published;
  assert.deepEqual([request!.get('Action'), request!.get('TopicArn')], ['Publish', topic]);
  assert.deepEqual(JSON.parse(request!.get('Message')!).title, 'a title');
});

test('a topic that refuses says so', async () => {
  status = 403;
  await assert.rejects(topicPublisher(environment())!(notice), {
    name: 'ConnectionFailed',
    message: /lifeboat did not take a notice: AuthorizationError(Exception)?: no right$/,
  });
});

test('nobody is told without a topic', () => {
  assert.equal(topicPublisher({}), undefined);
});
