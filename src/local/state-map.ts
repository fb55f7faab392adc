import type { Json } from './integration.ts';
import type { Exit } from './journal-record.ts';
import { itemsOf, type MapItem } from './map-items.ts';
import { runIteration } from './map-iteration.ts';
import { runTogether } from './run-together.ts';
import { reported, StateFailed } from './state-failed.ts';
import { checkSize, leave, type Visit, wholeNumber } from './state-visit.ts';
import { isExceeded, readThresholds } from './tolerated-failures.ts';

/** As many as AWS runs at the same time when the machine does not say; a DISTRIBUTED Map has 10,000 there. */
const widest = { INLINE: 40, DISTRIBUTED: 1_000 };

/**
 * The processor's states for each item, side by side: the list of their outputs. A tolerated failure has its place in
 * it, with its error.
 */
export async function runMap(visit: Visit): Promise<Exit> {
  const { run, scope, key, log, state } = visit;
  const mode = state.ItemProcessor!.ProcessorConfig?.Mode ?? 'INLINE';
  const width = (await wholeNumber(visit, 'MaxConcurrency', 0, Number.MAX_SAFE_INTEGER)) || widest[mode];
  const thresholds = await readThresholds(visit);
  const apart = mode === 'DISTRIBUTED';
  const distributed = apart ? { distributed: true as const } : {};
  const label = apart ? { label: state.Label ?? visit.name } : {};
  if (!log.attempt.opened) {
    scope.signal.throwIfAborted();
    const items = (await itemsOf(visit, mode)) as unknown as Json[];
    run.append({ type: 'opened', key, state: state.Type, items, ...distributed, ...label });
  }
  const items = log.attempt.opened!.items as unknown as MapItem[];
  const counts = items.map(({ Value }) => (state.ItemBatcher ? (Value as { Items: Json[] }).Items.length : 1));
  const outputs: Json[] = new Array(items.length);
  let failed = 0;
  try {
    await runTogether(visit, {
      count: items.length,
      width: Math.min(width, widest[mode]),
      apart,
      tolerates(index) {
        failed += counts[index]!;
        return apart && !isExceeded(thresholds, failed, sum(counts));
      },
      wasBegun: (index) => log.attempt.iterations.has(index),
      async run(index, inner) {
        try {
          outputs[index] = await runIteration(visit, { index, item: items[index]!, ...inner, apart });
        } catch (failure) {
          if (failure instanceof StateFailed) outputs[index] = failedChild(failure);
          throw failure;
        }
      },
    });
  } catch (failure) {
    throw failure instanceof StateFailed && apart ? tooManyFailures() : failure;
  }
  if (!log.attempt.succeeded) run.append({ type: 'succeeded', key, ...distributed });
  checkSize(visit, outputs);
  return leave(visit, { ...state, next: state.Next }, outputs, { result: outputs });
}

function failedChild(failure: StateFailed): Json {
  const { error, cause } = reported(failure);
  return { Status: 'FAILED', Error: error, Cause: cause };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const tooManyFailures = (): StateFailed =>
  new StateFailed(
    'States.ExceedToleratedFailureThreshold',
    'The specified tolerated failure threshold was exceeded',
    'map run',
  );
