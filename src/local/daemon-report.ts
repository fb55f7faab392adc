import type { Engine } from './engine.ts';
import type { NoticeOutbox, OutboxState } from './notice-outbox.ts';
import { type RunningTask, runningTasks } from './running-task.ts';
import type { Scheduler } from './scheduler.ts';
import type { ServiceState } from './services.ts';
import type { TaskProcesses } from './task-processes.ts';

/** The parts of a daemon that works. */
export interface Working {
  engine: Engine;
  notices: NoticeOutbox;
  scheduler: Scheduler;
  processes: TaskProcesses;
}

/** What a daemon knows of itself, for `lifeboat status`. */
export interface DaemonReport {
  services: ServiceState[];
  tasks: RunningTask[];
  notices: OutboxState;
  /** soonest first; ISO 8601 */
  next: { schedule: string; at: string }[];
  /** executions that stand still, and why */
  standing: { execution: string; why: string }[];
}

export async function daemonReport({ engine, notices, scheduler, processes }: Working): Promise<DaemonReport> {
  return {
    services: await engine.services.state(),
    tasks: await runningTasks(processes),
    notices: notices.state(),
    next: scheduler.next().map(({ name, at }) => ({ schedule: name, at: at.toISOString() })),
    standing: [...engine.executions.problems()].map(([execution, why]) => ({ execution, why })),
  };
}
