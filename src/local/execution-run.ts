import type { Clock } from './clock.ts';
import type { StatesDefinition } from './definition.ts';
import type { Bindings } from './expression.ts';
import type { Integration, Json, TaskTokens } from './integration.ts';
import type { Journal } from './journal.ts';
import type { ExecutionIdentity, JournalRecord } from './journal-record.ts';

/** One execution while it runs: what all of its states share. */
export interface ExecutionRun {
  execution: ExecutionIdentity;
  journal: Journal;
  integrations: Integration;
  tokens: TaskTokens;
  clock: Clock;
  /** aborted when the execution is left as it is: nothing outside is told, and nothing more is recorded */
  leaving: AbortSignal;
  /** Aborts `leaving`: the engine cannot go on with this execution. */
  leave(why: unknown): void;
  /** Stamps it with the time; the id of its first event. */
  append(record: Unstamped): number;
}

/** Whether the machine's time is over, of whose states the history then tells nothing more. */
export const isTimedOut = ({ journal }: ExecutionRun): boolean => journal.state.ending?.status === 'TIMED_OUT';

/** A record without its time. */
export type Unstamped = JournalRecord extends infer R ? (R extends JournalRecord ? Omit<R, 'at'> : never) : never;

/** States that run one after the other: a machine's own, a branch's or an iteration's. */
export interface Scope {
  run: ExecutionRun;
  definition: StatesDefinition;
  /** '' for the machine's own; see JournalRecord */
  path: string;
  /** of the scopes around this one */
  variables: Bindings;
  /** $states.context, but for State and Task */
  context: { [name: string]: Json };
  /** aborted with ScopeStopped when its siblings failed or the execution ends: then its states have to */
  signal: AbortSignal;
}

/** The reason for which a scope's states end without having come to an end. No state can catch it. */
export class ScopeStopped extends Error {
  override readonly name = 'ScopeStopped';
}
