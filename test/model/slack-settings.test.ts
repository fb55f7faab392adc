import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideApproval } from '#model/approval';
import { parsePlan } from '#model/plan';
import { PlanInvalid } from '#model/plan-invalid';

const planOf = (more: string) =>
  parsePlan(
    `bucket: ./bucket
encryption: none
sources: { main: { connection: { host: /tmp, user: postgres } } }
${more}`,
    'plan.yml',
  );
const problemsOf = (more: string): string => {
  try {
    planOf(more);
    return '';
  } catch (failure) {
    assert.ok(failure instanceof PlanInvalid, String(failure));
    return failure.message;
  }
};
const secret = 'slack: { signingSecret: env:SLACK }';

test('a plan names its Slack app by a secret, and who its approvers are there', () => {
  const { slack, approvers } = planOf(
    'slack: { signingSecret: "secret:lifeboat/slack#signing", workspace: T012ABCDEF }\napprovers: [{ name: Ada, slack: U012ADA34 }, { name: Grace }]',
  );
  assert.deepEqual(slack, {
    signingSecret: { from: 'secret', name: 'lifeboat/slack', field: 'signing' },
    workspace: 'T012ABCDEF',
  });
  assert.deepEqual(approvers, [{ name: 'Ada', slack: 'U012ADA34' }, { name: 'Grace' }]);
});

test('what could not work, or would be somebody else, is refused', () => {
  const wrong: [string, RegExp][] = [
    [
      'slack: { signingSecret: 8f742231b10e8888abcd99yyyzzz85a5 }\napprovers: [{ name: Ada, slack: U012ADA34 }]',
      /slack\.signingSecret/,
    ],
    [`${secret}`, /slack.*no approver has slack: nobody could answer/s],
    [`${secret}\napprovers: [{ name: Ada }]`, /no approver has slack/],
    [
      'approvers: [{ name: Ada, slack: U012ADA34 }]',
      /approvers.0.\.slack.*the plan has no slack: nobody could check it/s,
    ],
    [`${secret}\napprovers: [{ name: Ada, slack: ada }]`, /member id in Slack/],
    [`${secret}\napprovers: [{ name: Ada, slack: u012ada34 }]`, /member id in Slack/],
    [
      `${secret}\napprovers: [{ name: Ada, slack: U012ADA34 }, { name: Grace, slack: U012ADA34 }]`,
      /no other approver's/,
    ],
    [
      'slack: { signingSecret: env:SLACK, workspace: example }\napprovers: [{ name: Ada, slack: U012ADA34 }]',
      /T012ABCDEF/,
    ],
    ['slack: { signingSecret: env:SLACK, token: env:T }\napprovers: [{ name: Ada, slack: U012ADA34 }]', /token/],
  ];
  for (const [more, says] of wrong) assert.match(problemsOf(more), says, more);
  assert.doesNotMatch(problemsOf(wrong[0]![0]), /8f742231/);
});

test('Slack proves who answers, for that approver alone, also where others prove it by IAM', () => {
  const ada = 'arn:aws:iam::123456789012:user/ada';
  const approvers = [
    { name: 'Ada', iam: ada, slack: 'U012ADA34' },
    { name: 'Grace', slack: 'U012GRACE' },
  ];
  const question = {
    ...({ format: 'lifeboat-question/1', execution: 'a:restore', machine: 'restore', source: 'main' } as const),
    ...{ planHash: 'ab'.repeat(32), plan: 'restore', requestedBy: 'Edsger' },
    ...{ askedAt: '2026-11-20T05:00:00.000Z', expiresAt: '2026-11-20T06:00:00.000Z' },
  };
  const decide = (person: { by: string; slack?: string }, requestedBy = 'Edsger') =>
    decideApproval({
      question: { ...question, requestedBy },
      answer: { decision: 'approve', plan: question.planHash, reason: 'seen', ...person },
      ...{ approvers, fourEyes: true, reasonRequired: true, proof: true, now: new Date('2026-11-20T05:30:00Z') },
    });
  const says = (outcome: ReturnType<typeof decide>) => (outcome.accepted ? 'accepted' : outcome.reason);
  assert.equal(says(decide({ by: 'Ada', slack: 'U012ADA34' })), 'accepted');
  assert.match(says(decide({ by: 'Ada' })), /nothing proves that Ada answers/);
  assert.match(says(decide({ by: 'Ada', slack: 'U012GRACE' })), /U012GRACE is not Ada by the plan/);
  assert.match(says(decide({ by: 'Mallory', slack: 'U012MALLORY' })), /U012MALLORY is not Mallory/);
  // who asked is known by the plan, or who answers has another identity there
  assert.match(says(decide({ by: 'Ada', slack: 'U012ADA34' }, ada)), /Ada asked for it/);
  assert.equal(says(decide({ by: 'Grace', slack: 'U012GRACE' }, ada)), 'accepted');
  const stranger = 'arn:aws:iam::123456789012:user/grace';
  assert.equal(says(decide({ by: 'Ada', slack: 'U012ADA34' }, stranger)), 'accepted');
  assert.match(says(decide({ by: 'Grace', slack: 'U012GRACE' }, stranger)), /nothing tells Grace in Slack from/);
  const root = 'arn:aws:iam::123456789012:root';
  assert.match(says(decide({ by: 'Grace', slack: 'U012GRACE' }, root)), /nothing tells Grace in Slack from/);
  // who assumes a role names the session
  const session = (name: string) => `arn:aws:sts::123456789012:assumed-role/dba/${name}`;
  approvers[0] = { name: 'Ada', iam: session('ada'), slack: 'U012ADA34' };
  assert.match(says(decide({ by: 'Ada', slack: 'U012ADA34' }, session('other'))), /nothing tells Ada in Slack from/);
});
