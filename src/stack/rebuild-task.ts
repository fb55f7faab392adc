import { sitesOf } from '#model/failover-group';
import type { Plan } from '#model/plan';
import { databaseRights } from './failover-database-rights.ts';
import { arnOf, ownArn, ref, sub } from './intrinsics.ts';
import { secretNames } from './plan-secrets.ts';
import { taskContainer } from './task-container.ts';

/**
 * The task that has a server rebuilt elsewhere: RDS makes the replica, or a document of Systems Manager that runs on the machine. It
 * asks and waits. The other kinds of work: tasks/tasks.yml.
 */
export const rebuildTask = (planData: string): object => ({
  Type: 'AWS::ECS::TaskDefinition',
  DeletionPolicy: 'Delete',
  // an execution goes on with the revision that it began with
  UpdateReplacePolicy: 'Retain',
  Properties: {
    Family: sub(`\${AWS::StackName}-rebuild-standby`),
    Cpu: '512',
    Memory: '1024',
    RequiresCompatibilities: ['FARGATE'],
    NetworkMode: 'awsvpc',
    RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
    ExecutionRoleArn: arnOf('TaskExecutionRole'),
    TaskRoleArn: arnOf('RebuildStandbyTaskRole'),
    Volumes: [{ Name: 'tmp' }, { Name: 'work' }],
    ContainerDefinitions: [taskContainer({ command: 'rebuild-standby', cpu: 512, memoryMb: 1024, planData })],
  },
});

/** Leases of the groups' sources, the results of its own executions, the passwords of the sites, and what its kind of server takes. */
export const rebuildRole = (plan: Plan): object => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: byTasks,
    Policies: [
      {
        PolicyName: 'rebuild-standby',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [...inBucket(plan), ...ofSecrets(plan), ...databaseRights(plan)['rebuild-standby']],
        },
      },
    ],
  },
});

const byTasks = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: 'sts:AssumeRole',
      Condition: {
        StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
        ArnLike: { 'aws:SourceArn': ownArn('ecs', '*') },
      },
    },
  ],
};

function inBucket({ failover }: Plan): object[] {
  const keys = [
    ...failover.map(({ source }) => `${source}/leases/failover`),
    ...['failback', 'failover'].map((machine) => `executions/${machine}/*`),
  ];
  return [
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject'],
      Resource: keys.map((key) => sub(`\${Bucket.Arn}/${key}`)),
    },
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: arnOf('Bucket'),
      Condition: { StringLike: { 's3:prefix': keys } },
    },
    {
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: arnOf('BucketKey'),
      Condition: { StringEquals: { 'kms:ViaService': sub(`s3.\${AWS::Region}.\${AWS::URLSuffix}`) } },
    },
  ];
}

function ofSecrets({ failover }: Plan): object[] {
  const names = secretNames(failover.flatMap(sitesOf).map(({ server }) => server));
  if (names.length === 0) return [];
  const Resource = names.map((name) => ownArn('secretsmanager', `secret:${name}-??????`));
  return [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource }];
}
