/** The work's outcome, or the reason of the first signal that is aborted before it; the work goes on then. */
export function interruptible<T>(work: Promise<T>, signals: readonly AbortSignal[]): Promise<T> {
  const over = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal });
    }
  });
  return Promise.race([interrupted, work]).finally(() => over.abort());
}
