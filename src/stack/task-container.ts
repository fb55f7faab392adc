import { arnOf, ref, sub } from './intrinsics.ts';

export interface ContainerOptions {
  /** of tasks/ */
  command: string;
  cpu: number;
  memoryMb: number;
  /** what it gets of the plan */
  planData: string;
  /** variables before the others */
  environment?: readonly { Name: string; Value: string }[];
}

/** The container of a task definition that the plan decides on, as tasks/tasks.yml has those of every plan. */
export const taskContainer = ({ command, cpu, memoryMb, planData, environment = [] }: ContainerOptions): object => ({
  Name: 'task',
  Image: sub(`\${Repository.RepositoryUri}:\${ImageTag}`),
  Command: [command],
  Essential: true,
  Cpu: cpu,
  Memory: memoryMb,
  User: '10001:10001',
  ReadonlyRootFilesystem: true,
  LinuxParameters: { InitProcessEnabled: true },
  StopTimeout: 120,
  MountPoints: [
    { SourceVolume: 'tmp', ContainerPath: '/tmp', ReadOnly: false },
    { SourceVolume: 'work', ContainerPath: '/var/lib/lifeboat', ReadOnly: false },
  ],
  // one that has done nothing for minutes though there is something to do is replaced
  HealthCheck: {
    Command: ['CMD', 'node', '/lifeboat/src/runtime/check-heartbeat.mjs'],
    Interval: 30,
    Timeout: 10,
    Retries: 3,
    StartPeriod: 60,
  },
  Environment: [
    ...environment,
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
