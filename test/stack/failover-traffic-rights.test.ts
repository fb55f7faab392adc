import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parsePlan } from '#model/plan';
import {
  changingTraffic,
  readingTraffic,
  sendingMail,
  type TrafficStatement,
  trafficOf,
} from '#stack/failover-traffic-rights';
import { checkout } from './packaged-template.ts';
import { listOf, nameOf, type Statement } from './policy-grants.ts';
import { complaintsOf } from './role-rules.ts';
import { actionsIn } from './used-actions.ts';

const sites = `sites:
      east: { server: { kind: rds, instance: orders-east, region: eu-central-1 } }
      west: { server: { kind: rds, instance: orders-west, region: eu-west-1 } }`;
const planOf = (group: string, more = '') =>
  parsePlan(
    `bucket: stack
encryption: none
aws: { stack: lifeboat-prod, region: eu-west-1 }
sources: { orders: { kind: rds, instance: orders-east } }
${more}
failover:
  shop:
    source: orders
    home: east
    ${sites}
${group}`,
    'plan.yml',
  );

const plan = planOf(`    names:
      - { kind: route53, zone: Z1, name: DB.example.org., values: { east: e.example.net, west: w.example.net } }
      - { kind: route53, zone: Z1, name: "*.example.org", type: A, values: { east: 192.0.2.1, west: 192.0.2.2 } }
      - { kind: file, path: /etc/endpoint, values: { east: e, west: w } }
    capacity:
      - { kind: ecs, site: west, cluster: shop, service: web, region: eu-west-1, active: 2 }
      - { kind: autoscaling, site: west, group: workers, region: eu-west-1, active: 2 }
      - { kind: deployment, site: west, cluster: { eks: shop, region: eu-west-1 }, namespace: shop, name: web, active: 2 }
    settings:
      - { kind: ssm, parameter: /shop/db-host, region: eu-west-1, values: { east: e, west: w } }
      - { kind: secret, secret: shop/db, field: host, region: eu-west-1, values: { east: e, west: w } }
      - { kind: configmap, cluster: { eks: shop, region: eu-west-1 }, namespace: shop, name: s, key: k, values: { east: e, west: w } }`);

/** `action resource`, the region of the things and the account of the stack */
const grants = (statements: readonly TrafficStatement[]): string[] =>
  statements
    .flatMap(({ Action, Resource }) =>
      Action.flatMap((action) => listOf(Resource as Statement['Resource']).map((one) => `${action} ${nameOf(one)}`)),
    )
    .sort();
const account = `\${AWS::AccountId}`;

test('who plans and watches may look at what the plan names, and change nothing', () => {
  assert.deepEqual(grants(readingTraffic(trafficOf(plan))), [
    'autoscaling:DescribeAutoScalingGroups *',
    `ecs:DescribeServices arn:ecs:eu-west-1:${account}:service/shop/web`,
    `eks:DescribeCluster arn:eks:eu-west-1:${account}:cluster/shop`,
    'route53:GetHostedZone arn:route53:::hostedzone/Z1',
    'route53:ListResourceRecordSets arn:route53:::hostedzone/Z1',
    `secretsmanager:GetSecretValue arn:secretsmanager:eu-west-1:${account}:secret:shop/db-??????`,
    `ssm:GetParameter arn:ssm:eu-west-1:${account}:parameter/shop/db-host`,
  ]);
});

test('who moves may change what the plan names, and nothing else', () => {
  const group = `arn:autoscaling:eu-west-1:${account}:autoScalingGroup:*:autoScalingGroupName/workers`;
  assert.deepEqual(grants(changingTraffic(trafficOf(plan))), [
    `autoscaling:CreateOrUpdateTags ${group}`,
    `autoscaling:DeleteTags ${group}`,
    `autoscaling:UpdateAutoScalingGroup ${group}`,
    `ecs:UpdateService arn:ecs:eu-west-1:${account}:service/shop/web`,
    'route53:ChangeResourceRecordSets arn:route53:::hostedzone/Z1',
    'route53:GetChange arn:route53:::change/*',
    `secretsmanager:PutSecretValue arn:secretsmanager:eu-west-1:${account}:secret:shop/db-??????`,
    `ssm:DeleteParameter arn:ssm:eu-west-1:${account}:parameter/shop/db-host`,
    `ssm:PutParameter arn:ssm:eu-west-1:${account}:parameter/shop/db-host`,
  ]);
});

