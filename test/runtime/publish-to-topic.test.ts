import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toSns } from '#notify/to-sns';
import { publishToTopic } from '#runtime/publish-to-topic';
import { notice } from '../notify/notice-sample.ts';
import { httpServer, type Received } from './http-server.ts';

const topic = 'arn:aws:sns:eu-central-1:123456789012:lifeboat';
const published =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>';
const refused = (code: string) =>
  `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>of arn hunter2</Message></Error></ErrorResponse>`;

async function publish(url: string, topicArn = topic, signal = AbortSignal.timeout(5_000)) {
  const environment = { AWS_ENDPOINT_URL_SNS: url, AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'hunter2' };
  const outcome = await publishToTopic(topicArn, toSns(notice()), 'id-1', { environment, signal });
  assert.doesNotMatch(JSON.stringify(outcome), /hunter2/);
  return outcome;
}

const fieldsOf = ({ body }: Received) => new URLSearchParams(body);

test("a message is published once, signed for the topic's region, with subject and attributes", async () => {
  const { url, received } = await httpServer((_, response) => response.end(published));
  assert.deepEqual(await publish(url), { taken: true });
  assert.equal(received.length, 1);
  assert.match(received[0]!.headers.authorization!, /Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/sns\/aws4_request/);
  const fields = fieldsOf(received[0]!);
  assert.equal(fields.get('Action'), 'Publish');
  assert.equal(fields.get('TopicArn'), topic);
  assert.equal(fields.get('Subject'), 'Lifeboat FAILURE: main: the backup failed');
  assert.match(fields.get('Message')!, /lifeboat backup --source main/);
  assert.equal(fields.get('MessageAttributes.entry.1.Name'), 'lifeboat');
  assert.equal(fields.get('MessageGroupId'), null);
});

test('a topic that keeps the order gets a group and the id of the notice', async () => {
  const { url, received } = await httpServer((_, response) => response.end(published));
  assert.deepEqual(await publish(url, `${topic}.fifo`), { taken: true });
  const fields = fieldsOf(received[0]!);
  assert.deepEqual([fields.get('MessageGroupId'), fields.get('MessageDeduplicationId')], ['lifeboat', 'id-1']);
});

const refusals: [status: number, code: string, again: boolean][] = [
  [403, 'AuthorizationError', false],
  [404, 'NotFound', false],
  [400, 'Throttling', true],
  [429, 'ThrottledException', true],
  [500, 'InternalFailure', true],
  [503, 'ServiceUnavailable', true],
];
for (const [status, code, again] of refusals) {
  test(`${status} ${code} is ${again ? 'tried again by the caller' : 'for good'}`, async () => {
    const { url, received } = await httpServer((_, response) => response.writeHead(status).end(refused(code)));
    const outcome = await publish(url);
    assert.ok(!outcome.taken && outcome.again === again, JSON.stringify(outcome));
    assert.match(outcome.reason, /^SNS did not take it: \w+$/);
    assert.equal(received.length, 1);
  });
}

test('an endpoint that never answers is left when the signal says so', async () => {
  const { url } = await httpServer(() => undefined);
  const begun = performance.now();
  const outcome = await publish(url, topic, AbortSignal.timeout(200));
  assert.ok(!outcome.taken && outcome.again);
  assert.ok(performance.now() - begun < 2_000);
});

test('an endpoint that closes in the middle is a failure that may pass', async () => {
  const { url } = await httpServer((_, response) => response.socket!.destroy());
  const outcome = await publish(url);
  assert.ok(!outcome.taken && outcome.again);
});
