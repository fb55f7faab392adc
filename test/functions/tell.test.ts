import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readEvidence, recordEvidence } from '#catalog/evidence';
import { handler } from '#functions/tell';
import type { Deed, Evidence } from '#model/evidence';
import { printNotice } from '#model/notice';
import type { Notification } from '#model/notification';
import { createDirectoryStore } from '#store/directory-store';
import { executionEvent } from '../notify/aws-messages.ts';
import { notice } from '../notify/notice-sample.ts';
import { httpServer } from '../runtime/http-server.ts';
import { context, hook, snsEvent, topicArn, worldOf } from './tell-scene.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-tell-'));
after(() => rmSync(folder, { recursive: true }));
const store = await createDirectoryStore(folder);

const tell = (id: string, message: string, attributes = {}) =>
  handler(snsEvent(id, message, attributes) as never, context) as Promise<void>;
const fresh = (changes = {}) => printNotice(notice({ dedupe: null, ...changes }));

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

test("a topic's notice is told to the plan's channels and recorded", async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  worldOf(store, [hook], { HOOK: url });
  await tell('id-1', fresh());
  assert.equal(received.length, 1);
  assert.deepEqual((await keys('notices/id-1/')).length, 1);
  assert.match((await keys('notices/id-1/'))[0]!, /^notices\/id-1\/webhook-[0-9a-f]{12}\.json$/);
  await tell('id-1', fresh());
  assert.equal(received.length, 1);
});

test('it fails when a channel did not take it, so that it is invoked again, and the others are not told twice', async () => {
  const good = await httpServer((_, response) => response.end());
  let up = false;
  const bad = await httpServer((_, response) => response.writeHead(up ? 200 : 404).end());
  const other: Notification = { ...hook, kind: 'slack', webhook: { from: 'env', name: 'SLACK' } };
  worldOf(store, [hook, other], { HOOK: good.url, SLACK: `${bad.url}/T0SECRET` });
  await assert.rejects(tell('id-2', fresh()), (error: Error) => {
    assert.equal(error.name, 'NoticeUndelivered');
    assert.match(error.message, /^not told to slack \(env:SLACK\): HTTP status 404\nHINT: the URL is not known/);
    assert.doesNotMatch(String(error.stack), /T0SECRET/);
    return true;
  });
  up = true;
  await tell('id-2', fresh());
  assert.deepEqual([good.received.length, bad.received.length], [1, 2]);
});

test('a message that is no notice is told as it is, once', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  worldOf(store, [hook], { HOOK: url });
  await tell('id-3', 'hello?');
  assert.match(JSON.parse(received[0]!.body).what, /hello\?$/);
});

test('an execution that died is told with the command that shows it', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  worldOf(store, [hook], { HOOK: url });
  await tell('id-6', JSON.stringify(executionEvent('TIMED_OUT')));
  const { title, todo } = JSON.parse(received[0]!.body);
  assert.equal(title, 'the backup machine died: it took too long');
  assert.equal(todo, 'lifeboat executions full-main-20261120T020000Z');
});

test('an execution that could not record its end is recorded, once, with who stopped it', async () => {
  const { url } = await httpServer((_, response) => response.end());
  worldOf(store, [hook], { HOOK: url });
  const arn = 'arn:aws:states:eu-central-1:123456789012:execution:lifeboat-prod_failover:by-hand';
  const input = JSON.stringify({ group: 'shop', requestedBy: 'ada' });
  const end = (more: object) =>
    JSON.stringify(
      executionEvent('ABORTED', { executionArn: arn, input, error: 'Stopped', cause: 'by grace', ...more }),
    );
  for (const id of ['id-7', 'id-7', 'id-8']) await tell(id, end({}));
  const [record, ...more] = await Array.fromAsync(readEvidence(store));
  assert.deepEqual(more, []);
  assert.partialDeepStrictEqual(record, { id: `${arn} not moved`, who: 'grace', outcome: 'stopped', execution: arn });
  assert.equal(record!.durationMs, 11_625_000);

  await recordEvidence(store, { ...deedIn(record!), id: `${arn}-2 moved` });
  await tell('id-9', end({ executionArn: `${arn}-2` }));
  await tell('id-10', JSON.stringify(executionEvent('ABORTED')));
  assert.equal((await Array.fromAsync(readEvidence(store))).length, 2, 'what recorded itself, and a backup, are not');
});

/** without its place in the chain */
const deedIn = ({ format: _, sequence: __, previous: ___, ...deed }: Evidence): Deed => deed;

test('what came back over a topic is not told again, and no topic gets what came from it', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  worldOf(store, [hook, { kind: 'sns', topicArn, on: ['failure'] }], { HOOK: url, AWS_ENDPOINT_URL: url });
  await tell('id-4', fresh(), { lifeboat: { Type: 'String', Value: 'told' } });
  assert.equal(received.length, 0);
  await tell('id-5', fresh());
  assert.deepEqual(
    received.map(({ headers }) => headers['idempotency-key']),
    ['id-5'],
  );
});

test('a message id that fits no key is told all the same', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  worldOf(store, [hook], { HOOK: url });
  await tell('../../evil', fresh());
  assert.match(String(received[0]!.headers['idempotency-key']), /^[0-9a-f]{32}$/);
});

test('an event that is none of SNS is refused', async () => {
  await assert.rejects(handler({ Records: [{ s3: {} }] } as never, context) as Promise<void>, { name: 'InputInvalid' });
});

test('killed between sending and recording, it sends twice at most', async () => {
  const { url, received } = await httpServer((_, response) => response.end());
  const program = fileURLToPath(new URL('tell-child.ts', import.meta.url));
  const child = spawn(process.execPath, [program, folder, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
    if (output.includes('sent\n')) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  assert.equal(received.length, 1, output);
  worldOf(store, [hook], { HOOK: url });
  for (let time = 0; time < 3; time++) await tell('95df01b4-ee98-5cb9-9903-4c221d41eb5e', printNotice(notice()));
  assert.equal(received.length, 2);
});
