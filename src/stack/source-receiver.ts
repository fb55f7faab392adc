import type { PostgresSource } from '#model/postgres-source';
import { arnOf, ref, sub } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';

/**
 * The receiver of one source: a quarter of a core and 512 MiB store more WAL than most servers write (it holds three
 * segments at most), for about 7 $ a month. Its role is the source's. The other kinds of work: tasks/tasks.yml.
 */
export const receiverTask = ({ name }: PostgresSource, planData: string): object => ({
  Type: 'AWS::ECS::TaskDefinition',
  Properties: {
    Family: sub(`\${AWS::StackName}-receive-wal-${name}`),
    Cpu: '256',
    Memory: '512',
    RequiresCompatibilities: ['FARGATE'],
    NetworkMode: 'awsvpc',
    RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
    ExecutionRoleArn: arnOf('TaskExecutionRole'),
    TaskRoleArn: arnOf(`Source${logicalName(name)}Role`),
    Volumes: [{ Name: 'tmp' }, { Name: 'work' }],
    ContainerDefinitions: [container(name, planData)],
  },
});

const container = (source: string, planData: string): object => ({
  Name: 'task',
  Image: sub(`\${Repository.RepositoryUri}:\${ImageTag}`),
  Command: ['receive-wal'],
  Essential: true,
  Cpu: 256,
  Memory: 512,
  User: '10001:10001',
  ReadonlyRootFilesystem: true,
  LinuxParameters: { InitProcessEnabled: true },
  StopTimeout: 120,
  MountPoints: [
    { SourceVolume: 'tmp', ContainerPath: '/tmp', ReadOnly: false },
    { SourceVolume: 'work', ContainerPath: '/var/lib/lifeboat', ReadOnly: false },
  ],
  // one that has stored nothing for minutes though there is something to store is replaced
  HealthCheck: {
    Command: ['CMD', 'node', '/lifeboat/src/runtime/check-heartbeat.mjs'],
    Interval: 30,
    Timeout: 10,
    Retries: 3,
    StartPeriod: 60,
  },
  Environment: [
    { Name: 'LIFEBOAT_INPUT', Value: JSON.stringify({ source }) },
    { Name: 'LIFEBOAT_PLAN_DATA', Value: planData },
    { Name: 'LIFEBOAT_BUCKET', Value: sub(`s3://\${Bucket}`) },
    { Name: 'LIFEBOAT_KMS_KEY', Value: arnOf('BackupKey') },
    { Name: 'LIFEBOAT_STACK', Value: ref('AWS::StackName') },
    { Name: 'POWERTOOLS_METRICS_NAMESPACE', Value: 'Lifeboat' },
  ],
  LogConfiguration: {
    LogDriver: 'awslogs',
    Options: {
      'awslogs-group': ref('TaskLogs'),
      'awslogs-region': ref('AWS::Region'),
      'awslogs-stream-prefix': 'tasks',
      mode: 'non-blocking',
      'max-buffer-size': '4m',
    },
  },
});

/**
 * Keeps one receiver running, never two: a slot serves one connection, so the old one ends before the next begins. None in
 * a stack that stands by.
 */
export const receiverService = ({ name }: PostgresSource): object => ({
  Type: 'AWS::ECS::Service',
  Properties: {
    ServiceName: `receive-wal-${name}`,
    Cluster: ref('Cluster'),
    TaskDefinition: ref(`ReceiveWal${logicalName(name)}Task`),
    LaunchType: 'FARGATE',
    PlatformVersion: '1.4.0',
    DesiredCount: { 'Fn::If': ['IsStandby', 0, 1] },
    DeploymentConfiguration: {
      MaximumPercent: 100,
      MinimumHealthyPercent: 0,
      DeploymentCircuitBreaker: { Enable: true, Rollback: true },
    },
    PropagateTags: 'SERVICE',
    Tags: [{ Key: 'lifeboat:source', Value: name }],
    NetworkConfiguration: {
      AwsvpcConfiguration: {
        AssignPublicIp: 'DISABLED',
        Subnets: ref('SubnetIds'),
        SecurityGroups: [ref('TaskSecurityGroupId')],
      },
    },
  },
});
