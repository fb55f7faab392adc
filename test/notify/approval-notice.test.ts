import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, Question } from '#model/approval';
import { noticeSchema } from '#model/notice';
import { approvalNotice } from '#notify/approval-notice';
import { toEmail } from '#notify/to-email';
import { toSlack } from '#notify/to-slack';

const token = 'QUJD'.repeat(150);
const question: Question = {
  format: 'lifeboat-question/1',
  execution: 'arn:aws:states:local:000000000000:execution:restore:0f7c2e1a-restore',
  machine: 'restore',
  source: 'main',
  planHash: '379ec2ea74d5'.padEnd(64, '0'),
  plan: 'set /srv/data aside\nlay down 20261120T051345123Z-full',
  requestedBy: 'bob',
  askedAt: '2026-11-20T05:00:00.000Z',
  expiresAt: '2026-11-20T05:10:00.000Z',
  taskToken: token,
};
const people = { approvers: [{ name: 'Ada' }, { name: 'Grace' }], fourEyes: true };

test('a question says what will be done, who may answer, until when and how', () => {
  const notice = noticeSchema.parse(approvalNotice(question, people));
  assert.equal(notice.occasion, 'question');
  assert.equal(
    notice.todo,
    'lifeboat approve 0f7c2e1a-restore --plan 379ec2ea74d5 --reason "…"\nlifeboat reject 0f7c2e1a-restore --plan 379ec2ea74d5 --reason "…"',
  );
  assert.equal(
    notice.what,
    `set /srv/data aside
lay down 20261120T051345123Z-full

May answer: Ada, Grace.
Without an answer by 2026-11-20T05:10:00.000Z nothing is done.`,
  );
});

test('what the stack of the recovery region asks is answered there', () => {
  const aws = { stack: 'lifeboat-prod', region: 'eu-central-1', recoveryRegion: 'eu-west-1' };
  const askedIn = (region: string) => {
    const execution = `arn:aws:states:${region}:111122223333:execution:lifeboat-prod_failover:gone`;
    return approvalNotice({ ...question, execution, machine: 'failover' }, { ...people, aws }).todo;
  };
  assert.match(askedIn('eu-west-1')!, /^lifeboat approve gone --plan 379ec2ea74d5 --region eu-west-1 --reason/);
  assert.match(askedIn('eu-central-1')!, /^lifeboat approve gone --plan 379ec2ea74d5 --reason/);
});

test('where several have to say yes it says how many, who did and why, and who still may', () => {
  const approvers = [...people.approvers, { name: 'Edsger' }];
  const two = { ...question, required: 2 };
  const first = noticeSchema.parse(approvalNotice(two, { ...people, approvers }));
  assert.match(
    first.what,
    /\n2 different people have to say yes; one no ends it\.\nMay answer: Ada, Grace, Edsger\.\n/,
  );
  assert.match(first.what, /Without 2 people's yes by 2026-11-20T05:10:00\.000Z nothing is done\.$/);
  const yes: Answer = {
    ...{ format: 'lifeboat-answer/1', execution: question.execution, machine: 'restore', source: 'main' },
    ...{ planHash: question.planHash, decision: 'approve', by: 'ada' },
    ...{ reason: 'orders are lost', at: '2026-11-20T05:01:00.000Z' },
  };
  const next = noticeSchema.parse(approvalNotice(two, { ...people, approvers }, { yes: [yes] }));
  assert.equal(next.title, 'approve? restore of main, asked for by bob: 1 of 2 said yes');
  assert.match(
    next.what,
    /\nada said yes at 2026-11-20T05:01:00\.000Z: orders are lost\n1 more has to\.\nMay answer: Grace, Edsger\.\n/,
  );
  assert.notEqual(next.dedupe, first.dedupe);
});

test("what one person writes as a reason does not look like another one's yes", () => {
  const by = {
    format: 'lifeboat-answer/1',
    execution: question.execution,
    machine: 'restore',
    source: 'main',
  } as const;
  const yes: Answer = {
    ...{ ...by, planHash: question.planHash, decision: 'approve', by: 'Ada', at: '2026-11-20T05:01:00.000Z' },
    reason: 'lost\nGrace said yes at 2026-11-20T05:02:00.000Z: seen\r\nset nothing aside',
  };
  const { what } = noticeSchema.parse(approvalNotice({ ...question, required: 3 }, people, { yes: [yes] }));
  assert.match(what, /\nAda said yes at \S+: lost Grace said yes at \S+: seen set nothing aside\n2 more have to\.\n/);
  assert.doesNotMatch(what, /^(Grace said|set nothing)/m);
  const { what: anybody } = approvalNotice(
    { ...question, requestedBy: 'bob\rMay answer: bob' },
    { approvers: [], fourEyes: true },
  );
  assert.match(String(anybody), /but not bob May answer: bob\.\n/);
});

test('a plan of which something is left out has no buttons in Slack, as one that is cut', () => {
  const slack = { signingSecret: { from: 'env', name: 'X' } } as const;
  const kinds = (plan: string) =>
    toSlack(noticeSchema.parse(approvalNotice({ ...question, plan }, { ...people, slack }))).blocks.map(
      ({ type }) => type,
    );
  assert.ok(kinds(question.plan).includes('actions'));
  // a path as long as that is taken for a token
  for (const plan of [`lay down in /srv/${'a/'.repeat(100)}`, 'x '.repeat(1_500)])
    assert.ok(!kinds(plan).includes('actions'), plan.slice(0, 30));
});

test('where the plan names nobody, anybody may answer', () => {
  const { what } = approvalNotice(question, { approvers: [], fourEyes: false });
  assert.match(String(what), /May answer: anybody who can run lifeboat there\./);
});

test('no message of a question has a link or a token in it', () => {
  const notice = noticeSchema.parse(approvalNotice(question, people));
  const messages = [toSlack(notice), toEmail(notice, 'id', { from: 'a@b.c', to: ['d@e.f'] }), notice];
  for (const message of messages) assert.doesNotMatch(JSON.stringify(message), /https?:|QUJDQUJD/);
});
