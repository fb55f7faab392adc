import { type LogLine, lastLogLine } from './last-log-line.ts';
import type { TaskProcesses } from './task-processes.ts';

/** A task that has not ended, with the last thing that it said. */
export interface RunningTask {
  id: string;
  /** ARN of the execution that asked for it; null for a service */
  execution: string | null;
  task: string;
  said: LogLine | undefined;
}

export async function runningTasks(processes: TaskProcesses): Promise<RunningTask[]> {
  const specs = await processes.unended();
  return Promise.all(
    specs.map(async ({ id, execution, arguments: words }) => ({
      id,
      execution,
      task: words.at(-1) ?? '',
      said: await lastLogLine(processes.folderOf(id)),
    })),
  );
}
