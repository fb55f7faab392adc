import type { PostgresSource } from '#model/postgres-source';
import { arnOf, ref, sub } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';
import { taskContainer } from './task-container.ts';

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
    ContainerDefinitions: [
      taskContainer({
        ...{ command: 'receive-wal', cpu: 256, memoryMb: 512, planData },
        environment: [{ Name: 'LIFEBOAT_INPUT', Value: JSON.stringify({ source: name }) }],
      }),
    ],
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
