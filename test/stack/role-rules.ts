import type { Template } from './packaged-template.ts';
import { listOf, nameOf, type Statement, statementsOf } from './policy-grants.ts';

/** What is wrong with a role whoever has it: wildcards, conditions that are missing, and who may take it on. */
export function complaintsOf(template: Template, role: string): string[] {
  const complaints = statementsOf(template, role)
    .filter((statement) => statement.Effect === 'Allow')
    .flatMap((statement) => [...wildcards(statement), ...missingConditions(statement)]);
  return [...complaints, ...trust(template.Resources[role]!.Properties!)].map((complaint) => `${role}: ${complaint}`);
}

function wildcards(statement: Statement): string[] {
  const inverted = ['NotAction', 'NotResource'].filter((key) => key in statement);
  const actions = listOf(statement.Action ?? []).filter((action) => /[*?]/.test(action));
  const resources = listOf(statement.Resource ?? []).map(nameOf);
  const wide = resources.filter((resource) => /[*?]/.test(resource) && !ours.some((pattern) => pattern.test(resource)));
  return [
    ...inverted.map((key) => `${key} in what is allowed`),
    ...actions.map((action) => `${action} has a wildcard`),
    ...wide.flatMap((resource) =>
      listOf(statement.Action)
        .filter((action) => !isExcused(action, resource))
        .map((action) => `${action} on ${resource}`),
    ),
  ];
}

const here = String.raw`\$\{AWS::Region\}:\$\{AWS::AccountId\}`;

/** Wildcards that stay within one thing of ours. */
const ours: readonly RegExp[] = [
  // some keys of one bucket
  /^\$\{Bucket\.Arn\}\/[^*].*$/,
  /^\$\{Bucket\.Arn\}\/\*\/(?:backups|dumps|wal|keys|leases|snapshots)\/.+$/,
  // which backups of one source have come to the bucket of the other region
  /^arn:s3:::\$\{AWS::StackName\}-\$\{AWS::AccountId\}-[a-z0-9-]+\/[^*?]+\/backups\/\*\/manifest\.json$/,
  // the streams of one log group, the executions of one machine, the tasks of one cluster
  new RegExp(`^arn:logs:${here}:log-group:[^*?]+:\\*$`),
  /^\$\{TaskLogs\.Arn\}:log-stream:\*$/,
  new RegExp(String.raw`^arn:states:${here}:(?:execution|stateMachine):\$\{AWS::StackName\}_[\w-]+[:/]\*$`),
  new RegExp(String.raw`^arn:ecs:${here}:task/\$\{Cluster\}/\*$`),
  // the revisions of one task definition: executions go on with the one that they began with
  new RegExp(String.raw`^arn:ecs:${here}:task-definition/\$\{AWS::StackName\}-[\w-]+:\*$`),
  // what Secrets Manager adds to a name
  new RegExp(`^arn:secretsmanager:${here}:secret:[^*?]+-\\?{6}$`),
];

const isExcused = (action: string, resource: string): boolean =>
  excuses.some(({ actions, on }) => actions.test(action) && on.test(resource));

