import { childContext } from './child-context.ts';
import { isTimedOut } from './execution-run.ts';
import type { Json } from './integration.ts';
import type { IterationStatus } from './journal-record.ts';
import type { MapItem } from './map-items.ts';
import { runStates } from './run-states.ts';
import { StateFailed } from './state-failed.ts';
import { checkSize, type Visit, value } from './state-visit.ts';

export interface Iteration {
  index: number;
  item: MapItem;
  path: string;
  signal: AbortSignal;
  /** whether it is a child execution, which sees nothing of the variables around it */
  apart: boolean;
}

/** The processor's states for one item, or for what ItemSelector made of it. @throws StateFailed; ScopeStopped */
export async function runIteration(visit: Visit, iteration: Iteration): Promise<Json> {
  const { run, scope, log, state, variables } = visit;
  const { index, item, path, signal, apart } = iteration;
  const context = { ...scope.context, Map: { Item: { Index: index, ...item } } };
  const input = await begin(visit, iteration, context);
  const own = apart ? { variables: {}, context: childContext(visit, index, input, context) } : { variables, context };
  const end = (status: IterationStatus, untold = false): void => {
    if (log.attempt.iterations.get(index)?.status === 'started') note(visit, iteration, status, untold);
  };
  try {
    const inner = { run, definition: state.ItemProcessor!, path, ...own, signal };
    const output = await runStates(inner, structuredClone(input));
    end('succeeded');
    return output;
  } catch (failure) {
    if (run.leaving.aborted) throw failure;
    // it ends the execution at once
    if (failure instanceof StateFailed) end('failed', failure.error === 'States.Runtime');
    else end('aborted', isTimedOut(run));
    throw failure;
  }
}

/** Its input; what ItemSelector made of it, if there is one, is in the journal. */
async function begin(visit: Visit, iteration: Iteration, context: { [name: string]: Json }): Promise<Json> {
  const { log, state } = visit;
  const { index, item } = iteration;
  const plain = 'Key' in item ? { Key: item.Key!, Value: item.Value } : item.Value;
  const begun = log.attempt.iterations.get(index);
  if (begun) return begun.input ?? plain;
  if (state.ItemSelector === undefined) {
    note(visit, iteration, 'started');
    return plain;
  }
  const input = await value(visit, state.ItemSelector, 'ItemSelector', { context });
  checkSize(visit, input);
  note(visit, iteration, 'started', false, { input });
  return input;
}

function note(
  { run, key }: Visit,
  { index, apart }: Iteration,
  status: IterationStatus,
  untold = false,
  more: { input?: Json } = {},
): void {
  run.append({ type: 'iteration', key, index, status, ...more, ...(untold || apart ? { untold: true } : {}) });
}
