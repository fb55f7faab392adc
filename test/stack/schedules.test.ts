import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { resolveResources } from '#harness/resolve-template';
import { parsePlan } from '#model/plan';
import { firingName } from '#model/planned-schedules';
import { countedParts, resourcesOfPlan } from '#stack/from-plan';
import { logicalName } from '#stack/logical-name';
import { schedulesOfPlan } from '#stack/schedules';
import { otherResources } from '#stack/template-size';
import { checkout, packagedTemplate, type Resource, resourcesOf, type Template } from './packaged-template.ts';

interface Schedule {
  Name: string;
  GroupName: object;
  State: object;
  ScheduleExpression: string;
  ScheduleExpressionTimezone: string;
  FlexibleTimeWindow: object;
  Target: {
    Arn: object;
    RoleArn: object;
    Input: string;
    RetryPolicy: { MaximumEventAgeInSeconds: number; MaximumRetryAttempts: number };
    DeadLetterConfig?: object;
  };
}

const schedulesIn = (resources: Record<string, object>): Schedule[] =>
  Object.values(resources as Record<string, Resource>)
    .filter(({ Type }) => Type === 'AWS::Scheduler::Schedule')
    .map(({ Properties }) => Properties as unknown as Schedule);

describe('the schedules of the packaged stack', () => {
  let template: Template;
  let schedules: Schedule[];
  before(async () => {
    template = await packagedTemplate();
    schedules = schedulesIn(template.Resources);
  });

  test('are those of the plan, in their zones and windows, and the watch', () => {
    const off = { Mode: 'OFF' };
    const wide = { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 };
    assert.deepEqual(
      schedules.map((one) => [
        one.Name,
        one.ScheduleExpression,
        one.ScheduleExpressionTimezone,
        one.FlexibleTimeWindow,
      ]),
      [
        ['full-orders', 'cron(0 2 ? * SUN *)', 'Europe/Berlin', wide],
        ['incremental-orders', 'cron(0 2 ? * MON-SAT *)', 'Europe/Berlin', wide],
        ['dump-orders', 'cron(0 4 ? * SUN *)', 'Europe/Berlin', wide],
        ['drill-orders', 'cron(0 5 1 * ? *)', 'Europe/Berlin', wide],
        ['scrub-orders', 'cron(0 6 * * ? *)', 'Europe/Berlin', wide],
        ['retention-orders', 'cron(0 7 * * ? *)', 'Europe/Berlin', wide],
        ['full-billing', 'cron(0 3 * * ? *)', 'UTC', off],
        ['retention-billing', 'cron(30 7 * * ? *)', 'UTC', off],
        ['snapshot-ledger', 'cron(0 1 * * ? *)', 'UTC', off],
        ['dump-ledger', 'cron(0 4 * * ? *)', 'UTC', off],
        ['watch', 'rate(1 minute)', 'UTC', off],
        ['sign-evidence', 'cron(10 0 * * ? *)', 'UTC', off],
        ['tell-incidents', 'rate(1 minute)', 'UTC', off],
        ['watch-managed', 'rate(1 minute)', 'UTC', off],
        ['watch-failover', 'rate(1 minute)', 'UTC', off],
      ],
    );
  });

  test('rest in a stack that stands by, but for the watch over groups, which is in the recovery region alone', () => {
    const enabledIn = (region: string, standby: 'yes' | 'no') => {
      const names = resourcesOf(template, 'AWS::Scheduler::Schedule').map(([name]) => name);
      const found = Object.values(resolveResources(template, names, { region, parameters: { Standby: standby } }));
      return found.flatMap(({ Properties }) => (Properties!.State === 'ENABLED' ? [Properties!.Name] : []));
    };
    const others = schedules.map(({ Name }) => Name).filter((name) => name !== 'watch-failover');
    assert.deepEqual(enabledIn('eu-central-1', 'yes'), []);
    assert.deepEqual(enabledIn('eu-central-1', 'no'), others);
    assert.deepEqual(enabledIn('eu-west-1', 'yes'), ['watch-failover']);
    assert.deepEqual(enabledIn('eu-west-1', 'no'), [...others, 'watch-failover']);
  });

  test('say their name and time to the function that starts what the plan says, and nothing else', () => {
    for (const { Name, Target } of schedules) {
      const isInvoked = Name.startsWith('watch') || ['sign-evidence', 'tell-incidents'].includes(Name);
      assert.deepEqual(Target.Arn, {
        'Fn::GetAtt': [
          {
            watch: 'WatchLambdaFunction',
            'watch-managed': 'WatchManagedLambdaFunction',
            'watch-failover': 'WatchFailoverLambdaFunction',
            'sign-evidence': 'SignEvidenceLambdaFunction',
            'tell-incidents': 'TellIncidentsLambdaFunction',
          }[Name] ?? 'StartScheduledLambdaFunction',
          'Arn',
        ],
      });
      const time = '<aws.scheduler.scheduled-time>';
      assert.deepEqual(JSON.parse(Target.Input), isInvoked ? {} : { schedule: Name, scheduledTime: time });
    }
    for (const name of ['WatchLambdaFunction', 'StartScheduledLambdaFunction'])
      assert.equal(template.Resources[name]?.Type, 'AWS::Lambda::Function');
  });

  test('try again within what AWS allows, and leave a dead letter then, unless the next one comes in a minute', () => {
    for (const { Name, Target } of schedules) {
      const { MaximumEventAgeInSeconds: age, MaximumRetryAttempts: attempts } = Target.RetryPolicy;
      // https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
      assert.ok(age >= 60 && age <= 86_400 && attempts >= 0 && attempts <= 185);
      const left = /^(?:watch|tell)/.test(Name) ? undefined : { Arn: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] } };
      assert.deepEqual(Target.DeadLetterConfig, left);
    }
  });

  test('act as a role for the group alone, which may invoke these two functions', () => {
    const { AssumeRolePolicyDocument, Policies } = template.Resources.SchedulerRole!.Properties as {
      AssumeRolePolicyDocument: {
        Statement: [{ Principal: object; Condition: Record<string, Record<string, object>> }];
      };
      Policies: { PolicyDocument: { Statement: { Action: string; Resource: unknown }[] } }[];
    };
    const [{ Principal, Condition }] = AssumeRolePolicyDocument.Statement;
    assert.deepEqual(Principal, { Service: 'scheduler.amazonaws.com' });
    assert.deepEqual(Condition.StringEquals, { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
    assert.match(JSON.stringify(Condition.ArnEquals!['aws:SourceArn']), /:schedule-group\/\$\{AWS::StackName\}"\}$/);
    const statements = Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
    assert.deepEqual(
      statements.map(({ Action }) => Action),
      ['lambda:InvokeFunction', 'sqs:SendMessage'],
    );
    assert.doesNotMatch(JSON.stringify(statements), /\*/);
    const called = schedules.map(({ Target }) => JSON.stringify(Target.Arn));
    const allowed = (statements[0]!.Resource as object[]).map((arn) => JSON.stringify(arn));
    assert.deepEqual(new Set(called), new Set(allowed));
    const group = template.Resources.ScheduleGroup!;
    assert.deepEqual(group.Properties, { Name: { Ref: 'AWS::StackName' } });
    for (const { GroupName } of schedules) assert.deepEqual(GroupName, { Ref: 'ScheduleGroup' });
  });
});

const daily = Object.fromEntries(['full', 'incremental', 'drill', 'scrub'].map((kind) => [kind, 'rate(1 day)']));
const contentOf = (names: readonly string[]) => ({
  bucket: './bucket',
  encryption: 'none',
  sources: Object.fromEntries(
    names.map((name) => [name, { connection: { host: 'db', user: 'backup' }, schedules: daily }]),
  ),
});
const planOf = (names: readonly string[]) => parsePlan(JSON.stringify(contentOf(names)), 'plan.yml');

test('sources that are called alike have schedules of their own, and names that AWS takes', () => {
  const names = ['a', 'a-b', 'ab', 'a-1', 'a1', 'a--b', 'a-', `${'x'.repeat(62)}1`, `${'x'.repeat(62)}2`];
  const { Resources } = schedulesOfPlan(planOf(names));
  const schedules = schedulesIn(Resources);
  assert.equal(schedules.length, names.length * 4 + 1);
  assert.equal(new Set(schedules.map(({ Name }) => Name)).size, schedules.length);
  for (const id of Object.keys(Resources)) assert.match(id, /^[A-Za-z0-9]{1,255}$/);
  for (const { Name } of schedules) {
    assert.match(Name, /^[0-9a-zA-Z-_.]{1,64}$/);
    assert.ok(firingName(Name, new Date('2026-11-22T02:00:00Z')).length <= 80);
  }
  assert.ok(Resources[`${logicalName('full-a-b')}Schedule`]);
});

test('more than a template can have are refused, with what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-plans-'));
  after(() => rmSync(folder, { recursive: true }));
  const partsOf = (count: number) => {
    const names = Array.from({ length: count }, (_, index) => `source-${index}`);
    const planPath = join(folder, `${count}.yml`);
    writeFileSync(planPath, JSON.stringify(contentOf(names)));
    return resourcesOfPlan({ planPath, stage: 'prod', primaryBackupKeyArn: '' });
  };
  assert.equal(schedulesIn(partsOf(18).schedules.Resources).length, 73);
  assert.throws(() => partsOf(70), {
    name: 'InputInvalid',
    message:
      /70\.yml: sources: "70 sources with 281 schedules" is not allowed: expected as many as make 300 resources \(these make \d+\)/,
    hint: /split its sources over several plans/,
  });
});

test('the rest of the stack is as small as the check of its size takes it for', async () => {
  const { Resources } = await packagedTemplate();
  const planPath = join(checkout, 'plan.aws.example.yml');
  const parts = countedParts(resourcesOfPlan({ planPath, stage: 'prod', primaryBackupKeyArn: '' }));
  const growing = parts.flatMap((part) => Object.keys(part.Resources));
  for (const name of growing) assert.ok(name in Resources, name);
  const others = Object.keys(Resources).filter((name) => !growing.includes(name)).length;
  assert.ok(others <= otherResources, `${others}: raise otherResources in src/stack/template-size.ts`);
});
