import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { resolveResources } from '#harness/resolve-template';
import { InputInvalid } from '#model/failure';
import { parsePlan } from '#model/plan';
import { decodePlanData } from '#model/plan-data';
import { sourceRoleArn } from '#model/source-role';
import { logicalName } from '#stack/logical-name';
import { dataOfPlan } from '#stack/plan-data';
import { sourcesOfPlan } from '#stack/sources';
import { packagedTemplate, resourcesOf, type Template } from './packaged-template.ts';
import { RolePolicy } from './role-policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-sources-'));
after(() => rmSync(folder, { recursive: true }));

const long = `customer-${'x'.repeat(54)}`;
const head = 'bucket: stack\nencryption: { kmsKey: stack }\naws: { stack: lifeboat-prod, region: eu-central-1 }\n';
const sourceText = (name: string, more = '') =>
  `  ${name}:\n    connection: { host: ${name}.internal, user: lifeboat, password: "secret:${name}/db#pw"${more} }\n`;
const planOf = (...names: string[]) => `${head}sources:\n${names.map((name) => sourceText(name)).join('')}`;

const bucket = 'arn:aws:s3:::lifeboat-prod-111122223333-eu-central-1';
let template: Template;
let planPath: string;
before(async () => {
  planPath = join(folder, 'plan.yml');
  writeFileSync(planPath, planOf('orders', 'orders-eu', 'a-1', 'a1', long));
  template = await packagedTemplate({ plan: planPath });
});

const roleOf = (source: string) => `Source${logicalName(source)}Role`;
const receiverOf = (source: string) => `ReceiveWal${logicalName(source)}`;

test('each source has a role, a receiver and a service of its own', () => {
  for (const source of ['orders', 'orders-eu', 'a-1', 'a1', long]) {
    for (const name of [roleOf(source), `${receiverOf(source)}Task`, `${receiverOf(source)}Service`])
      assert.ok(name in template.Resources, name);
  }
  assert.equal(resourcesOf(template, 'AWS::ECS::Service').length, 5);
});

test("a role's name is the one by which machines ask for it, however long the source's is", () => {
  const prefix = 'arn:aws:iam::111122223333:role/lifeboat-prod-eu-central-1-';
  for (const source of ['orders', long]) {
    const { RoleName } = resolveResources(template, [roleOf(source)])[roleOf(source)]!.Properties!;
    assert.equal(`arn:aws:iam::111122223333:role/${RoleName}`, sourceRoleArn(prefix, source));
    assert.ok((RoleName as string).length <= 64);
  }
});

describe('the role of a source', () => {
  const may = (action: string, resource: string, context: Record<string, string> = {}) =>
    new RolePolicy(template, roleOf('orders')).allows({ action, resource, context });
  const kms = { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' };
  const inBucket = (key: string) => `${bucket}/${key}`;

  test('reads and writes what is its own', () => {
    for (const key of ['orders/backups/x/manifest.json', 'orders/leases/backup', 'catalog/orders/backups.json'])
      for (const action of ['s3:GetObject', 's3:PutObject']) assert.ok(may(action, inBucket(key)), `${action} ${key}`);
    assert.ok(may('s3:PutObject', inBucket('executions/backup/nightly/base-backup-orders.json')));
    assert.ok(may('s3:PutObject', inBucket('executions/backup/nightly/base-backup-orders.failure-2026.json')));
    for (const key of ['orders/leases/dump', 'catalog/orders/dumps.json', 'executions/dump/nightly/dump-orders.json'])
      assert.ok(may('s3:PutObject', inBucket(key)), key);
  });

  test('neither reads nor writes what is of another source, not even of one whose name begins alike', () => {
    for (const key of [
      'orders-eu/backups/x/base.tar.00000',
      'orders-eu/leases/backup',
      'catalog/orders-eu/backups.json',
      'catalog/orders/proofs/x.json',
      'executions/backup/nightly/base-backup-orders-eu.json',
      'executions/dump/nightly/dump-orders-eu.json',
      'executions/dump/nightly/prove-dump.json',
      'catalog/orders-eu/dumps.json',
      'executions/restore/one/restore.json',
      'evidence/000000000001.json',
      'approvals/restore/one/answer.json',
      `approval-tokens/${'0'.repeat(64)}.json`,
    ])
      for (const action of ['s3:GetObject', 's3:PutObject']) assert.ok(!may(action, inBucket(key)), `${action} ${key}`);
    for (const prefix of ['', 'orders-eu/', 'catalog/', 'evidence/'])
      assert.ok(!may('s3:ListBucket', bucket, { 's3:prefix': prefix }), prefix);
    assert.ok(may('s3:ListBucket', bucket, { 's3:prefix': 'orders/backups/' }));
  });

  test('deletes nothing, and changes no lock', () => {
    for (const action of [
      's3:DeleteObject',
      's3:DeleteObjectVersion',
      's3:PutObjectRetention',
      's3:BypassGovernanceRetention',
    ])
      assert.ok(!may(action, inBucket('orders/backups/x/base.tar.00000')), action);
  });

  test('has keys of its own source alone, and those of the bucket only through S3', () => {
    const key = 'arn:aws:kms:eu-central-1:111122223333:key/backupkey';
    const bucketKey = 'arn:aws:kms:eu-central-1:111122223333:key/bucketkey';
    for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
      assert.ok(may(action, key, { 'kms:EncryptionContext:lifeboat:source': 'orders' }));
      assert.ok(!may(action, key, { 'kms:EncryptionContext:lifeboat:source': 'orders-eu' }));
      assert.ok(!may(action, key));
      assert.ok(may(action, bucketKey, kms));
      assert.ok(!may(action, bucketKey));
    }
    assert.ok(!may('kms:Encrypt', key, { 'kms:EncryptionContext:lifeboat:source': 'orders' }));
  });

  test('reads its own password, and not one whose name begins alike', () => {
    const secret = (name: string) => `arn:aws:secretsmanager:eu-central-1:111122223333:secret:${name}`;
    assert.ok(may('secretsmanager:GetSecretValue', secret('orders/db-a1B2c3')));
    assert.ok(!may('secretsmanager:GetSecretValue', secret('orders-eu/db-a1B2c3')));
    assert.ok(!may('secretsmanager:GetSecretValue', secret('orders/db-admin-a1B2c3')));
  });
});

