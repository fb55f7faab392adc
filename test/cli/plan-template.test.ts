import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { defaultAnswers, planTemplate } from '#cli/plan-template';
import { parsePlan } from '#model/plan';

test('plan.example.yml is what init writes', () => {
  const example = readFileSync(new URL('../../plan.example.yml', import.meta.url), 'utf8');
  assert.equal(
    planTemplate(defaultAnswers),
    example,
    'run: node -e "import(\'#cli/plan-template\').then((t) => process.stdout.write(t.planTemplate(t.defaultAnswers)))" > plan.example.yml',
  );
});

test('the example is a plan', () => {
  const plan = parsePlan(planTemplate(defaultAnswers), 'plan.yml');
  assert.deepEqual(
    plan.sources.map(({ name, slot }) => [name, slot]),
    [['main', 'lifeboat']],
  );
  assert.deepEqual(plan.encryption, { keyFile: './lifeboat.key' });
  assert.deepEqual(plan.evidence, { signer: { signingKey: './evidence.key' } });
});

test('what its comments show is allowed too', () => {
  const uncommented = planTemplate(defaultAnswers).replace(/^( *)# (?=\w+:( |$)|- | {2})/gm, '$1');
  const plan = parsePlan(uncommented, 'plan.yml');
  assert.equal(plan.fourEyes, true);
  assert.equal(plan.approvers.length, 1);
  assert.deepEqual(
    plan.notifications.map(({ kind }) => kind),
    ['slack', 'webhook', 'email', 'sns', 'statuspage'],
  );
  assert.equal(plan.sources[0]!.checks.length, 2);
  assert.equal(plan.metrics?.job, 'lifeboat');
  assert.deepEqual([plan.failover[0]?.source, plan.systems[0]?.sources.length], ['main', 1]);
  const { timezone, windowMinutes } = plan.sources[0]!.schedules;
  assert.deepEqual([timezone, windowMinutes], ['Europe/Berlin', 15]);
  assert.ok(plan.sources[0]!.schedules.incremental && plan.sources[0]!.connection.password);
});

test('a plan to deploy has the bucket and the key of its stack', () => {
  const aws = { stack: 'lifeboat-prod', region: 'eu-central-1' };
  const text = planTemplate({ ...defaultAnswers, aws });
  const plan = parsePlan(text, 'plan.yml');
  assert.deepEqual([plan.bucket, plan.encryption, plan.aws], ['stack', { kmsKey: 'stack' }, aws]);
  assert.deepEqual(plan.evidence, { signer: { kmsKey: 'stack' } });
  assert.doesNotMatch(text, /key file|lifeboat\.key|\.\/bucket/);
});
