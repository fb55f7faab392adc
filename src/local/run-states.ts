import { setImmediate as turn } from 'node:timers/promises';
import type { StateDefinition } from './definition.ts';
import { isTimedOut, type Scope, ScopeStopped } from './execution-run.ts';
import type { Json } from './integration.ts';
import type { Exit } from './journal-record.ts';
import { runAttempts } from './run-attempts.ts';
import { runChoice } from './state-choice.ts';
import { runFail } from './state-fail.ts';
import { StateFailed } from './state-failed.ts';
import { runMap } from './state-map.ts';
import { runParallel } from './state-parallel.ts';
import { runTask } from './state-task.ts';
import { leave, type Visit } from './state-visit.ts';
import { runWait } from './state-wait.ts';

/**
 * One state after the other, from StartAt to the one that ends the scope: its output. What the journal has seen the
 * end of is not done again.
 * @throws StateFailed that no state caught; ScopeStopped
 */
export async function runStates(scope: Scope, input: Json): Promise<Json> {
  const visits = new Map<string, number>();
  const variables = { ...scope.variables };
  let name = scope.definition.StartAt;
  let current = input;
  for (let step = 1; ; step++) {
    // machines may go round in circles, and others want to live
    if (step % 100 === 0) await turn();
    if (step > mostSteps) throw new StateFailed('States.Runtime', tooLong);
    const visit = visits.get(name) ?? 0;
    visits.set(name, visit + 1);
    const key = `${scope.path}/${encodeURIComponent(name)}#${visit}`;
    const exit = await runState({
      run: scope.run,
      scope,
      key,
      name,
      state: scope.definition.States[name]!,
      input: current,
      variables: { ...variables },
      log: scope.run.journal.state.visit(key),
    });
    Object.assign(variables, exit.assigned);
    current = exit.output;
    if (exit.next === undefined) return current;
    name = exit.next;
  }
}

/** AWS ends an execution with 25,000 events, of which every state has two; else a circle would fill the disk. */
const mostSteps = 12_500;
const tooLong = 'The execution reached the maximum number of history events (25000).';

async function runState(visit: Visit): Promise<Exit> {
  const { log, run, key, name, state, input, scope } = visit;
  if (log.exited) return log.exited;
  if (log.aborted && log.failed.at(-1)?.next !== null) throw new ScopeStopped();
  if (!log.entered) {
    scope.signal.throwIfAborted();
    run.append({ type: 'entered', key, name, state: state.Type, input });
  }
  try {
    return await runAttempts(visit, () => stateTypes[state.Type](visit));
  } catch (failure) {
    if (!log.aborted && isAborted(visit, failure))
      run.append({ type: 'aborted', key, ...(isTimedOut(run) ? { untold: true } : {}) });
    throw failure;
  }
}

/** Also a Task is, that fails within a branch or an iteration and is not caught: they end in the midst of it. */
function isAborted({ state, scope }: Visit, failure: unknown): boolean {
  if (failure instanceof ScopeStopped) return abortable.has(state.Type);
  const ended = failure instanceof StateFailed && failure.error !== 'States.Runtime';
  return ended && state.Type === 'Task' && scope.path !== '' && !scope.path.endsWith('}');
}

/** The types of which the history tells that they were aborted: the others take no time. */
const abortable = new Set(['Task', 'Map', 'Parallel', 'Wait']);

const goOn = (visit: Visit): Promise<Exit> => leave(visit, { ...visit.state, next: visit.state.Next }, visit.input);

/** Each runs one attempt, of which the journal may know a part. */
const stateTypes: Record<StateDefinition['Type'], (visit: Visit) => Promise<Exit>> = {
  Pass: goOn,
  Succeed: goOn,
  Choice: runChoice,
  Wait: runWait,
  Fail: runFail,
  Task: runTask,
  Parallel: runParallel,
  Map: runMap,
};
