import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { noticeSchema } from '#model/notice';
import { toEmail } from '#notify/to-email';
import { snsSubject, toSns } from '#notify/to-sns';
import { toWebhook } from '#notify/to-webhook';
import { notice } from './notice-sample.ts';

const route = { from: 'lifeboat@example.org', to: ['dba@example.org'] };

test('a mail has the command on a line of its own', () => {
  const { subject, text } = toEmail(notice(), 'id-1', route);
  assert.equal(subject, '[lifeboat] FAILURE: main: the backup failed');
  assert.equal(
    text,
    `main: the backup failed

the server closed the connection

Since: 2026-11-20T05:13:45.000Z

What to do:

    lifeboat backup --source main

Execution: backup full-main-20261120T051300Z (arn:aws:states:local:000000000000:execution:backup:full-main-20261120T051300Z)
`,
  );
});

test('a subject cannot begin another header', () => {
  for (const end of ['\r\n', '\n', '\r', '\u2028', '\u0085', '\u000B']) {
    const { subject } = toEmail(notice({ title: `a${end}Bcc: evil@example.org` }), 'id', route);
    assert.doesNotMatch(subject, /[\p{Cc}\p{Zl}\p{Zp}]/u);
  }
});

test('the same notice has the same message id, and those about the same thing the same thread', () => {
  const [one, again, other] = [
    toEmail(notice(), 'a', route),
    toEmail(notice(), 'a', route),
    toEmail(notice(), 'b', route),
  ];
  assert.equal(one.messageId, again.messageId);
  assert.notEqual(one.messageId, other.messageId);
  assert.match(one.messageId, /^<[0-9a-f]{32}@lifeboat\.invalid>$/);
  assert.equal(one.thread, other.thread);
  assert.equal(toEmail(notice({ dedupe: null }), 'a', route).thread, null);
});

test("a topic's subject is what SNS takes: printable ASCII, one line, less than 100 characters", () => {
  assert.equal(snsSubject('Lifeboat Größe: café\nx'), 'Lifeboat Gro?e: cafe x');
  assert.equal(snsSubject('a'.repeat(200)).length, 99);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (title) => {
      assert.match(toSns(notice({ title })).Subject, /^Lifeboat [\x20-\x7E]{1,90}$/);
    }),
  );
});

test('a message to a topic has its text, and attributes to filter by', () => {
  const message = toSns(notice());
  assert.match(message.Message, /\n {4}lifeboat backup --source main\n/);
  assert.deepEqual(message.attributes, { lifeboat: 'told', occasion: 'failure', subject: 'main' });
});

test('the longest notice fits into a message of a topic', () => {
  const longest = noticeSchema.parse({
    ...notice(),
    what: '€'.repeat(50_000),
    todo: '€'.repeat(50_000),
    title: '€'.repeat(999),
  });
  assert.ok(Buffer.byteLength(toSns(longest).Message) < 200 * 1024);
});

test('a webhook gets the notice as it is, and its id to tell a repetition', () => {
  const { headers, body } = toWebhook(notice(), 'id-1');
  assert.deepEqual(headers, { 'idempotency-key': 'id-1' });
  assert.deepEqual(JSON.parse(body), notice());
});