/** Where AWS knows no resource, or a service makes things whose names nobody knows before. */
const excuses: readonly { actions: RegExp; on: RegExp; because: string }[] = [
  {
    actions: /^xray:(?:GetSamplingRules|GetSamplingTargets|PutTelemetryRecords|PutTraceSegments)$/,
    on: /^\*$/,
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
  },
  {
    actions:
      /^logs:(?:(?:Create|Delete|Get|List|Update)LogDeliver(?:y|ies)|Describe(?:LogGroups|ResourcePolicies)|PutResourcePolicy)$/,
    on: /^\*$/,
    because: 'https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy',
  },
  {
    actions: /^ecr:GetAuthorizationToken$/,
    on: /^\*$/,
    because:
      'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html',
  },
  {
    actions: /^ec2:Describe(?:AvailabilityZones|NetworkInterfaces|Subnets|Volumes)$/,
    on: /^\*$/,
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html',
  },
  {
    actions: /^ec2:(?:(?:Unassign|Assign)PrivateIpAddresses|(?:Create|Delete)NetworkInterface)$/,
    on: new RegExp(String.raw`^arn:ec2:${here}:\*/\*$`),
    because: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions',
  },
  {
    // what exists is found by looking; what is made has a name that nobody knows before, and tags
    actions:
      /^rds:(?:Describe\w+|Restore\w+|CreateDBInstance|AddTagsToResource|(?:Copy|Create)DB(?:Cluster)?Snapshot)$/,
    on: new RegExp(
      String.raw`^arn:rds:(?:${here}|[a-z0-9-]+:\$\{AWS::AccountId\}):(?:auto-backup|cluster|cluster-pg|cluster-snapshot|db|og|pg|snapshot|subgrp):(?:lifeboat-)?\*$`,
    ),
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html',
  },
  {
    // which identity stands for the sender SES decides: his address is the condition
    actions: /^ses:SendEmail$/,
    on: /^arn:ses:[a-z0-9-]+:\$\{AWS::AccountId\}:(?:configuration-set|identity)\/\*$/,
    because: 'https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html',
  },
  {
    // what follows a primary: lists belong to no resource, changes of DNS to whoever has made them
    actions: /^(?:autoscaling:DescribeAutoScalingGroups|route53:GetChange)$/,
    on: /^(?:\*|arn:route53:::change\/\*)$/,
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html',
  },
  {
    // what has no resource is limited by its region
    actions: /^(?:ec2:DescribeInstances|ssm:(?:GetCommandInvocation|ListCommands))$/,
    on: /^\*$/,
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html',
  },
  {
    // a standby's instance is put aside under a name with its time; what a replica is made with
    actions: /^rds:(?:CreateDBInstanceReadReplica|ModifyDBInstance)$/,
    on: /^arn:rds:[a-z0-9-]+:\$\{AWS::AccountId\}:(?:db:[^*?]+-aside-|(?:og|pg|subgrp):)\*$/,
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html',
  },
  {
    // a group's ARN has an id in it that nobody knows before
    actions: /^autoscaling:(?:CreateOrUpdateTags|DeleteTags|UpdateAutoScalingGroup)$/,
    on: /^arn:autoscaling:[a-z0-9-]+:\$\{AWS::AccountId\}:autoScalingGroup:\*:autoScalingGroupName\/[^*?]+$/,
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html',
  },
  {
    // in another region what Secrets Manager adds to a name
    actions: /^secretsmanager:(?:Get|Put)SecretValue$/,
    on: /^arn:secretsmanager:[a-z0-9-]+:\$\{AWS::AccountId\}:secret:[^*?]+-\?{6}$/,
    because: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html',
  },
  {
    // of one source, and only with its tags
    actions: /^rds:DeleteDB(?:Cluster)?Snapshot$/,
    on: new RegExp(
      String.raw`^arn:rds:(?:${here}|[a-z0-9-]+:\$\{AWS::AccountId\}):(?:cluster-)?snapshot:lifeboat-[a-z0-9-]+-\*$`,
    ),
    because: 'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html',
  },
  {
    actions: /^ec2:(?:Attach|Create|Delete|Detach)(?:Volume|Tags)$/,
    on: new RegExp(`^arn:ec2:${here}:(?:volume|instance)/\\*$`),
    because: 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html',
  },
  {
    actions:
      /^s3:(?:GetObject(?:LegalHold|Retention|VersionAcl|VersionForReplication|VersionTagging)|Replicate(?:Delete|Object|Tags))$/,
    on: /^(?:arn:s3:::\$\{AWS::StackName\}-\$\{AWS::AccountId\}-\$\{AWS::Region\}|\$\{ReplicaBucketArn\})\/\*$/,
    because: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html',
  },
];