test("of a zone only the plan's records may be changed, of a cluster only its services, of a group only our tag", () => {
  const conditionOf = (action: string) =>
    changingTraffic(trafficOf(plan)).find(({ Action }) => Action.includes(action))!.Condition;
  assert.deepEqual(conditionOf('route53:ChangeResourceRecordSets'), {
    'ForAllValues:StringEquals': {
      'route53:ChangeResourceRecordSetsNormalizedRecordNames': ['db.example.org', '\\052.example.org'],
      'route53:ChangeResourceRecordSetsRecordTypes': ['CNAME', 'A'],
      'route53:ChangeResourceRecordSetsActions': ['DELETE', 'UPSERT'],
    },
  });
  assert.deepEqual(conditionOf('ecs:UpdateService'), {
    ArnEquals: { 'ecs:cluster': { 'Fn::Sub': `arn:\${AWS::Partition}:ecs:eu-west-1:${account}:cluster/shop` } },
  });
  assert.deepEqual(conditionOf('autoscaling:DeleteTags'), {
    'ForAllValues:StringEquals': { 'aws:TagKeys': ['lifeboat:min-size'] },
  });
});

test('every call of the adapters is granted to who moves, and nothing that none of them calls', () => {
  const sources = [...['route53-name', 'ssm-setting', 'secret-setting', 'ecs-capacity', 'autoscaling-capacity']].map(
    (name) => readFileSync(join(checkout, `src/runtime/${name}.ts`), 'utf8'),
  );
  // its request is signed here, without an SDK: src/runtime/eks-cluster.ts
  const used = new Set([...sources.flatMap(actionsIn), 'eks:DescribeCluster']);
  const traffic = trafficOf(plan);
  const granted = [...readingTraffic(traffic), ...changingTraffic(traffic)].flatMap(({ Action }) => Action);
  assert.deepEqual(new Set(granted), used);
});

test('the rules for roles have nothing against it', () => {
  const traffic = trafficOf(plan);
  const mail = sendingMail({
    notifications: [
      { kind: 'email', from: 'l@example.org', to: ['a@example.org'], ses: { region: 'eu-west-1' }, on: ['failure'] },
    ],
  });
  const Statement = [...readingTraffic(traffic), ...changingTraffic(traffic), ...mail];
  const trusted = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const Properties = {
    AssumeRolePolicyDocument: { Statement: [trusted] },
    Policies: [{ PolicyDocument: { Statement } }],
  };
  const template = { Resources: { Mover: { Type: 'AWS::IAM::Role', Properties } } } as never;
  assert.deepEqual(complaintsOf(template, 'Mover'), []);
});

test('two things in one place are granted once, and each statement has a name of its own', () => {
  const twice = planOf(`    capacity:
      - { kind: ecs, site: east, cluster: shop, service: web, region: eu-west-1, active: 2 }
      - { kind: ecs, site: west, cluster: shop, service: web, region: eu-west-1, active: 2 }
      - { kind: ecs, site: west, cluster: shop, service: api, region: eu-west-1, active: 2 }`);
  const statements = [...readingTraffic(trafficOf(twice)), ...changingTraffic(trafficOf(twice))];
  const names = statements.map(({ Sid }) => Sid);
  assert.deepEqual(names, ['LookAtService1', 'LookAtService2', 'ScaleService1', 'ScaleService2']);
  for (const name of names) assert.match(name, /^[A-Za-z0-9]+$/);
});

test('files, and clusters whose token the plan has, take no right', () => {
  const other = planOf(`    names: [{ kind: file, path: /e, values: { east: e, west: w } }]
    capacity:
      - { kind: deployment, site: west, cluster: { server: "https://k", token: "env:T" }, namespace: s, name: w, active: 2 }`);
  assert.deepEqual([...readingTraffic(trafficOf(other)), ...changingTraffic(trafficOf(other))], []);
});

test('mail may be sent by SES from the addresses of the plan, in their regions; elsewhere nothing is needed', () => {
  const mail = (from: string, way: string) => `  - { kind: email, from: ${from}, to: [a@example.org], ${way} }\n`;
  const ses = (region: string) => `ses: { region: ${region} }`;
  const more = `notifications:\n${mail('l@example.org', ses('eu-west-1'))}${mail('m@example.org', ses('eu-west-1'))}${mail('l@example.org', 'smtp: { host: mail }')}`;
  const [statement, ...others] = sendingMail(planOf('', more));
  assert.deepEqual(others, []);
  assert.deepEqual(grants([statement!]), [
    `ses:SendEmail arn:ses:eu-west-1:${account}:configuration-set/*`,
    `ses:SendEmail arn:ses:eu-west-1:${account}:identity/*`,
  ]);
  assert.deepEqual(statement!.Condition, {
    StringEqualsIgnoreCase: { 'ses:FromAddress': ['l@example.org', 'm@example.org'] },
  });
  assert.deepEqual(sendingMail(planOf('', `notifications:\n${mail('l@example.org', 'smtp: { host: mail }')}`)), []);
});
