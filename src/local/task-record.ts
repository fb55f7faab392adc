import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, type ProcessIdentity } from '#runtime/process-identity';
import { readJson } from './durable-file.ts';

/** What is to run; the supervisor reads it. It holds no secrets: those come with the daemon's environment. */
export interface TaskSpec {
  id: string;
  /** of node: the program and its arguments */
  arguments: string[];
  environment: Record<string, string>;
  cwd: string;
  /** between SIGTERM and SIGKILL */
  stopTimeoutMs: number;
  /** ARN of who wants it; null for a service, which has no end */
  execution: string | null;
}

export interface TaskEnd {
  /** null when it never ran */
  startedAt: string | null;
  stoppedAt: string;
  exitCode: number | null;
  signal: string | null;
  /** why there is no exit code, or why it never ran */
  problem: string | null;
  /** null when it ended by itself */
  stopRequestedAt: string | null;
}

export type TaskState =
  | { phase: 'specified' }
  | { phase: 'running'; supervisor: ProcessIdentity; startedAt: string }
  /** its supervisor was killed, so nobody will ever know how it ended */
  | { phase: 'lost'; startedAt: string }
  | { phase: 'ended'; end: TaskEnd };

const startedSchema = z.object({
  supervisor: z.object({ pid: z.int().positive(), startTime: z.string(), bootId: z.string() }).nullable(),
  /** of the folder that it works for */
  inode: z.string().exactOptional(),
  startedAt: z.string(),
});

const exitSchema = z.object({
  stoppedAt: z.string(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  problem: z.string().nullable(),
  stopRequestedAt: z.string().nullable(),
});

/** Where a task is in its life, by the files in its folder. */
export async function readTaskState(folder: string): Promise<TaskState> {
  const ended = await readEnd(folder);
  if (ended) return ended;
  const found = await readJson(join(folder, 'started.json'));
  if (found === undefined) return { phase: 'specified' };
  const { supervisor, startedAt, inode } = startedSchema.parse(found);
  const works = supervisor !== null && isAlive(supervisor) && (await hasInode(folder, inode));
  if (works) return { phase: 'running', supervisor, startedAt };
  // it may have ended well after we looked for its end
  return (await readEnd(folder)) ?? { phase: 'lost', startedAt };
}

/** A state directory may have been copied while its tasks ran: those of the original go on there. */
async function hasInode(folder: string, inode: string | undefined): Promise<boolean> {
  return inode === undefined || String((await stat(folder, { bigint: true })).ino) === inode;
}

async function readEnd(folder: string): Promise<TaskState | undefined> {
  const exit = await readJson(join(folder, 'exit.json'));
  if (exit === undefined) return undefined;
  const started = await readJson(join(folder, 'started.json'));
  const startedAt = started === undefined ? null : startedSchema.parse(started);
  const ran = startedAt !== null && startedAt.supervisor !== null;
  return { phase: 'ended', end: { startedAt: ran ? startedAt.startedAt : null, ...exitSchema.parse(exit) } };
}

/** Claims a task for nobody, so that no supervisor will ever run it. */
export const neverStarted = (now: Date): string =>
  JSON.stringify({ format: 'lifeboat-started/1', supervisor: null, startedAt: now.toISOString() });

export function unknownEnd(problem: string, now: Date, stopped: boolean): string {
  const stoppedAt = now.toISOString();
  const stopRequestedAt = stopped ? stoppedAt : null;
  return JSON.stringify({
    format: 'lifeboat-exit/1',
    exitCode: null,
    signal: null,
    problem,
    stoppedAt,
    stopRequestedAt,
  });
}
