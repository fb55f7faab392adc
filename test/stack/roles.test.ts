import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { packagedTemplate, resourcesOf, type Template } from './packaged-template.ts';
import { listOf, type Statement, statementsOf } from './policy-grants.ts';
import { complaintsOf } from './role-rules.ts';
import { neededActions, needless } from './role-users.ts';
import { actionsIn } from './used-actions.ts';

let template: Template;
let needed: Awaited<ReturnType<typeof neededActions>>;
before(async () => {
  template = await packagedTemplate();
  needed = await neededActions(template);
});

const rolesOf = (from: Template): string[] => resourcesOf(from, 'AWS::IAM::Role').map(([name]) => name);
const allComplaints = (from: Template): string[] =>
  rolesOf(from).flatMap((role) => [...complaintsOf(from, role), ...needless(from, role, needed)]);

test('no role has a wildcard, lacks a condition, may be taken on by others, or grants what its code does not use', () => {
  assert.ok(rolesOf(template).length > 30);
  assert.deepEqual(allComplaints(template), []);
});

test('every function has a role of its own, which no other has', () => {
  const roles = resourcesOf(template, 'AWS::Lambda::Function').map(([name, { Role }]) => [name, JSON.stringify(Role)]);
  for (const [name, role] of roles)
    assert.equal(role, `{"Fn::Sub":"\${${name!.replace('LambdaFunction', 'Role')}.Arn}"}`);
});

test('policies fit into a role', () => {
  for (const role of rolesOf(template)) {
    // in characters, without white space, with names at their longest: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    const size = JSON.stringify(statementsOf(template, role)).length;
    assert.ok(size < 9_000, `${role}: ${size}`);
  }
});

test('nobody deletes but retention, or unlocks or changes what the bucket and the keys are', () => {
  const forbidden =
    /^(?:s3:(?:Delete|Bypass|Put(?!Object$|ObjectTagging$))|kms:(?!Decrypt$|Encrypt$|GenerateDataKey$|CreateGrant$|DescribeKey$)|iam:(?!PassRole$)|sts:)/;
  for (const role of rolesOf(template)) {
    const allowed = statementsOf(template, role).filter(({ Effect }) => Effect === 'Allow');
    const actions = allowed.flatMap(({ Action }) => listOf(Action));
    assert.deepEqual(
      actions.filter((action) => forbidden.test(action)),
      { RetentionTaskRole: ['s3:DeleteObject'], SignEvidenceRole: ['kms:Sign', 'kms:GetPublicKey'] }[role] ?? [],
      role,
    );
  }
});

test('a call of the SDK whose actions nobody has said is not passed over', () => {
  assert.deepEqual(actionsIn('send(new GetSecretValueCommand({}))'), ['secretsmanager:GetSecretValue']);
  assert.deepEqual(actionsIn('paginateListExecutions({ client }, {})'), ['states:ListExecutions']);
  assert.throws(() => actionsIn('send(new DeleteBucketCommand({}))'), /DeleteBucket: say in/);
});

