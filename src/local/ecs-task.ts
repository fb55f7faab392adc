import { clusterArn, localAccount, localRegion, taskDefinitionArn } from '#model/arn';
import type { Json } from './integration.ts';
import type { TaskEnd, TaskSpec } from './task-record.ts';

export interface EndedTask {
  spec: TaskSpec;
  /** of the task definition */
  task: string;
  container: string;
  end: TaskEnd;
  createdAt: Date;
  overrides: Json;
}

/**
 * What DescribeTasks says of a stopped task, with times in milliseconds as Step Functions has them. A container that was
 * killed has exit code 137, one of which nobody knows has none.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
 */
export function describeEcsTask({ spec, task, container, end, createdAt, overrides }: EndedTask): Json {
  const taskArn = `arn:aws:ecs:${localRegion}:${localAccount}:task/lifeboat/${spec.id}`;
  const exitCode = end.exitCode ?? codeOfSignal(end.signal);
  const stoppedAt = Date.parse(end.stoppedAt);
  return {
    Attachments: [],
    ClusterArn: clusterArn,
    Containers: [
      {
        ContainerArn: `arn:aws:ecs:${localRegion}:${localAccount}:container/lifeboat/${spec.id}/${container}`,
        ...(exitCode === null ? {} : { ExitCode: exitCode }),
        LastStatus: 'STOPPED',
        Name: container,
        ...(end.problem === null ? {} : { Reason: end.problem }),
        TaskArn: taskArn,
      },
    ],
    CreatedAt: Math.min(createdAt.getTime(), Date.parse(end.startedAt ?? end.stoppedAt)),
    DesiredStatus: 'STOPPED',
    ExecutionStoppedAt: stoppedAt,
    Group: `family:${task}`,
    LastStatus: 'STOPPED',
    LaunchType: 'FARGATE',
    Overrides: overrides,
    ...(end.startedAt === null ? {} : { StartedAt: Date.parse(end.startedAt) }),
    StartedBy: 'AWS Step Functions',
    ...stopOf(end),
    StoppedAt: stoppedAt,
    StoppingAt: end.stopRequestedAt === null ? stoppedAt : Date.parse(end.stopRequestedAt),
    TaskArn: taskArn,
    TaskDefinitionArn: taskDefinitionArn(task),
    Version: 1,
  };
}

function stopOf({ startedAt, exitCode, problem, stopRequestedAt }: TaskEnd): { [name: string]: Json } {
  if (stopRequestedAt !== null) return { StopCode: 'UserInitiated', StoppedReason: 'it was told to stop' };
  if (startedAt === null || (exitCode === null && problem?.startsWith('spawn')))
    return { StopCode: 'TaskFailedToStart', StoppedReason: problem ?? 'it was not started' };
  const reason = problem ?? 'Essential container in task exited';
  return { StopCode: 'EssentialContainerExited', StoppedReason: reason };
}

/** As a container's: 128 and the signal's number. */
function codeOfSignal(signal: string | null): number | null {
  const numbers: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };
  if (signal === null) return null;
  return 128 + (numbers[signal] ?? 0);
}
