import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePlan } from '#model/plan';
import type { PlanInvalid } from '#model/plan-invalid';

const aws = 'aws: { stack: lifeboat-prod, region: eu-central-1 }\n';
const role = 'arn:aws:iam::123456789012:role/dba';

const read = (iam: string, more = aws) =>
  parsePlan(
    `bucket: s3://backups/x
encryption: none
${more}sources: { orders: { connection: { host: h, user: u } } }
approvers: [{ name: Ada, iam: ${JSON.stringify(iam)} }, { name: Grace }]
`,
    'plan.yml',
  );

describe('an approver of the plan', () => {
  test('may be named by a role, a session of it, or a user', () => {
    for (const iam of [role, 'arn:aws:sts::123456789012:assumed-role/dba/ada', 'arn:aws:iam::123456789012:user/ada'])
      assert.deepEqual(read(iam).approvers, [{ name: 'Ada', iam }, { name: 'Grace' }]);
  });

  const refused: [string, string, RegExp][] = [
    [
      'arn:aws:iam::123456789012:root',
      aws,
      /approvers\[0\]\.iam: "arn:aws:iam::123456789012:root" .*the ARN of an IAM user/,
    ],
    ['ada', aws, /approvers\[0\]\.iam: "ada" .*one session of a role/],
    [role, '', /approvers\[0\]\.iam: .*expected nothing, since the plan has no aws: nobody could check it/],
  ];
  for (const [iam, more, message] of refused) {
    test(`is not named by ${iam} ${more === '' ? 'where the plan is not deployed' : ''}`, () => {
      assert.throws(
        () => read(iam, more),
        (failure: PlanInvalid) => message.test(failure.message) || assert.fail(failure.message),
      );
    });
  }
});