describe('a mistake is seen:', () => {
  type Fields = Record<string, unknown>;
  const grant =
    (role: string, statement: Partial<Statement>) =>
    (from: Template): void => {
      const { Policies } = from.Resources[role]!.Properties as {
        Policies: { PolicyDocument: { Statement: unknown[] } }[];
      };
      Policies[0]!.PolicyDocument.Statement.push({ Effect: 'Allow', ...statement });
    };
  const trust =
    (role: string, change: (statement: Fields, all: Fields[]) => void) =>
    (from: Template): void => {
      const { AssumeRolePolicyDocument } = from.Resources[role]!.Properties as {
        AssumeRolePolicyDocument: { Statement: Fields[] };
      };
      change(AssumeRolePolicyDocument.Statement[0]!, AssumeRolePolicyDocument.Statement);
    };
  const change =
    (role: string, action: string, changed: Partial<Statement>) =>
    (from: Template): void => {
      const statement = statementsOf(from, role).find(({ Action }) => listOf(Action).includes(action));
      Object.assign(statement!, changed);
    };
  const key = (of: string) => ({ 'Fn::Sub': `\${Bucket.Arn}/${of}` });
  const mistakes: [mistake: string, plant: (from: Template) => void, complaint: RegExp][] = [
    [
      'all of a service',
      grant('TellRole', { Action: 's3:*', Resource: key('notices/*') }),
      /^TellRole: s3:\* has a wildcard$/,
    ],
    ['every bucket', grant('TellRole', { Action: 's3:GetObject', Resource: '*' }), /^TellRole: s3:GetObject on \*$/],
    [
      'every key of the bucket',
      grant('WatchRole', { Action: 's3:PutObject', Resource: key('*') }),
      /^WatchRole: s3:PutObject on /,
    ],
    [
      'the buckets of everybody',
      grant('WatchRole', { Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::lifeboat*/x'] }),
      /^WatchRole: s3:GetObject on arn:aws:s3:::lifeboat/,
    ],
    [
      'everything but one thing',
      grant('WatchRole', { NotAction: 's3:GetObject', Resource: key('a') } as never),
      /^WatchRole: NotAction in what is allowed$/,
    ],
    [
      'a listing of the whole bucket',
      change('PlanRestoreRole', 's3:ListBucket', { Condition: {} }),
      /^PlanRestoreRole: s3:ListBucket without a condition on s3:prefix$/,
    ],
    [
      'a key for whatever purpose',
      change('ChecksumVerifierRole', 'kms:Decrypt', { Condition: {} }),
      /^ChecksumVerifierRole: kms:Decrypt without a condition/,
    ],
    [
      'a role for whatever service',
      change('RestoreStateMachineRole', 'iam:PassRole', { Condition: {} }),
      /^RestoreStateMachineRole: iam:PassRole without a condition/,
    ],
    [
      'snapshots of whomever',
      grant('ExpireSnapshotsRole', {
        Action: 'rds:DeleteDBSnapshot',
        Resource: { 'Fn::Sub': `arn:\${AWS::Partition}:rds:\${AWS::Region}:\${AWS::AccountId}:snapshot:lifeboat-*` },
        Condition: { StringEquals: { 'aws:ResourceTag/lifeboat:source': 'ledger' } },
      }),
      /^ExpireSnapshotsRole: rds:DeleteDBSnapshot on arn:rds:/,
    ],
    [
      'snapshots of whatever tags',
      grant('ExpireSnapshotsRole', {
        Action: 'rds:DeleteDBSnapshot',
        Resource: {
          'Fn::Sub': `arn:\${AWS::Partition}:rds:\${AWS::Region}:\${AWS::AccountId}:snapshot:lifeboat-ledger-*`,
        },
      }),
      /^ExpireSnapshotsRole: rds:DeleteDBSnapshot without a condition on aws:ResourceTag\/lifeboat:source$/,
    ],
    [
      'tasks in whatever cluster',
      change('DrillStateMachineRole', 'ecs:RunTask', { Condition: {} }),
      /^DrillStateMachineRole: ecs:RunTask without a condition/,
    ],
    [
      'secrets that the plan does not name',
      change('TellRole', 'secretsmanager:GetSecretValue', {
        Resource: { 'Fn::Sub': 'arn:aws:secretsmanager:x:y:secret:*' },
      }),
      /^TellRole: secretsmanager:GetSecretValue on /,
    ],
    [
      'what a function does not call',
      grant('PlanBackupRole', { Action: 'states:StopExecution', Resource: 'x' }),
      /^PlanBackupRole: states:StopExecution is not needed$/,
    ],
    [
      'what a task does not call',
      grant('DrillTaskRole', { Action: 'sns:Publish', Resource: 'x' }),
      /^DrillTaskRole: sns:Publish is not needed$/,
    ],
    [
      'what a machine does not do',
      grant('VerifyStateMachineRole', { Action: 'sqs:SendMessage', Resource: 'x' }),
      /^VerifyStateMachineRole: sqs:SendMessage is not needed$/,
    ],
    [
      'what a schedule does not start',
      grant('SchedulerRole', { Action: 'states:StartExecution', Resource: 'x' }),
      /^SchedulerRole: states:StartExecution is not needed$/,
    ],
    [
      'a role that nobody has',
      (from) => Object.assign(from.Resources, { SpareRole: structuredClone(from.Resources.TellRole) }),
      /^SpareRole: nobody has it$/,
    ],
    [
      'a role that another account may take on',
      trust('TellRole', (statement) => Object.assign(statement, { Principal: { AWS: '*' } })),
      /^TellRole: is not taken on by one service alone$/,
    ],
    [
      'a role that another service may take on, too',
      trust('TellRole', (_, all) =>
        all.push({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }),
      ),
      /^TellRole: is taken on in more than one way$/,
    ],
    [
      'a role that a service may take on for anybody',
      trust('BackupStateMachineRole', (statement) => Object.assign(statement, { Condition: {} })),
      /^BackupStateMachineRole: states\.amazonaws\.com may take it on for anybody$/,
    ],
    [
      'a policy that AWS may change',
      (from) =>
        Object.assign(from.Resources.TellRole!.Properties!, {
          ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'],
        }),
      /^TellRole: has policies that somebody else writes$/,
    ],
  ];
  for (const [mistake, plant, complaint] of mistakes) {
    test(mistake, () => {
      const broken = structuredClone(template);
      plant(broken);
      const complaints = allComplaints(broken);
      assert.ok(
        complaints.some((one) => complaint.test(one)),
        complaints.join('\n') || 'nothing was seen',
      );
    });
  }
});
