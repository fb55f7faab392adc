import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type StrictSes, startStrictSes } from '#harness/strict-ses';
import type { Notification } from '#model/notification';
import { parsePlan } from '#model/plan';
import { deliveriesOf } from '#notify/senders';
import { toEmail } from '#notify/to-email';
import { openSenders } from '#runtime/open-senders';
import { sendSesMail } from '#runtime/send-ses-mail';
import { notice } from '../notify/notice-sample.ts';

let ses: StrictSes;
before(async () => {
  ses = await startStrictSes();
});
after(() => ses.close());
beforeEach(() => {
  ses.verified.clear();
  ses.verified.add('eu-west-1 example.org');
  for (const list of [ses.calls, ses.mails, ses.faults]) list.length = 0;
});

const message = toEmail({ ...notice(), dedupe: 'orders' }, 'id-1', {
  ...{ from: 'lifeboat@example.org', to: ['a@example.org', 'b@example.org'] },
});
const send = (environment: Record<string, string> = ses.environment, signal = AbortSignal.timeout(5_000)) =>
  sendSesMail({ region: 'eu-west-1' }, message, { environment, signal });

test('a message is sent once, in the region of the plan, as text in one thread that no machine answers', async () => {
  assert.deepEqual(await send(), { taken: true });
  assert.deepEqual(ses.mails, [
    {
      from: 'Lifeboat <lifeboat@example.org>',
      to: ['a@example.org', 'b@example.org'],
      subject: message.subject,
      text: message.text,
      headers: { 'Auto-Submitted': 'auto-generated', References: message.thread },
    },
  ]);
  assert.deepEqual(
    ses.calls.map(({ region }) => region),
    ['eu-west-1'],
  );
});

test('a plan sends by it where its channel says so', async () => {
  const plan = parsePlan(
    `bucket: /b\nencryption: none\nsources: { main: { connection: { host: h, user: u } } }
notifications:
  - { kind: email, from: lifeboat@example.org, to: [a@example.org], ses: { region: eu-west-1 } }`,
    'plan.yml',
  );
  const [channel] = plan.notifications as [Notification & { kind: 'email' }];
  assert.deepEqual([channel.ses, 'smtp' in channel], [{ region: 'eu-west-1' }, false]);
  const [delivery] = deliveriesOf(notice(), 'id-1', plan.notifications, openSenders(ses.environment));
  assert.equal(delivery!.label, 'email (a@example.org through SES in eu-west-1)');
  assert.deepEqual(await delivery!.send(AbortSignal.timeout(5_000)), { taken: true });
  assert.equal(ses.mails.length, 1);
});

for (const [what, ways] of [
  ['neither', ''],
  ['both', ', smtp: { host: mail }, ses: { region: eu-west-1 }'],
] as const) {
  test(`a channel with ${what} of smtp and ses is refused`, () => {
    const text = `bucket: /b\nencryption: none\nsources: { main: { connection: { host: h, user: u } } }
notifications: [{ kind: email, from: a@example.org, to: [b@example.org]${ways} }]`;
    assert.throws(() => parsePlan(text, 'plan.yml'), /notifications\[0\].*exactly one of smtp and ses/);
  });
}

test('a sender that is not verified is refused for good, and told without the address', async () => {
  ses.verified.clear();
  const outcome = await send();
  assert.ok(!outcome.taken && !outcome.again);
  assert.equal(outcome.reason, 'SES did not take it: MessageRejected');
  assert.match(outcome.hint ?? '', /verify the address/);
  assert.doesNotMatch(JSON.stringify(outcome), /@/);
});

const refusals: [status: number, code: string, again: boolean, hint: RegExp | undefined][] = [
  [400, 'AccountSuspendedException', false, /support/],
  [400, 'BadRequestException', false, /from and to/],
  [400, 'LimitExceededException', true, /quota/],
  [400, 'MailFromDomainNotVerifiedException', false, /MAIL FROM/],
  [404, 'NotFoundException', false, /ses\.region/],
  [400, 'SendingPausedException', false, /paused/],
  [429, 'TooManyRequestsException', true, /too often/],
  [400, 'ThrottlingException', true, /too often/],
  [403, 'AccessDeniedException', false, /ses:SendEmail/],
  [403, 'ExpiredTokenException', false, /credentials/],
  [500, 'InternalFailure', true, undefined],
  [503, 'ServiceUnavailable', true, undefined],
];
for (const [status, code, again, hint] of refusals) {
  test(`${code} is ${again ? 'tried again by the caller' : 'for good'}`, async () => {
    ses.faults.push({ operation: 'SendEmail', status, code, message: 'of a@example.org' });
    const outcome = await send();
    assert.ok(!outcome.taken && outcome.again === again, JSON.stringify(outcome));
    assert.equal(outcome.reason, `SES did not take it: ${code}`);
    if (hint) assert.match(outcome.hint ?? '', hint);
    assert.doesNotMatch(JSON.stringify(outcome), /@/);
    assert.equal(ses.calls.length, 1, 'one try');
  });
}

test('SES that does not answer is tried again, and a signal ends a try', async () => {
  const outcome = await send({ ...ses.environment, AWS_ENDPOINT_URL_SESV2: 'http://127.0.0.1:9' });
  assert.deepEqual(outcome, { taken: false, again: true, reason: 'SES did not take it: ECONNREFUSED' });
  assert.deepEqual(await send(ses.environment, AbortSignal.abort()), { taken: false, again: true, reason: 'stopped' });
});
