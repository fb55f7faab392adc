import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { checkout, packagedTemplate, type Template } from './packaged-template.ts';

interface Policy {
  Statement: { Sid: string; Action: string[]; Resource: string | string[] }[];
}

/** What a resource's type is called in actions. */
const serviceOf = (type: string): string => {
  const [, name = ''] = type.split('::');
  return { StepFunctions: 'states', Scheduler: 'scheduler', CloudWatch: 'cloudwatch' }[name] ?? name.toLowerCase();
};

/** The names that resources are given, and what they begin with in the policy's ARNs. */
const named: Record<string, [property: string, arn: RegExp]> = {
  'AWS::Lambda::Function': ['FunctionName', /^function:/],
  'AWS::StepFunctions::StateMachine': ['StateMachineName', /^stateMachine:/],
  'AWS::Events::Rule': ['Name', /^rule\//],
  'AWS::SNS::Topic': ['TopicName', /^/],
  'AWS::SQS::Queue': ['QueueName', /^/],
  'AWS::CloudWatch::Alarm': ['AlarmName', /^alarm:/],
  'AWS::CloudWatch::Dashboard': ['DashboardName', /^dashboard\//],
  'AWS::ECR::Repository': ['RepositoryName', /^repository\//],
  'AWS::ECS::Cluster': ['ClusterName', /^[^:]*\//],
  'AWS::Logs::LogGroup': ['LogGroupName', /^log-group:/],
  'AWS::IAM::Role': ['RoleName', /^role\//],
};

describe('the policy of who deploys', () => {
  const policy: Policy = JSON.parse(readFileSync(join(checkout, 'docs/aws-deployer-policy.json'), 'utf8'));
  let template: Template;
  before(async () => {
    template = await packagedTemplate();
  });

  test('knows every service that the stack has something of', () => {
    const services = new Set(policy.Statement.flatMap(({ Action }) => Action.map((action) => action.split(':')[0])));
    const wanted = new Set(Object.values(template.Resources).map(({ Type }) => serviceOf(Type)));
    assert.deepEqual(
      [...wanted].filter((service) => !services.has(service)),
      [],
    );
  });

  test('lets whoever deploys make everything that is given a name', () => {
    const resources = policy.Statement.flatMap(({ Resource }) => Resource);
    const patterns = resources.filter((arn) => arn !== '*').map((arn) => arn.split(':').slice(5).join(':'));
    for (const [id, { Type, Properties = {} }] of Object.entries(template.Resources)) {
      const [property, begin] = named[Type] ?? [];
      const name = property && textOf(Properties[property]);
      if (name === undefined) continue;
      const matched = patterns.some((pattern) => begin!.test(pattern) && glob(pattern.replace(begin!, '')).test(name));
      assert.ok(matched, `${id} is named ${name}, which no statement is about`);
    }
  });

  test('lets services make the roles of their own that the stack needs of them', () => {
    const linked = policy.Statement.filter(({ Action }) => Action.includes('iam:CreateServiceLinkedRole'));
    const services = linked.flatMap(({ Resource }) => [Resource].flat()).map((arn) => arn.split('/')[2]);
    assert.deepEqual(
      services.sort(),
      // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
      // https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-auth-slr.html
      ['ecs.amazonaws.com', 'mrk.kms.amazonaws.com'],
    );
  });

  test('says * only for what has no name of ours', () => {
    const everywhere = policy.Statement.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    assert.deepEqual(
      everywhere.filter((action) =>
        /^(iam|s3|lambda|states|sns|sqs|events|scheduler|ecr:(?!GetAuthorizationToken))/.test(action),
      ),
      [],
    );
  });
});

function textOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value : (value as { 'Fn::Sub'?: string; Ref?: string } | undefined);
  const written = typeof text === 'string' ? text : (text?.['Fn::Sub'] ?? (text?.Ref && `\${${text.Ref}}`));
  return written
    ?.replace(/\$\{AWS::StackName\}/g, 'lifeboat-STAGE')
    .replace(/lifeboat-prod/g, 'lifeboat-STAGE')
    .replace(/\$\{[^}]*\}/g, 'x');
}

const glob = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*')}$`);
