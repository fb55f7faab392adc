import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Context } from 'aws-lambda';
import { handler as ask } from '#functions/ask-approval';
import { handler } from '#functions/slack-answer';
import { type AnsweredTokens, startAnsweredTokens } from '#harness/answered-tokens';
import { formOf, type PostedMessage, pressPayload, signedHeaders } from '#harness/slack-press';
import { storeKinds } from '#harness/stores';
import { type UrlAnswer, urlEvent } from '#model/function-url';
import { type NoticeInput, noticeSchema } from '#model/notice';
import { parsePlan } from '#model/plan';
import { toSlack } from '#notify/to-slack';
import { provideWorld } from '#runtime/function-world';
import type { ObjectStore } from '#store/object-store';

const secret = '8f742231b10e8888abcd99yyyzzz85a5';
const planOf = (more: string) =>
  parsePlan(
    `bucket: /nowhere
encryption: none
approvers:
  - { name: Ada, email: ada@example.org, slack: U012ADA34 }
  - { name: Grace, slack: U012GRACE }
  - { name: Edsger }
slack: { signingSecret: env:SLACK_SIGNING_SECRET }
sources: { main: { connection: { host: /tmp, user: postgres } } }
${more}`,
    'plan.yml',
  );
const execution = 'arn:aws:states:local:000000000000:execution:restore:lost-orders';
const planHash = 'ab'.repeat(32);
const context = { functionName: 'f', awsRequestId: 'r', invokedFunctionArn: 'a', memoryLimitInMB: '128' } as Context;
const call = (to: unknown, event: object): Promise<unknown> =>
  (to as (event: object, context: Context) => Promise<unknown>)(event, context);

let steps: AnsweredTokens;
let store: ObjectStore;
let close: () => Promise<void>;
let clock: Date;
const notices: NoticeInput[] = [];
before(async () => {
  steps = await startAnsweredTokens();
});
beforeEach(async () => {
  await close?.();
  ({ store, close } = await storeKinds[0]![1]());
  steps.answers.length = 0;
  steps.over.clear();
  steps.status = undefined;
  clock = new Date('2026-11-20T05:00:00Z');
});
after(async () => {
  await close();
  await steps.close();
});

/** The message that asks, under a plan with this more in it. */
async function asked(more = '', question: object = {}): Promise<PostedMessage> {
  notices.length = 0;
  const vault = { store, keyRing: undefined };
  const environment = { ...steps.environment, SLACK_SIGNING_SECRET: secret };
  const publish = async (notice: NoticeInput) => void notices.push(notice);
  provideWorld({ plan: planOf(more), vault, environment, now: () => clock, publish });
  await call(ask, {
    ...{
      execution,
      machine: 'restore',
      source: 'main',
      planHash,
      plan: 'restore main to 05:13',
      requestedBy: 'Edsger',
    },
    ...{ taskToken: 'token-1', expiresInSeconds: 3600 },
    ...question,
  });
  return newest();
}
const newest = (): PostedMessage => JSON.parse(JSON.stringify(toSlack(noticeSchema.parse(notices.at(-1)))));

interface Pressing {
  user?: string;
  decision?: 'approve' | 'reject';
  reason?: string | null;
}
const press = async (message: PostedMessage, { user = 'U012ADA34', decision = 'approve', reason }: Pressing = {}) => {
  const body = formOf(pressPayload({ message, user, decision, reason: reason === undefined ? 'seen' : reason }));
  return send(body, signedHeaders(body, secret, clock));
};
const send = async (body: string, headers: Record<string, string>, method = 'POST'): Promise<UrlAnswer> =>
  (await call(handler, urlEvent({ method, headers, body: Buffer.from(body), from: '192.0.2.1' }))) as UrlAnswer;
const said = ({ statusCode, body }: UrlAnswer): [number, string, string] => {
  const { response_type, text } = JSON.parse(body);
  return [statusCode, response_type, text];
};

test('a press is the answer of the approver whose user it is', async () => {
  const message = await asked();
  assert.deepEqual(said(await press(message, { reason: 'orders <lost>' })), [
    200,
    'in_channel',
    'Approved by Ada: orders &lt;lost&gt;',
  ]);
  assert.equal(steps.answers.length, 1);
  const [{ token, output }] = steps.answers as [{ token: string; output: Record<string, unknown> }];
  assert.deepEqual(
    [token, output.decision, output.by, output.reason, output.planHash],
    ['token-1', 'approve', 'Ada', 'orders <lost>', planHash],
  );
  const answers = [];
  for await (const { key } of store.list('approvals/')) if (key.includes('answer')) answers.push(key);
  const { body } = await store.get(answers[0]!);
  assert.equal(JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString()).slack, 'U012ADA34');
});

test('a no ends it', async () => {
  const message = await asked();
  const [status, , text] = said(await press(message, { decision: 'reject', reason: 'the wrong hour' }));
  assert.deepEqual([status, text], [200, 'Rejected by Ada: the wrong hour']);
  assert.equal((steps.answers[0]!.output as { decision: string }).decision, 'reject');
});

