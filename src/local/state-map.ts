import type { Json } from './integration.ts';
import type { Exit } from './journal-record.ts';
import { itemsOf, type MapItem } from './map-items.ts';
import { runStates } from './run-states.ts';
import { runTogether } from './run-together.ts';
import { StateFailed } from './state-failed.ts';
import { checkSize, evaluationFailed, leave, typedValue, type Visit, value, wholeNumber } from './state-visit.ts';

/** As many as AWS runs at the same time when the machine does not say; a DISTRIBUTED Map has 10,000 there. */
const widest = { INLINE: 40, DISTRIBUTED: 1_000 };

/** The processor's states for each item, side by side: the list of their outputs, without those of tolerated failures. */
export async function runMap(visit: Visit): Promise<Exit> {
  const { run, scope, key, log, state } = visit;
  const mode = state.ItemProcessor!.ProcessorConfig?.Mode ?? 'INLINE';
  if (!log.attempt.opened) {
    scope.signal.throwIfAborted();
    run.append({ type: 'opened', key, state: state.Type, items: (await itemsOf(visit, mode)) as unknown as Json[] });
  }
  const items = log.attempt.opened!.items as unknown as MapItem[];
  const width = (await wholeNumber(visit, 'MaxConcurrency', 0, Number.MAX_SAFE_INTEGER)) || widest[mode];
  const tolerated = await toleratedFailures(visit, items.length, mode);
  const outputs: Json[][] = items.map(() => []);
  try {
    await runTogether(visit, {
      count: items.length,
      width: Math.min(width, widest[mode]),
      tolerated,
      wasBegun: (index) => log.attempt.iterations.has(index),
      async run(index, { path, signal }) {
        outputs[index] = [await runIteration(visit, mode, index, items[index]!, path, signal)];
      },
    });
  } catch (failure) {
    throw failure instanceof StateFailed && mode === 'DISTRIBUTED' ? tooManyFailures() : failure;
  }
  if (!log.attempt.succeeded) run.append({ type: 'succeeded', key });
  const result = outputs.flat();
  checkSize(visit, result);
  return leave(visit, { ...state, next: state.Next }, result, { result });
}

async function runIteration(
  visit: Visit,
  mode: 'INLINE' | 'DISTRIBUTED',
  index: number,
  item: MapItem,
  path: string,
  signal: AbortSignal,
): Promise<Json> {
  const { run, scope, key, log, state, variables } = visit;
  const context = { ...scope.context, Map: { Item: { Index: index, ...item } } };
  const note = (status: 'succeeded' | 'failed' | 'aborted'): void => {
    if (log.attempt.iterations.get(index)?.status === 'started') run.append({ type: 'iteration', key, index, status });
  };
  const input = await beginIteration(visit, index, item, context);
  try {
    const own = mode === 'DISTRIBUTED' ? {} : variables;
    const inner = { run, definition: state.ItemProcessor!, path, variables: own, context, signal };
    const output = await runStates(inner, structuredClone(input));
    note('succeeded');
    return output;
  } catch (failure) {
    if (!run.leaving.aborted) note(failure instanceof StateFailed ? 'failed' : 'aborted');
    throw failure;
  }
}

/** The iteration's input; what ItemSelector made of it, if there is one, is in the journal. */
async function beginIteration(
  visit: Visit,
  index: number,
  item: MapItem,
  context: { [name: string]: Json },
): Promise<Json> {
  const { run, key, log, state } = visit;
  const plain = 'Key' in item ? { Key: item.Key!, Value: item.Value } : item.Value;
  const begun = log.attempt.iterations.get(index);
  if (begun) return begun.input ?? plain;
  if (state.ItemSelector === undefined) {
    run.append({ type: 'iteration', key, index, status: 'started' });
    return plain;
  }
  const input = await value(visit, state.ItemSelector, 'ItemSelector', { context });
  checkSize(visit, input);
  run.append({ type: 'iteration', key, index, status: 'started', input });
  return input;
}

/** How many iterations may fail. An INLINE Map fails with the first one, whatever else it says. */
async function toleratedFailures(visit: Visit, items: number, mode: 'INLINE' | 'DISTRIBUTED'): Promise<number> {
  const field = 'ToleratedFailurePercentage';
  const count = await wholeNumber(visit, 'ToleratedFailureCount', 0, Number.MAX_SAFE_INTEGER);
  const template = visit.state[field];
  const percentage = template === undefined ? undefined : await typedValue(visit, template, field, 'number');
  if (percentage !== undefined && !(percentage >= 0 && percentage <= 100))
    throw evaluationFailed(visit, `${field} must be a number from 0 to 100, but was ${percentage}.`, field);
  if (mode === 'INLINE' || (count === undefined && percentage === undefined)) return 0;
  const share = percentage === undefined ? Number.POSITIVE_INFINITY : Math.floor((items * percentage) / 100);
  return Math.min(count ?? Number.POSITIVE_INFINITY, share);
}

const tooManyFailures = (): StateFailed =>
  new StateFailed('States.ExceedToleratedFailureThreshold', 'The specified tolerated failure threshold was exceeded');
