import { aboutInput } from '#model/about-input';
import { type LogLine, lastLogLine } from './last-log-line.ts';
import type { TaskProcesses } from './task-processes.ts';

/** A task that has not ended, with the last thing that it said. */
export interface RunningTask {
  id: string;
  /** ARN of the execution that asked for it; null for a service */
  execution: string | null;
  task: string;
  /** by its input: a source, or a step; null where that does not say */
  about: string | null;
  said: LogLine | undefined;
}

export async function runningTasks(processes: TaskProcesses): Promise<RunningTask[]> {
  const specs = await processes.unended();
  return Promise.all(
    specs.map(async ({ id, execution, arguments: words, environment }) => ({
      id,
      execution,
      task: words.at(-1) ?? '',
      about: aboutOf(environment),
      said: await lastLogLine(processes.folderOf(id)),
    })),
  );
}

function aboutOf({ LIFEBOAT_INPUT: input = 'null' }: Record<string, string>): string | null {
  try {
    return aboutInput(JSON.parse(input)) ?? null;
  } catch {
    return null; // its own task says that it is no JSON
  }
}
