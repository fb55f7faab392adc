import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { readArguments } from './call-arguments.ts';
import { describeEcsTask } from './ecs-task.ts';
import { type Integration, type Json, StatesError } from './integration.ts';
import { TaskNotStarted, type TaskProcesses } from './task-processes.ts';
import type { TaskEnd, TaskSpec } from './task-record.ts';

export interface EcsOptions {
  processes: TaskProcesses;
  /** the program that runs a task by its name, and where */
  program: string;
  cwd: string;
  /** names of the tasks that there are */
  tasks: readonly string[];
  /** between SIGTERM and SIGKILL; ECS' stopTimeout. 30 s unless given */
  stopTimeoutMs?: number;
  /** aborted when this process ends and leaves the tasks running: the next one finds them */
  leaving: AbortSignal;
  /** how often one that cannot be followed is looked for, and how long after the other */
  looks?: number;
  lookAgainMs?: number;
}

const pair = z.strictObject({ Name: z.string(), Value: z.string() });
const container = z.strictObject({
  Name: z.string(),
  Command: z.array(z.string()).optional(),
  Environment: z.array(pair).optional(),
  Cpu: z.number().optional(),
  Memory: z.number().optional(),
});
const schema = z.strictObject({
  TaskDefinition: z.string(),
  Cluster: z.string().optional(),
  LaunchType: z.string().optional(),
  CapacityProviderStrategy: z.json().optional(),
  VolumeConfigurations: z.json().optional(),
  NetworkConfiguration: z.json().optional(),
  PlatformVersion: z.string().optional(),
  PropagateTags: z.string().optional(),
  EnableExecuteCommand: z.boolean().optional(),
  Tags: z.json().optional(),
  Overrides: z
    .strictObject({
      ContainerOverrides: z.array(container).max(1).optional(),
      TaskRoleArn: z.string().optional(),
      Cpu: z.string().optional(),
      Memory: z.string().optional(),
      EphemeralStorage: z.json().optional(),
    })
    .optional(),
});

/**
 * `ecs:runTask.sync`: a process instead of a container, with the same words, environment and signals. There are no roles,
 * capacity providers and volumes here: it runs under our account and on our disk. Its answer and errors:
 * https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
 */
export function runEcsTask(options: EcsOptions): Integration {
  return async (call) => {
    const createdAt = new Date();
    const { TaskDefinition, Overrides, LaunchType, CapacityProviderStrategy } = readArguments(schema, call);
    if (LaunchType !== undefined && CapacityProviderStrategy !== undefined) {
      // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
      throw new StatesError('ECS.InvalidParameterException', 'LaunchType goes with no CapacityProviderStrategy');
    }
    const task = nameOf(TaskDefinition);
    if (!options.tasks.includes(task)) {
      const known = options.tasks.join(', ');
      throw new StatesError('ECS.ClientException', `TaskDefinition not found: ${TaskDefinition} (there are ${known})`);
    }
    const override = Overrides?.ContainerOverrides?.[0];
    const spec: TaskSpec = {
      id: call.id,
      arguments: [options.program, ...(override?.Command ?? [task])],
      environment: Object.fromEntries((override?.Environment ?? []).map(({ Name, Value }) => [Name, Value])),
      cwd: options.cwd,
      stopTimeoutMs: options.stopTimeoutMs ?? 30_000,
      execution: call.execution.arn,
    };
    const end = await endOf(options, spec, call.signal);
    const container = override?.Name ?? task;
    const answer = describeEcsTask({ spec, task, container, end, createdAt, overrides: (Overrides ?? {}) as Json });
    if (end.exitCode === 0 && end.stopRequestedAt === null) return answer;
    throw new StatesError('States.TaskFailed', JSON.stringify(answer));
  };
}

/**
 * A task that cannot be followed for a moment (no file descriptors, a disk that fails) is looked for again, for it may
 * run: it must not be retried, which would begin another one beside it.
 */
async function endOf(options: EcsOptions, spec: TaskSpec, signal: AbortSignal): Promise<TaskEnd> {
  const { processes, leaving, looks = 60, lookAgainMs = 1_000 } = options;
  for (let look = 1; ; look++) {
    try {
      return await processes.run(spec, { stop: signal, detached: leaving });
    } catch (error) {
      if (leaving.aborted) throw leaving.reason;
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof TaskNotStarted)
        throw new StatesError('ECS.AmazonECSException', `the task could not be started: ${why}`);
      if (look >= looks)
        throw new StatesError('States.TaskFailed', `the task could not be followed, and may run on: ${why}`);
      await sleep(lookAgainMs, undefined, { signal: leaving }).catch(() => undefined); // told by the next look
    }
  }
}

/** `base-backup` of `arn:…:task-definition/base-backup:1`, of `base-backup:1`, or of itself */
const nameOf = (definition: string): string => definition.replace(/^.*task-definition\//, '').replace(/:\d+$/, '');
