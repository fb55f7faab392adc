import type { z } from 'zod';
import type { Plan } from '#model/plan';
import type { Environment } from '#runtime/environment';
import type { Bucket } from '#runtime/open-bucket';
import type { TaskCall } from './task-call.ts';
import type { TaskLog } from './task-log.ts';

/** One kind of work that a state machine has done by a process of its own. A failure that is thrown says how it ended. */
export interface Job<Input = unknown> {
  kind: 'job';
  /** Unknown fields are refused; the error texts say what is allowed. */
  input: z.ZodType<Input>;
  /** Answers the result. Done again for the same call, it finds what the first time left. */
  run(input: Input, world: JobWorld): Promise<object>;
}

/** Work that goes on until it is told to end. It belongs to no execution and leaves no result. */
export interface Service<Input = unknown> {
  kind: 'service';
  input: z.ZodType<Input>;
  run(input: Input, world: TaskWorld): Promise<void>;
}

/** What a task may know of the world beside its input. */
export interface TaskWorld {
  plan: Plan;
  /** absolute: for commands that PostgreSQL runs later */
  planPath: string;
  vault: Bucket;
  environment: Environment;
  startedAt: Date;
  now(): Date;
  /** aborted by SIGTERM and SIGINT; its reason is an Aborted */
  signal: AbortSignal;
  log: TaskLog;
  /** Says that work goes on. For a job it is said by itself; a service says it whenever nothing is left undone. */
  alive(): void;
}

export interface JobWorld extends TaskWorld {
  call: TaskCall;
}

export type Task = Job | Service;

export const defineJob = <Input>(job: Omit<Job<Input>, 'kind'>): Job => ({ kind: 'job', ...job }) as unknown as Job;

export const defineService = <Input>(service: Omit<Service<Input>, 'kind'>): Service =>
  ({ kind: 'service', ...service }) as unknown as Service;
