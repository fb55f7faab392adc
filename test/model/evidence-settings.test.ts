import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlan } from '#model/plan';
import { plannedSchedules } from '#model/planned-schedules';
import { requireDeployable } from '#stack/deployable-plan';

const arn = 'arn:aws:kms:eu-central-1:111122223333:key/0123';
const planOf = (evidence: object | string | undefined, more: object = {}) =>
  parsePlan(
    JSON.stringify({
      bucket: './bucket',
      encryption: 'none',
      sources: { main: { connection: { host: 'h', user: 'u' } } },
      ...(evidence === undefined ? {} : { evidence }),
      ...more,
    }),
    'plan.yml',
  );
const aws = { bucket: 'stack', aws: { stack: 'lifeboat-prod', region: 'eu-central-1' } };

test('the evidence is signed each day where the plan names a key, and else not', () => {
  const names = (plan: ReturnType<typeof planOf>) => plannedSchedules(plan).map(({ name }) => name);
  assert.ok(!names(planOf(undefined)).includes('sign-evidence'));
  const plan = planOf({ signingKey: './evidence.key' });
  assert.deepEqual(
    plannedSchedules(plan).find(({ name }) => name === 'sign-evidence'),
    {
      ...{ name: 'sign-evidence', expression: 'cron(10 0 * * ? *)', timezone: 'UTC', windowMinutes: 0 },
      target: { function: 'sign-evidence', input: {} },
    },
  );
  assert.deepEqual(plan.evidence, { signer: { signingKey: './evidence.key' } });
  assert.deepEqual(planOf({ kmsKey: arn, formerKeys: './old.pub' }).evidence, {
    ...{ signer: { kmsKey: arn }, formerKeys: './old.pub' },
  });
});

test('what names no key, or one that cannot be there, is refused', () => {
  for (const wrong of [
    './evidence.key',
    {},
    { signingKey: '' },
    { signingKey: 'a', kmsKey: arn },
    { kmsKey: 'alias/a' },
  ])
    assert.throws(() => planOf(wrong), /evidence/, JSON.stringify(wrong));
  assert.throws(() => planOf({ kmsKey: 'stack' }), /evidence\.kmsKey.*since the plan has no aws/s);
  assert.ok(planOf({ kmsKey: 'stack' }, aws).evidence);
  assert.throws(() => requireDeployable(planOf({ signingKey: './k' }, aws)), /evidence.*kmsKey: stack/s);
});

test('no source is called as the folder of signed heads', () => {
  const sources = { 'evidence-heads': { connection: { host: 'h', user: 'u' } } };
  assert.throws(() => planOf(undefined, { sources }), /evidence-heads/);
});
