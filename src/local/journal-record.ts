import type { Json, TaskCall } from './integration.ts';

/**
 * What an execution has done, in the order in which it did it. A state's visit is named by its key: the path of its
 * scope, its name and how often this scope came by before: `/Backups#0@0[3]/Upload#1` is the second visit of Upload in
 * the fourth iteration of the first attempt of the first visit of Backups. In braces, `@0{3}`, it is a child execution of
 * a DISTRIBUTED Map, of which the history of the execution says nothing and which numbers its own events.
 *
 *     started → (entered → attempt … → exited)… → (ending →) ended
 *     attempt of a Task:             scheduled → (submitted →) (stopping →) succeeded | failed
 *     attempt of a Map or Parallel:  opened → iteration… → (stopping →) succeeded | failed
 *
 * `stopping` and `ending` say that what still runs inside is being told to end: a resumed execution goes on with that.
 * An attempt that failed says what follows: another one at a time, a catcher, or the end of the scope. Of what is
 * `untold` the history has no event.
 */
export type JournalRecord = { at: number } & (
  | { type: 'started'; format: typeof journalFormat; definition: string; execution: ExecutionIdentity }
  | { type: 'entered'; key: string; name: string; state: string; input: Json }
  | ({ type: 'scheduled'; key: string } & ScheduledTask)
  | { type: 'submitted'; key: string; output: Json }
  | { type: 'opened'; key: string; state: string; items: Json[]; distributed?: true; label?: string }
  | { type: 'iteration'; key: string; index: number; status: IterationStatus; input?: Json; untold?: true }
  | ({ type: 'stopping'; key: string } & ErrorOutput)
  | { type: 'succeeded'; key: string; result?: Json; distributed?: true }
  | ({ type: 'failed'; key: string } & FailedAttempt)
  | { type: 'waiting'; key: string; until: number }
  | ({ type: 'exited'; key: string } & Exit)
  | { type: 'aborted'; key: string; untold?: true }
  | ({ type: 'ending' } & Ending)
  | ({ type: 'ended' } & Ending)
);

export const journalFormat = 'lifeboat-journal/1';

export interface ExecutionIdentity {
  arn: string;
  name: string;
  machineArn: string;
  machineName: string;
  /** ISO 8601 with milliseconds */
  startTime: string;
  input: Json;
  roleArn: string;
}

export interface ScheduledTask {
  resource: string;
  pattern: TaskCall['pattern'];
  arguments: Json;
  token?: string;
  timeoutSeconds?: number;
  heartbeatSeconds?: number;
}

export type IterationStatus = 'started' | 'succeeded' | 'failed' | 'aborted';

/** Empty texts where there is none. */
export interface ErrorOutput {
  error: string;
  cause: string;
}

export interface FailedAttempt extends ErrorOutput {
  /** what the history calls it; it has no word for what befalls a Choice, a Wait or a Fail state */
  as: 'failed' | 'timed out' | 'evaluation' | 'map run' | 'silent';
  /** a Map or Parallel has failed with it, which the history tells as well */
  ends?: true;
  /** of an evaluation: the field */
  location?: string;
  next: { retrier: number; until: number } | { catcher: number } | null;
}

/** How a state is left. */
export interface Exit {
  output: Json;
  /** variables that it sets */
  assigned?: { [name: string]: Json };
  /** nothing at the end of a scope */
  next?: string;
}

export interface Ending {
  status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  output?: Json;
  error?: string;
  cause?: string;
}