describe('the role of a database that RDS runs', () => {
  const ofRds = `${head}sources:
${sourceText('orders')}  ledger:
    kind: rds
    instance: ledger-db
    connection: { host: ledger.internal, user: dumps, password: "secret:ledger/db#pw" }
  quiet: { kind: rds, instance: quiet-db }
`;
  let packaged: Template;
  before(async () => {
    const path = join(folder, 'rds.yml');
    writeFileSync(path, ofRds);
    packaged = await packagedTemplate({ plan: path });
  });
  const may = (action: string, resource: string, context: Record<string, string> = {}) =>
    new RolePolicy(packaged, roleOf('ledger')).allows({ action, resource, context });
  const inBucket = (key: string) => `${bucket}/${key}`;

  test('is there where we may connect to it, and it has no receiver', () => {
    assert.ok(roleOf('ledger') in packaged.Resources);
    assert.ok(!(roleOf('quiet') in packaged.Resources));
    assert.ok(!(`${receiverOf('ledger')}Service` in packaged.Resources));
  });

  test('writes its dumps, what comes of them, and nothing else', () => {
    const dump = 'ledger/dumps/20261120T051345123Z-dump';
    for (const key of [
      `${dump}/manifest.json`,
      `${dump}/0000.dump.000000`,
      'ledger/leases/dump',
      'catalog/ledger/dumps.json',
      'executions/dump/nightly/dump-ledger.json',
      'executions/dump/nightly/dump-ledger.failure-2026.json',
    ])
      for (const action of ['s3:GetObject', 's3:PutObject']) assert.ok(may(action, inBucket(key)), `${action} ${key}`);
    assert.ok(may('s3:GetObject', inBucket('catalog/ledger/dump-proofs/x/y.json')));
    assert.ok(may('s3:PutObjectTagging', inBucket(`${dump}/0000.dump.000000`)));
    assert.ok(may('s3:ListBucket', bucket, { 's3:prefix': 'ledger/dumps/' }));
    assert.ok(
      may('secretsmanager:GetSecretValue', 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:ledger/db-a1B2c3'),
    );
    for (const key of [
      'ledger/snapshots/x.json',
      'ledger/leases/backup',
      'catalog/ledger/dump-proofs/x/y.json',
      'catalog/ledger/managed.json',
      'executions/dump/nightly/dump-orders.json',
      'executions/dump/nightly/prove-dump.json',
      'orders/dumps/x/manifest.json',
    ])
      assert.ok(!may('s3:PutObject', inBucket(key)), key);
    for (const key of ['orders/dumps/x/manifest.json', 'catalog/orders/dumps.json'])
      assert.ok(!may('s3:GetObject', inBucket(key)), key);
    assert.ok(!may('s3:DeleteObject', inBucket(`${dump}/manifest.json`)));
  });

  test('is handed on by the machine that dumps, and by no other', () => {
    const passed = (policy: string) => {
      const { Roles, PolicyDocument } = packaged.Resources[policy]!.Properties as {
        Roles: [{ Ref: string }];
        PolicyDocument: { Statement: [{ Action: string; Resource: { 'Fn::GetAtt': [string, string] }[] }] };
      };
      const [{ Action, Resource }] = PolicyDocument.Statement;
      return [Roles[0].Ref, Action, ...Resource.map((one) => one['Fn::GetAtt'][0])];
    };
    const [orders, ledger] = ['orders', 'ledger'].map(roleOf);
    assert.deepEqual(passed('PassSourceRoles'), ['BackupStateMachineRole', 'iam:PassRole', orders]);
    assert.deepEqual(passed('PassDumpRoles'), ['DumpStateMachineRole', 'iam:PassRole', orders, ledger]);
  });

  test('cannot connect by what only this machine has', () => {
    const text = ofRds.replace('host: ledger.internal', 'host: /var/run/postgresql');
    const sources = () => sourcesOfPlan({ plan: parsePlan(text, 'plan.yml'), text, fileName: 'plan.yml' });
    assert.throws(sources, /sources\.ledger\.connection\.host/);
  });
});

describe('a receiver', () => {
  const taskOf = (source: string) => {
    const name = `${receiverOf(source)}Task`;
    const { ContainerDefinitions } = resolveResources(template, [name])[name]!.Properties as {
      ContainerDefinitions: [{ Command: string[]; Environment: { Name: string; Value: string }[] }];
    };
    const [{ Command, Environment }] = ContainerDefinitions;
    return { Command, env: Object.fromEntries(Environment.map(({ Name, Value }) => [Name, Value])) };
  };

  test('is told its source, and nothing of another one', () => {
    const { Command, env } = taskOf('orders');
    assert.deepEqual(Command, ['receive-wal']);
    assert.deepEqual(JSON.parse(env.LIFEBOAT_INPUT!), { source: 'orders' });
    const text = decodePlanData(env.LIFEBOAT_PLAN_DATA!);
    assert.doesNotMatch(text, /orders-eu/);
    const { sources, bucket: place, encryption } = parsePlan(text, 'plan');
    const whole = parsePlan(planOf('orders'), 'plan');
    assert.deepEqual([sources, place, encryption], [whole.sources, 'stack', { kmsKey: 'stack' }]);
    assert.equal(env.LIFEBOAT_BUCKET, 's3://lifeboat-prod-111122223333-eu-central-1');
  });

  test('is not replaced when something else in the plan is changed', async () => {
    const other = join(folder, 'other.yml');
    writeFileSync(other, `${planOf('orders')}${sourceText('new')}approvers: [{ name: ada }]\n`);
    const changed = await packagedTemplate({ plan: other });
    const name = `${receiverOf('orders')}Task`;
    assert.deepEqual(changed.Resources[name], template.Resources[name]);
    assert.notDeepEqual(changed.Resources.BaseBackupTask, template.Resources.BaseBackupTask);
  });

  test('runs once at most, is put back when it fails, and has no public address; in a stack that stands by there is none', () => {
    for (const [standby, count] of [
      ['no', 1],
      ['yes', 0],
    ] as const) {
      const name = `${receiverOf('orders')}Service`;
      const parameters = { Standby: standby, SubnetIds: 'subnet-1,subnet-2', TaskSecurityGroupId: 'sg-1' };
      const service = resolveResources(template, [name], { parameters })[name]!.Properties!;
      assert.equal(service.DesiredCount, count);
      assert.deepEqual(service.DeploymentConfiguration, {
        MaximumPercent: 100,
        MinimumHealthyPercent: 0,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      });
      assert.deepEqual(service.NetworkConfiguration, {
        AwsvpcConfiguration: {
          AssignPublicIp: 'DISABLED',
          Subnets: ['subnet-1', 'subnet-2'],
          SecurityGroups: ['sg-1'],
        },
      });
    }
  });
});

test('no two sources share a name in the template', () => {
  const letters = [...'abyz019-'];
  const name = fc
    .tuple(fc.constantFrom('a', 'z'), fc.array(fc.constantFrom(...letters), { maxLength: 8 }))
    .map(([first, rest]) => first + rest.join(''));
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert.match(logicalName(a), /^[A-Z][A-Za-z0-9]*$/);
      assert.equal(logicalName(a) === logicalName(b), a === b, `${a} ${b}`);
    }),
    { numRuns: 5_000 },
  );
});

