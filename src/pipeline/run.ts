/**
 * Run stages that belong together: all are started, all are awaited, and the first failure aborts the others.
 * Rejects with that first failure; what the others said when they were stopped is kept in its `suppressed`.
 */
export async function run<T extends readonly unknown[]>(
  outer: AbortSignal | undefined,
  start: (signal: AbortSignal) => [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const controller = new AbortController();
  const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
  const failures: unknown[] = [];
  const stages = start(signal).map((stage) =>
    stage.catch((failure: unknown) => {
      failures.push(failure);
      controller.abort(failure);
      throw failure;
    }),
  );
  const endings = await Promise.allSettled(stages);
  if (failures.length > 0) throw withSuppressed(failures);
  return endings.map((ending) => (ending as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

function withSuppressed([first, ...others]: unknown[]): unknown {
  const suppressed = others.filter((other) => other !== first);
  if (first instanceof Error && suppressed.length > 0) Object.assign(first, { suppressed });
  return first;
}