test('what may not be answered is told to who pressed alone, and nothing comes of it', async () => {
  const cases: [string, object, Pressing, RegExp][] = [
    [
      '',
      {},
      { user: 'U012MALLORY' },
      /no approver with the member id U012MALLORY.*approvers\[\]\.slack.*`lifeboat approve`/,
    ],
    ['', {}, { reason: null }, /needs a reason.*In Slack, the reason is what stands in the field/s],
    ['fourEyes: true', { requestedBy: 'Ada' }, {}, /four eyes, and Ada asked for it/],
    ['fourEyes: true', { requestedBy: 'ada@example.org' }, {}, /four eyes, and Ada asked for it/],
    [
      'fourEyes: true',
      { requestedBy: 'arn:aws:iam::123456789012:user/ada' },
      {},
      /four eyes, and nothing tells Ada in Slack from arn:aws:iam::123456789012:user\/ada/,
    ],
    [
      'slack: { signingSecret: env:SLACK_SIGNING_SECRET, workspace: T099OTHER }',
      {},
      {},
      /workspace T012ABCDEF, and the plan names another.*`lifeboat approve`/,
    ],
  ];
  for (const [index, [more, question, pressing, says]] of cases.entries()) {
    const own = execution.replace('lost', `lost-${index}`);
    const plan = more.startsWith('slack') ? '' : more;
    const message = await asked(plan, { execution: own, taskToken: `token-${index}`, ...question });
    if (more.startsWith('slack')) {
      provideWorld({
        plan: {
          ...planOf(''),
          slack: { signingSecret: { from: 'env', name: 'SLACK_SIGNING_SECRET' }, workspace: 'T099OTHER' },
        },
        vault: { store, keyRing: undefined },
        environment: { ...steps.environment, SLACK_SIGNING_SECRET: secret },
        now: () => clock,
      });
    }
    const [status, type, text] = said(await press(message, pressing));
    assert.deepEqual([status, type], [200, 'ephemeral'], more);
    assert.match(text, says);
  }
  assert.deepEqual(steps.answers, []);
});

test('an expired question, another plan, and one that was answered are told as such', async () => {
  const message = await asked();
  clock = new Date(clock.getTime() + 3_600_000);
  assert.match(said(await press(message))[2], /the question expired at 2026-11-20T06:00:00.000Z/);
  const other = await asked('', { planHash: 'cd'.repeat(32), taskToken: 'token-2' });
  const [, type, text] = said(await press(message));
  assert.equal(type, 'ephemeral');
  assert.match(text, /superseded|the plan to answer is cdcdcdcdcdcd/);
  assert.equal(said(await press(other))[1], 'in_channel');
  assert.match(said(await press(other, { user: 'U012GRACE', decision: 'reject' }))[2], /was approved by Ada .* final/);
  assert.deepEqual(
    steps.answers.map(({ token }) => token),
    ['token-2'],
  );
});

test('where two have to say yes, one press is not enough, and the same person cannot be both', async () => {
  const message = await asked('approvals: { required: 2 }');
  assert.match(said(await press(message))[2], /^Approved by Ada \(1 more to go\): seen$/);
  await press(message);
  assert.deepEqual(steps.answers, []);
  assert.match(said(await press(newest(), { user: 'U012GRACE' }))[2], /^Approved by Grace: seen$/);
  assert.equal(steps.answers.length, 1);
});

test('an answer that could not be brought there is kept: it is told, counts as a failure, and is sent by the next press', async () => {
  const message = await asked();
  steps.status = 403;
  await assert.rejects(press(message), { name: 'AnswerUndelivered' });
  steps.status = undefined;
  assert.equal(said(await press(message))[0], 200);
  assert.equal(steps.answers.length, 1);
});

test('who is not Slack learns nothing, whatever he tries', async () => {
  const message = await asked();
  const body = formOf(pressPayload({ message, user: 'U012ADA34', decision: 'approve', reason: 'seen' }));
  const good = signedHeaders(body, secret, clock);
  const at = (seconds: number) => signedHeaders(body, secret, new Date(clock.getTime() + seconds * 1000));
  const huge = `payload=${'a'.repeat(300_000)}`;
  const tries: [number, string, Record<string, string>, string?][] = [
    [405, '', good, 'GET'],
    [405, '', good, 'HEAD'],
    [405, body, good, 'PUT'],
    [401, body, {}],
    [401, body.replace('approve', 'reject'), good],
    [401, body, at(-301)],
    [401, body, at(301)],
    [401, body, { ...good, 'x-slack-request-timestamp': String(Number(good['x-slack-request-timestamp']) + 1) }],
    [401, body, { ...good, 'x-slack-signature': good['x-slack-signature']!.replace('v0', 'v1') }],
    [401, body, signedHeaders(body, 'another secret', clock)],
    [401, body, signedHeaders(body, '', clock)],
    [413, huge, signedHeaders(huge, secret, clock)],
  ];
  for (const [status, sent, headers, method] of tries) {
    const { statusCode, body: answered } = await send(sent, headers, method);
    assert.deepEqual([statusCode, answered], [status, ''], `${method} ${JSON.stringify(headers)}`);
  }
  for (const payload of ['not JSON', { type: 'view_submission' }]) {
    const odd = formOf(payload);
    assert.deepEqual(await send(odd, signedHeaders(odd, secret, clock)), { statusCode: 400, headers: {}, body: '' });
  }
  assert.deepEqual(steps.answers, []);
  assert.equal((await send(body, good)).statusCode, 200);
  assert.deepEqual(await send(body, good), { statusCode: 409, headers: {}, body: '' });
  assert.equal(steps.answers.length, 1);
});

test('without slack in the plan nothing is there', async () => {
  const message = await asked();
  const { slack: _, ...plan } = planOf('');
  provideWorld({ plan, vault: { store, keyRing: undefined }, environment: steps.environment, now: () => clock });
  const body = formOf(pressPayload({ message, user: 'U012ADA34', decision: 'approve' }));
  assert.equal((await send(body, signedHeaders(body, secret, clock))).statusCode, 404);
});

test("what is no event of a function's URL is refused without being shown", async () => {
  await asked();
  for (const event of [{}, { version: '1.0', body: 'x' }, { version: '2.0', body: { a: 'hidden' } }]) {
    await assert.rejects(call(handler, event), (error: Error) => !error.message.includes('hidden'));
  }
});
