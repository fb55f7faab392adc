import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { judgeAccess, type PolicyDocument } from '#harness/judge-access';
import { type Deployment, resolveResources } from '#harness/resolve-template';
import { packagedTemplate, resourcesOf, type Template } from './packaged-template.ts';

interface Endpoint {
  VpcEndpointType: 'Gateway' | 'Interface';
  ServiceName: string;
  PolicyDocument: PolicyDocument;
  PrivateDnsEnabled?: boolean;
  SubnetIds?: string[];
  SecurityGroupIds?: unknown[];
  RouteTableIds?: string[];
}

let template: Template;
before(async () => {
  template = await packagedTemplate({ params: { createEndpoints: 'yes', routeTableIds: 'rtb-1,rtb-2' } });
});

const parameters = { CreateEndpoints: 'yes', SubnetIds: 'subnet-1,subnet-2', RouteTableIds: 'rtb-1,rtb-2' };
const deployment: Deployment = { parameters: { ...parameters, TaskSecurityGroupId: 'sg-tasks', VpcId: 'vpc-1' } };

const endpointsOf = (from: Template, more: Deployment = deployment): Record<string, Endpoint> => {
  const names = resourcesOf(from, 'AWS::EC2::VPCEndpoint').map(([name]) => name);
  const made = Object.values(resolveResources(from, names, more)).map(
    ({ Properties }) => Properties as unknown as Endpoint,
  );
  return Object.fromEntries(made.map((one) => [one.ServiceName.replace('com.amazonaws.eu-central-1.', ''), one]));
};

test('there is an endpoint for each service that tasks and the watch call, when they are asked for', () => {
  const services = ['ecr.api', 'ecr.dkr', 'kms', 'logs', 's3', 'secretsmanager', 'sns'];
  assert.deepEqual(Object.keys(endpointsOf(template)).sort(), services);
  assert.deepEqual(endpointsOf(template, { parameters: { ...parameters, CreateEndpoints: 'no' } }), {});
});

test('none is made unless somebody asks for it', async () => {
  const { Parameters } = await packagedTemplate();
  assert.deepEqual(Parameters.CreateEndpoints!.AllowedValues, ['yes', 'no']);
});

test('that of S3 is in the routes, the others in the subnets, under the names that everybody uses', () => {
  for (const [service, endpoint] of Object.entries(endpointsOf(template))) {
    const { VpcEndpointType, RouteTableIds, SubnetIds, SecurityGroupIds, PrivateDnsEnabled } = endpoint;
    if (service === 's3') assert.deepEqual([VpcEndpointType, RouteTableIds], ['Gateway', ['rtb-1', 'rtb-2']]);
    else {
      assert.deepEqual([VpcEndpointType, SubnetIds, PrivateDnsEnabled], ['Interface', ['subnet-1', 'subnet-2'], true]);
      assert.equal(SecurityGroupIds?.length, 1);
    }
  }
});

test('the endpoints let in whoever is in the group of the tasks, and go nowhere themselves', () => {
  const group = resolveResources(template, ['EndpointSecurityGroup'], deployment).EndpointSecurityGroup!.Properties!;
  const rules = (list: unknown) => (list as Record<string, unknown>[]).map(({ Description: _, ...rule }) => rule);
  assert.deepEqual(rules(group.SecurityGroupIngress), [
    { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, SourceSecurityGroupId: 'sg-tasks' },
  ]);
  assert.deepEqual(rules(group.SecurityGroupEgress), [
    { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '127.0.0.1/32' },
  ]);
});

describe('through the endpoints', () => {
  const ours = { 'aws:principalaccount': '111122223333' };
  const bucket = 'arn:aws:s3:::lifeboat-prod-111122223333-eu-central-1';
  const passes = (service: string, action: string, resource: string, context: Record<string, string> = ours) =>
    judgeAccess(endpointsOf(template)[service]!.PolicyDocument, { action, resource, context }).allowed.length > 0;

  test('this account reaches its bucket, its key, its secrets and its topics, and the layers of images', () => {
    assert.ok(passes('s3', 's3:PutObject', `${bucket}/orders/backups/x`));
    assert.ok(passes('s3', 's3:ListBucket', bucket));
    const layers = 'arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/x';
    assert.ok(passes('s3', 's3:GetObject', layers, { 'aws:principalaccount': '999988887777' }));
    assert.ok(passes('kms', 'kms:GenerateDataKey', 'arn:aws:kms:eu-central-1:111122223333:key/backupkey'));
    assert.ok(passes('secretsmanager', 'secretsmanager:GetSecretValue', secret('111122223333')));
    assert.ok(passes('sns', 'sns:Publish', 'failuretopic'));
    assert.ok(passes('ecr.api', 'ecr:GetAuthorizationToken', '*'));
    assert.ok(passes('logs', 'logs:PutLogEvents', 'arn:aws:logs:eu-central-1:111122223333:log-group:x:log-stream:y'));
  });

  test('nothing leaves for a bucket of somebody else, and nobody else comes through', () => {
    assert.ok(!passes('s3', 's3:PutObject', 'arn:aws:s3:::somebody-elses/x'));
    assert.ok(!passes('s3', 's3:PutObject', 'arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/x'));
    assert.ok(!passes('s3', 's3:DeleteObject', `${bucket}/orders/backups/x`));
    const theirs = { 'aws:principalaccount': '999988887777' };
    for (const [service, action, resource] of [
      ['s3', 's3:PutObject', `${bucket}/x`],
      ['kms', 'kms:Decrypt', 'arn:aws:kms:eu-central-1:111122223333:key/backupkey'],
      ['secretsmanager', 'secretsmanager:GetSecretValue', secret('111122223333')],
      ['sns', 'sns:Publish', 'failuretopic'],
      ['ecr.dkr', 'ecr:BatchGetImage', '*'],
    ] as const)
      assert.ok(!passes(service, action, resource, theirs), service);
    assert.ok(!passes('secretsmanager', 'secretsmanager:GetSecretValue', secret('999988887777')));
  });

  const secret = (account: string) => `arn:aws:secretsmanager:eu-central-1:${account}:secret:orders/db-a1B2c3`;
});

describe('nothing of the stack has a public address', () => {
  const wrong = (from: Template) =>
    JSON.stringify(from.Resources).match(
      /AssignPublicIp\\*["']?\s*:\s*\\*["'](?!DISABLED)\w*|MapPublicIpOnLaunch|AWS::EC2::(EIP|InternetGateway|NatGateway)/g,
    ) ?? [];

  test('neither tasks nor services', () => {
    assert.deepEqual(wrong(template), []);
    const given = JSON.stringify(template.Resources).match(/AssignPublicIp/g)!.length;
    assert.ok(given >= 7, `${given} places say so`);
  });

  test('a mistake is seen', () => {
    const text = JSON.stringify(template);
    for (const broken of [
      text.replace(/(AssignPublicIp":")DISABLED/, '$1ENABLED'),
      text.replace(/(AssignPublicIp\\":\\")DISABLED/, '$1ENABLED'),
      text.replace(/(AssignPublicIp': ')DISABLED/, '$1ENABLED'),
    ]) {
      assert.notEqual(broken, text);
      assert.equal(wrong(JSON.parse(broken)).length, 1);
    }
  });
});
