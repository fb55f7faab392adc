import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { formOf, type PostedMessage, pressPayload } from '#harness/slack-press';
import { readSlackClick } from '#notify/slack-click';
import { closeQuestion, replyUrl, tellAlone } from '#notify/slack-reply';
import { toSlack } from '#notify/to-slack';
import { notice } from './notice-sample.ts';

const plan = '379ec2ea74d5'.padEnd(64, '0');
const execution = 'arn:aws:states:local:000000000000:execution:restore:lost-orders';
const question = notice({ occasion: 'question', execution, asks: plan });
const message = JSON.parse(JSON.stringify(toSlack(question))) as PostedMessage;
const press = { message, decision: 'approve', user: 'U012ADA34' } as const;
const read = (payload: unknown) => readSlackClick(Buffer.from(formOf(payload)));

test('a question has a field for the reason and two buttons that ask once more, and says no secret', () => {
  const [field, buttons] = toSlack(question).blocks.slice(-2);
  assert.deepEqual(field, {
    type: 'input',
    block_id: 'lifeboat-reason',
    optional: true,
    dispatch_action: false,
    label: { type: 'plain_text', text: 'Reason', emoji: false },
    element: { type: 'plain_text_input', action_id: 'lifeboat-reason-text', max_length: 500 },
  });
  assert.equal(buttons?.type, 'actions');
  const { elements } = buttons as Extract<typeof buttons, { type: 'actions' }>;
  assert.deepEqual(
    elements.map(({ action_id, value, style }) => [action_id, value, style]),
    [
      ['lifeboat-approve', `${plan} ${execution}`, 'primary'],
      ['lifeboat-reject', `${plan} ${execution}`, 'danger'],
    ],
  );
  for (const { confirm } of elements) assert.ok(confirm.text.text.includes('379ec2ea74d5'));
});

test('nothing but a question that may be answered by buttons has them, nor one that does not stand there whole', () => {
  const has = (changes: object) => toSlack({ ...question, ...changes }).blocks.some(({ type }) => type === 'actions');
  assert.ok(has({}));
  assert.ok(has({ what: 'a'.repeat(3_000) }));
  for (const changes of [
    { asks: undefined },
    { asks: 'no hash' },
    { execution: null },
    { what: 'a'.repeat(3_001) },
    { what: '&'.repeat(601) },
  ]) {
    assert.ok(!has(changes), JSON.stringify(changes).slice(0, 80));
  }
});

test('what is pressed is read with who pressed it, and why', () => {
  const responseUrl = 'https://hooks.slack.com/actions/T012ABCDEF/1/x';
  assert.deepEqual(read(pressPayload({ ...press, reason: '  orders are lost\n', responseUrl })), {
    ok: true,
    click: {
      ...{ user: 'U012ADA34', workspace: 'T012ABCDEF', decision: 'approve', execution, plan },
      ...{ reason: 'orders are lost', responseUrl },
      blocks: message.blocks.slice(0, -2),
    },
  });
  const no = read(pressPayload({ ...press, decision: 'reject', reason: '   ' }));
  assert.ok(no.ok && no.click.decision === 'reject' && no.click.reason === null);
});

test('whatever else Slack signs is no press', () => {
  const good = pressPayload(press);
  const [action] = good.actions;
  const wrong: unknown[] = [
    'not JSON',
    'null',
    {},
    { ...good, type: 'view_submission' },
    { ...good, actions: [] },
    { ...good, actions: [action, action] },
    { ...good, actions: [{ ...action, action_id: 'lifeboat-purge' }] },
    { ...good, actions: [{ ...action, action_id: 'constructor' }] },
    { ...good, actions: [{ ...action, block_id: 'of another app' }] },
    { ...good, actions: [{ ...action, value: execution }] },
    { ...good, actions: [{ ...action, value: `${plan.slice(1)} ${execution}` }] },
    { ...good, actions: [{ ...action, value: `${plan} ${execution} more` }] },
    { ...good, actions: [{ ...action, type: 'static_select' }] },
    { ...good, user: { id: 'somebody' } },
    { ...good, state: { values: { 'lifeboat-reason': { 'lifeboat-reason-text': { value: 'a'.repeat(501) } } } } },
  ];
  for (const payload of wrong) assert.equal(read(payload).ok, false, JSON.stringify(payload).slice(0, 100));
  for (const body of ['', 'payload', formOf(good).replace('payload', 'other'), `${formOf(good)}&${formOf(good)}`]) {
    assert.equal(readSlackClick(Buffer.from(body)).ok, false, body.slice(0, 60));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !readSlackClick(Buffer.from(bytes)).ok));
  fc.assert(fc.property(fc.json(), (json) => !read(json).ok));
});

test('Slack is told at its own address and nowhere else', () => {
  const to = (responseUrl: string | undefined) => replyUrl({ responseUrl });
  assert.equal(to('https://hooks.slack.com/actions/T0/1/x'), 'https://hooks.slack.com/actions/T0/1/x');
  for (const elsewhere of [
    undefined,
    '',
    'hooks.slack.com/actions',
    'http://hooks.slack.com/actions',
    'https://hooks.slack.com.evil.example/actions',
    'https://hooks.slack.com@evil.example/actions',
    'https://user:word@hooks.slack.com/actions',
    'https://hooks.slack.com:8443/actions',
    'https://169.254.169.254/latest/meta-data',
    'file:///etc/passwd',
  ]) {
    assert.equal(to(elsewhere), undefined, elsewhere);
  }
});

test('an answered question keeps its words and loses its buttons, and nothing that is told mentions a channel', () => {
  const click = read(pressPayload(press));
  assert.ok(click.ok);
  const closed = closeQuestion(click.click, 'Approved by Ada: <!channel> & more');
  assert.ok(closed.response_type === 'in_channel' && closed.replace_original);
  assert.deepEqual((closed.blocks as { type: string }[]).map(({ type }) => type).slice(-2), ['context', 'section']);
  assert.match(JSON.stringify(closed.blocks), /Approved by Ada: &lt;!channel&gt; &amp; more/);
  assert.doesNotMatch(JSON.stringify(closed), /lifeboat-approve/);
  assert.deepEqual(tellAlone('<@U1>'), { response_type: 'ephemeral', replace_original: false, text: '&lt;@U1&gt;' });
});
