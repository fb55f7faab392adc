/** A source, and those that have to be there before it. */
export interface Dependent {
  source: string;
  after: readonly string[];
}

export type RestoreOrder<T> =
  | { possible: true; order: T[] }
  /** each waits for the next one, the last one for the first; or for itself alone */
  | { possible: false; cycle: string[] };

/**
 * The order in which sources are restored: each after those that it depends on, and otherwise as they stand. Names that are
 * none of these count as there.
 */
export function restoreOrder<T extends Dependent>(sources: readonly T[]): RestoreOrder<T> {
  const order: T[] = [];
  const waiting = [...sources];
  while (waiting.length > 0) {
    const names = new Set(waiting.map(({ source }) => source));
    const next = waiting.findIndex(({ after }) => after.every((name) => !names.has(name)));
    if (next < 0) return { possible: false, cycle: cycleIn(waiting) };
    order.push(...waiting.splice(next, 1));
  }
  return { possible: true, order };
}

/** All of these wait for another one of these: whoever goes on from one comes back somewhere. */
function cycleIn(waiting: readonly Dependent[]): string[] {
  const path: string[] = [];
  let at = waiting[0]!;
  while (!path.includes(at.source)) {
    path.push(at.source);
    at = waiting.find(({ source }) => at.after.includes(source))!;
  }
  return path.slice(path.indexOf(at.source));
}