describe('a plan that cannot be deployed is refused where it is packaged:', () => {
  const refusal = (text: string) => {
    try {
      sourcesOfPlan({ plan: parsePlan(text, 'plan.yml'), text, fileName: 'plan.yml' });
    } catch (error) {
      assert.ok(error instanceof InputInvalid);
      return error.message;
    }
    return 'taken';
  };

  test('a socket is on no other machine', () => {
    const text = planOf('orders').replace('orders.internal', '/run/postgresql');
    assert.match(refusal(text), /^plan\.yml: sources\.orders\.connection\.host: "\/run\/postgresql" .* a host name/);
  });

  test('authorities come with the image, or not at all', () => {
    const plan = (file: string) =>
      `${head}sources:\n${sourceText('orders', `, sslmode: verify-full, sslrootcert: ${file}`)}`;
    assert.match(refusal(plan('ca.pem')), /^plan\.yml: sources\.orders\.connection\.sslrootcert: "ca\.pem"/);
    assert.equal(refusal(plan('/etc/ssl/own.pem')), 'taken');
  });

  test('a plan that is too long for a task definition, with one clear error', () => {
    const sources = Array.from({ length: 20_000 }, (_, index) => sourceText(`source-${index}`));
    const text = `${head}sources:\n${sources.join('')}`;
    assert.throws(() => dataOfPlan(text, 'plan.yml'), {
      name: 'InputInvalid',
      message: /^plan\.yml: "\d+ characters when compressed" .* at most 49152, since a task definition holds no more$/,
      hint: /two plans/,
    });
    assert.equal(decodePlanData(dataOfPlan(planOf('orders'), 'plan.yml')), planOf('orders'));
  });
});
