import { Failure } from '#model/failure';
import type { Clock } from './clock.ts';
import { hashDefinition, loadDefinition, type MachineDefinition } from './definition.ts';
import { type ExecutionRun, type Scope, ScopeStopped } from './execution-run.ts';
import { type HistoryEvent, HistoryWriter } from './history-writer.ts';
import { type Integration, type Json, StatesError, type TaskTokens } from './integration.ts';
import { interruptible } from './interruptible.ts';
import { Journal } from './journal.ts';
import { type Ending, type ExecutionIdentity, type JournalRecord, journalFormat } from './journal-record.ts';
import { runStates } from './run-states.ts';
import { reported, StateFailed } from './state-failed.ts';

export interface ExecutionOptions {
  /** Amazon States Language, JSONata only, with every `${…}` replaced */
  definition: Json;
  /** of the first start: a resumed execution keeps what its journal says */
  execution: ExecutionIdentity;
  journalFile: string;
  /** every call that a Task makes; `resource` and `pattern` say which */
  integrations: Integration;
  tokens: TaskTokens;
  clock: Clock;
  /**
   * Aborted with LeaveExecution the execution is left to be resumed, and nothing outside is told; aborted with a
   * StatesError or anything else it is ABORTED, with that error and cause, and all that it began outside has to end.
   */
  signal: AbortSignal;
  /** each event of the history, those of before a resume left out */
  onEvent?(event: HistoryEvent): void;
}

export interface ExecutionEnd extends Ending {
  /** ISO 8601 with milliseconds */
  startedAt: string;
  stoppedAt: string;
}

/** The reason with which the engine lets go of an execution. */
export class LeaveExecution extends Failure {
  readonly verdict = 'retry';
}

/** The journal is of another machine than the one that is to go on with it. It is left as it is. */
export class DefinitionChanged extends Failure {
  readonly verdict = 'operator';
}

/**
 * Runs an execution to its end, from where its journal left it.
 * @throws DefinitionInvalid, DefinitionChanged, JournalDamaged: nothing was done; JournalUnwritable, LeaveExecution: it
 * can be resumed
 */
export async function runExecution(options: ExecutionOptions): Promise<ExecutionEnd> {
  const definition = loadDefinition(options.definition, options.execution.machineName);
  const leaving = new AbortController();
  const leave = (why: unknown): void => leaving.abort(why);
  const journal = await Journal.open(options.journalFile, leave);
  try {
    checkSameMachine(journal, options);
    const running = execute(definition, createRun(options, journal, leaving.signal, leave), options);
    return await interruptible(running, [leaving.signal]);
  } catch (failure) {
    leave(failure);
    throw leaving.signal.reason;
  } finally {
    await journal.close();
  }
}

function checkSameMachine({ state: { started } }: Journal, { definition, execution, journalFile }: ExecutionOptions) {
  if (!started || started.definition === hashDefinition(definition)) return;
  throw new DefinitionChanged(`execution ${execution.name} began with another definition of ${execution.machineName}`, {
    operation: 'resume execution',
    subject: journalFile,
    hint: `bring that definition back, or stop this execution and start ${execution.machineName} anew`,
  });
}

function createRun(
  { execution, integrations, tokens, clock, onEvent }: ExecutionOptions,
  journal: Journal,
  leaving: AbortSignal,
  leave: (why: unknown) => void,
): ExecutionRun {
  const history = onEvent && new HistoryWriter();
  for (const record of journal.records) history?.take(record);
  const own = journal.state.started?.execution ?? execution;
  return {
    ...{ execution: own, journal, integrations, tokens, clock, leaving, leave },
    append(unstamped) {
      leaving.throwIfAborted();
      const record = { at: clock.now(), ...unstamped } as JournalRecord;
      const event = journal.append(record);
      for (const told of history?.take(record) ?? []) onEvent?.(told);
      return event;
    },
  };
}

async function execute(definition: MachineDefinition, run: ExecutionRun, options: ExecutionOptions) {
  const { journal, execution } = run;
  const { state } = journal;
  if (!state.started) {
    const hash = hashDefinition(options.definition);
    run.append({ type: 'started', format: journalFormat, definition: hash, execution });
    await journal.durable();
  }
  if (!state.ended) {
    const outcome = await runToEnd(definition, run, options);
    run.append({ type: 'ended', ...(state.ending ? withoutTime(state.ending) : outcome) });
  }
  await journal.durable();
  const { at, ...ending } = state.ended!;
  const stoppedAt = new Date(at).toISOString();
  return { ...withoutTime({ at, ...ending }), startedAt: execution.startTime, stoppedAt };
}

/** Runs the machine until it ends, is stopped, or its time is over. */
async function runToEnd(
  definition: MachineDefinition,
  run: ExecutionRun,
  { signal }: ExecutionOptions,
): Promise<Ending> {
  const stop = new AbortController();
  const over = new AbortController();
  const end = async (ending: Ending): Promise<void> => {
    if (run.journal.state.ending || over.signal.aborted) return;
    run.append({ type: 'ending', ...ending });
    await run.journal.durable();
    stop.abort(new ScopeStopped());
  };
  const asked = async (): Promise<void> => {
    if (signal.reason instanceof LeaveExecution) run.leave(signal.reason);
    else await end(abortedFor(signal.reason));
  };
  if (run.journal.state.ending) stop.abort(new ScopeStopped());
  // what is due already comes before any state
  if (signal.aborted) await asked();
  signal.addEventListener('abort', () => asked().catch(run.leave), { signal: over.signal });
  await atDeadline(definition, run, over.signal, () => end({ status: 'TIMED_OUT' }));
  run.leaving.addEventListener('abort', () => over.abort(), { signal: over.signal });
  try {
    const output = await runStates(machineScope(definition, run, stop.signal), structuredClone(run.execution.input));
    return { status: 'SUCCEEDED', output };
  } catch (failure) {
    if (failure instanceof StateFailed) return failed(failure);
    if (failure instanceof ScopeStopped) return run.journal.state.ending!;
    throw failure;
  } finally {
    over.abort();
  }
}

async function atDeadline(
  { TimeoutSeconds }: MachineDefinition,
  { execution, clock, leave }: ExecutionRun,
  signal: AbortSignal,
  ring: () => Promise<void>,
): Promise<void> {
  if (TimeoutSeconds === undefined) return;
  const left = Date.parse(execution.startTime) + TimeoutSeconds * 1000 - clock.now();
  if (left <= 0) return ring();
  const ignore = (): void => undefined;
  clock.sleep(left, signal).then(() => ring().catch(leave), ignore);
}

function machineScope(definition: MachineDefinition, run: ExecutionRun, signal: AbortSignal): Scope {
  const { arn, input, name, roleArn, startTime, machineArn, machineName } = run.execution;
  const Execution = { Id: arn, Input: input, StartTime: startTime, Name: name, RoleArn: roleArn, RedriveCount: 0 };
  const context = { Execution, StateMachine: { Id: machineArn, Name: machineName } };
  return { run, definition, path: '', variables: {}, context, signal };
}

function failed(failure: StateFailed): Ending {
  const { error, cause } = reported(failure);
  return { status: 'FAILED', ...(error && { error }), ...(cause && { cause }) };
}

function abortedFor(reason: unknown): Ending {
  if (!(reason instanceof StatesError)) return { status: 'ABORTED' };
  const { error, cause } = reason;
  return { status: 'ABORTED', ...(error && { error }), ...(cause && { cause }) };
}

/** What a record says of an ending, and nothing of the record. */
function withoutTime({ status, output, error, cause }: Ending & { at: number }): Ending {
  return {
    status,
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
  };
}
