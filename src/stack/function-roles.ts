import { ofTheStack, type Plan } from '#model/plan';
import { functionsOf, machinesOf } from '#stack/deployed';
import { movingRights } from '#stack/failover-rights';
import { sendingMail } from '#stack/failover-traffic-rights';
import { type FunctionRights, functionRights } from '#stack/function-rights';
import { arnOf, ownArn, ref, sub } from '#stack/intrinsics';
import { logicalName } from '#stack/logical-name';
import { copyingSnapshots, deletingSnapshots, lookingAtRds } from '#stack/managed-rights';
import { secretNames } from '#stack/plan-secrets';

export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: unknown;
  Condition?: object;
}

/** One role for each function, of what it may do: `PlanBackupRole` for plan-backup. */
export function functionRoles(plan: Plan): { Resources: Record<string, object> } {
  const roles = functionsOf(plan).map((name) => {
    const rights = functionRights[name]!;
    const statements = [...ofEvery(name), ...inBucket(rights), ...elsewhere(name, rights, plan)];
    return [`${logicalName(name)}Role`, roleOf(statements)];
  });
  return { Resources: Object.fromEntries(roles) };
}

const roleOf = (Statement: Statement[]): object => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    Policies: [{ PolicyName: 'what-its-code-needs', PolicyDocument: { Version: '2012-10-17', Statement } }],
  },
});

const allow = (Sid: string, Action: string[], Resource: unknown, Condition?: object): Statement => ({
  ...{ Sid, Effect: 'Allow', Action, Resource },
  ...(Condition && { Condition }),
});

/** The framework makes its log group. */
const ofEvery = (name: string): Statement[] => [
  allow(
    'Log',
    ['logs:CreateLogStream', 'logs:PutLogEvents'],
    ownArn('logs', `log-group:/aws/lambda/${fullName(name)}:*`),
  ),
  // traces belong to no resource
  allow('Trace', ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], '*'),
];

const fullName = (name: string): string => `\${AWS::StackName}-${name}`;

/**
 * Where an object may be missing, S3 only says so to who may list: it asks for s3:ListBucket then as if the key were
 * the prefix of a listing, and answers 403 to others. A read that goes on after an interruption names the version.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
function inBucket({ get = [], put = [], list = [] }: FunctionRights): Statement[] {
  const read = [...new Set([...get, ...put])];
  if (read.length === 0) return [];
  const objects = (keys: readonly string[]) => keys.map((key) => sub(`\${Bucket.Arn}/${key}`));
  const throughS3 = { StringEquals: { 'kms:ViaService': sub(`s3.\${AWS::Region}.\${AWS::URLSuffix}`) } };
  const prefixes = { StringLike: { 's3:prefix': [...new Set([...read, ...list])] } };
  return [
    allow('Read', ['s3:GetObject', 's3:GetObjectVersion'], objects(read)),
    ...(put.length > 0 ? [allow('Write', ['s3:PutObject'], objects(put))] : []),
    allow('List', ['s3:ListBucket'], arnOf('Bucket'), prefixes),
    allow(
      'Decrypt',
      ['kms:Decrypt', ...(put.length > 0 ? ['kms:GenerateDataKey'] : [])],
      arnOf('BucketKey'),
      throughS3,
    ),
  ];
}

function elsewhere(name: string, rights: FunctionRights, plan: Plan): Statement[] {
  const topics =
    typeof rights.publishes === 'string'
      ? topicsOf(plan, rights.publishes === 'to contacts, too')
      : rights.publishes?.map(ref);
  const secrets = secretNames(rights.secrets?.map((part) => (typeof part === 'string' ? plan[part] : part(plan))));
  const [answers, asked] = [rights.answers, rights.asksWhatRuns].map((machines) =>
    machines?.filter((machine) => machinesOf(plan).includes(machine)),
  );
  return [
    ...(rights.opensKeys ? [openKeys] : []),
    ...(rights.signs ? signing(plan) : []),
    ...(topics?.length ? [allow('Publish', ['sns:Publish'], topics)] : []),
    ...(secrets.length > 0 ? [allow('ReadSecrets', ['secretsmanager:GetSecretValue'], secrets.map(secretArn))] : []),
    ...(rights.secrets?.includes('notifications') ? sendingMail(plan) : []),
    ...(rights.rds ? lookingAtRds(plan) : []),
    ...(rights.rds === 'copies' ? copyingSnapshots(plan) : []),
    ...(rights.rds === 'deletes' ? deletingSnapshots(plan) : []),
    ...movingRights(rights, plan),
    ...(answers ? [allow('Answer', ['states:SendTaskSuccess'], answers.map(machineArn))] : []),
    ...(rights.starts ? [allow('Start', startActions, rights.starts.map(machineArn))] : []),
    ...(rights.proposes ? [allow('Propose', ['states:StartExecution'], rights.proposes.map(machineArn))] : []),
    ...(asked?.length ? [allow('AskWhatRuns', ['states:ListExecutions'], asked.map(machineArn))] : []),
    ...(rights.asynchronous ? [allow('LeaveUndone', ['sqs:SendMessage'], arnOf('DeadLetters'))] : []),
    ...(rights.inNetwork ? inNetwork(name) : []),
  ];
}

const topicsOf = ({ notifications, incidents }: Plan, withContacts: boolean): string[] => {
  const contacts = withContacts ? (incidents?.contacts.map(({ reach }) => reach) ?? []) : [];
  return [...notifications, ...contacts].flatMap((channel) => (channel.kind === 'sns' ? [channel.topicArn] : []));
};

/** Secrets Manager adds `-` and six characters to a name. https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html */
const secretArn = (name: string): object => ownArn('secretsmanager', `secret:${name}-??????`);

/**
 * By name: a role that refers to a machine would wait for what waits for its function. SendTaskSuccess is asked of the machine
 * whose state waits, though AWS's list of actions names no resource for it: https://github.com/aws/aws-cdk/pull/8486
 */
const machineArn = (name: string): object => ownArn('states', `stateMachine:\${AWS::StackName}_${name}`);
const startActions = ['states:ListExecutions', 'states:StartExecution'];
const functionArn = (name: string): object => ownArn('lambda', `function:${fullName(name)}`);

/** Only data keys of backups and WAL, which are bound to what they are for (src/runtime/kms-key-ring.ts). */
const openKeys: Statement = allow('OpenDataKeys', ['kms:Decrypt'], arnOf('BackupKey'), {
  Null: { 'kms:EncryptionContext:lifeboat:source': 'false', 'kms:EncryptionContext:lifeboat:for': 'false' },
});

/** Asked for by an alias, KMS still goes by the key. */
function signing({ evidence }: Plan): Statement[] {
  if (!evidence || !('kmsKey' in evidence.signer)) return [];
  const { kmsKey } = evidence.signer;
  const key = kmsKey === ofTheStack ? arnOf('EvidenceKey') : kmsKey;
  return [
    allow('Sign', ['kms:Sign'], key, { StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' } }),
    allow('TellThePublicKey', ['kms:GetPublicKey'], key),
  ];
}

/**
 * Lambda makes network interfaces in the function's name; the function itself may not.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
function inNetwork(name: string): Statement[] {
  const describe = ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'];
  const change = [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:UnassignPrivateIpAddresses',
  ];
  return [
    allow('LookAtNetwork', describe, '*'),
    allow('JoinNetwork', change, ownArn('ec2', '*/*')),
    {
      ...{ Sid: 'ButNotItsCode', Effect: 'Deny', Action: [...describe, ...change], Resource: '*' },
      Condition: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn(name) } },
    },
  ];
}