/** Without one of these keys, the action reaches further than anybody here has to. */
const conditions: readonly { action: RegExp; anyOf: readonly string[] }[] = [
  { action: /^s3:ListBucket$/, anyOf: ['s3:prefix', 'all of it is copied'] },
  { action: /^kms:Sign$/, anyOf: ['kms:SigningAlgorithm'] },
  // what a public key says, everybody may know
  { action: /^kms:(?!Sign$|GetPublicKey$)/, anyOf: ['kms:ViaService', 'kms:EncryptionContext:lifeboat:source'] },
  { action: /^iam:PassRole$/, anyOf: ['iam:PassedToService'] },
  { action: /^ecs:/, anyOf: ['ecs:cluster'] },
  { action: /^(?:ec2:DescribeInstances|ssm:(?:GetCommandInvocation|ListCommands))$/, anyOf: ['aws:RequestedRegion'] },
  { action: /^(?:ec2:CreateTags|rds:RemoveTagsFromResource)$/, anyOf: ['aws:TagKeys', 'ec2:CreateAction'] },
  { action: /^rds:Delete/, anyOf: ['aws:ResourceTag/lifeboat:source'] },
  { action: /^ses:SendEmail$/, anyOf: ['ses:FromAddress'] },
  { action: /^route53:ChangeResourceRecordSets$/, anyOf: ['route53:ChangeResourceRecordSetsNormalizedRecordNames'] },
  { action: /^autoscaling:(?:CreateOrUpdate|Delete)Tags$/, anyOf: ['aws:TagKeys'] },
  { action: /^cloudwatch:PutMetricData$/, anyOf: ['cloudwatch:namespace'] },
  {
    action: /^ec2:(?:Create|Delete|Attach|Detach)Volume$/,
    anyOf: ['aws:RequestTag/AmazonECSManaged', 'aws:ResourceTag/AmazonECSManaged', 'an instance of Fargate'],
  },
];

function missingConditions({ Action, Resource, Condition = {} }: Statement): string[] {
  const keys = new Set(Object.values(Condition).flatMap((operands) => Object.keys(operands)));
  const only = (resource: RegExp): boolean => listOf(Resource).every((one) => resource.test(nameOf(one)));
  if (only(/^arn:s3:::\$\{AWS::StackName\}-\$\{AWS::AccountId\}-\$\{AWS::Region\}$/)) keys.add('all of it is copied');
  if (only(/:instance\/\*$/)) keys.add('an instance of Fargate');
  return listOf(Action).flatMap((action) =>
    conditions
      .filter((rule) => rule.action.test(action) && !rule.anyOf.some((key) => keys.has(key)))
      .map((rule) => `${action} without a condition on ${rule.anyOf[0]}`),
  );
}

/**
 * Services that say for whose account they act when they take on a role: of the others a condition would lock them out.
 * Lambda is none of them: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
 */
const saysForWhom = /^(?:ecs|ecs-tasks|events|s3|scheduler|states)\.amazonaws\.com$/;

function trust({ AssumeRolePolicyDocument, ManagedPolicyArns }: Record<string, unknown>): string[] {
  const { Statement: statements } = AssumeRolePolicyDocument as { Statement: Record<string, unknown>[] };
  const [{ Effect, Principal, Action, Condition = {} } = {}, ...more] = statements;
  const { Service, ...others } = Principal as Record<string, unknown>;
  const keys = Object.values(Condition as object).flatMap((operands) => Object.keys(operands));
  return [
    ...(more.length > 0 || Effect !== 'Allow' || Action !== 'sts:AssumeRole'
      ? ['is taken on in more than one way']
      : []),
    ...(typeof Service !== 'string' || Object.keys(others).length > 0 ? ['is not taken on by one service alone'] : []),
    ...(saysForWhom.test(String(Service)) && !keys.includes('aws:SourceAccount')
      ? [`${Service} may take it on for anybody`]
      : []),
    ...(ManagedPolicyArns === undefined ? [] : ['has policies that somebody else writes']),
  ];
}
