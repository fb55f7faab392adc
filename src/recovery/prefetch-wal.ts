import { setTimeout as sleep } from 'node:timers/promises';
import { nextSegment, parseSegmentName, segmentName } from '#model/wal-segment';
import type { WalSpool } from '#recovery/wal-spool';

export interface PrefetchWal {
  spool: WalSpool;
  /** the segment that PostgreSQL has already */
  after: string;
  segmentSize: number;
  /** tells prefetchers apart */
  pid: number;
  /** Fetch and check a whole segment; false when it is not stored as a whole. */
  fetch(name: string, to: string, signal: AbortSignal): Promise<boolean>;
  /** how many segments ahead of PostgreSQL */
  ahead: number;
  parallel: number;
  /** end when PostgreSQL has asked for nothing this long: its recovery is over */
  idleMs: number;
  signal?: AbortSignal;
}

/**
 * Keeps the segments ready that a recovering PostgreSQL will ask for next. Ends at the end of complete WAL, when nobody
 * asks any more, when another prefetcher took over, or when a fetch fails: what goes wrong here goes wrong again where
 * PostgreSQL asks for the segment itself, and is reported there.
 */
export async function prefetchWal(options: PrefetchWal): Promise<void> {
  const { spool, pid } = options;
  if (!(await spool.lock(pid))) return;
  if (!(await spool.wanted())) await spool.want(options.after);
  const window = new Window(options);
  try {
    while (!window.over && (await spool.keepLock(pid))) {
      await window.move();
      await sleep(pollMs);
    }
  } finally {
    await window.stop();
    if (await spool.keepLock(pid)) await spool.remove();
  }
}

const pollMs = 20;

/** The segments that follow the one that was asked for last. */
class Window {
  readonly #options: PrefetchWal;
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();
  readonly #signal: AbortSignal;
  /** the first segment that is not stored as a whole */
  #end: string | undefined;
  /** nothing is left to be fetched, and nothing to be taken; or something failed */
  over = false;

  constructor(options: PrefetchWal) {
    this.#options = options;
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stopped.signal]) : this.#stopped.signal;
  }

  /** In this order: a segment that was taken is missing in `present` only if `wanted` says so, too. */
  async move(): Promise<void> {
    const { spool, parallel, idleMs } = this.#options;
    const busy = new Set(this.#fetching.keys());
    const present = await spool.segments();
    const wanted = await spool.wanted();
    if (!wanted || Date.now() - wanted.atMs > idleMs || this.#signal.aborted) {
      this.over = true;
      return;
    }
    const names = this.#namesAfter(wanted.name);
    // the one that is wanted is just being taken
    for (const name of present) if (name !== wanted.name && !names.includes(name)) await spool.drop(name);
    for (const name of names) {
      if (this.#fetching.size >= parallel) return;
      if (!present.includes(name) && !busy.has(name)) this.#begin(name);
    }
    if (names.length === 0 && this.#fetching.size === 0 && !present.includes(wanted.name)) this.over = true;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#fetching.values());
  }

  #namesAfter(wanted: string): string[] {
    const { segmentSize, ahead } = this.#options;
    // whoever asks for something behind the end has gone back, or to another timeline, and more may be stored by now
    if (this.#end !== undefined && wanted >= this.#end) this.#end = undefined;
    const names: string[] = [];
    let segment = parseSegmentName(wanted, segmentSize);
    while (names.length < ahead) {
      segment = nextSegment(segment);
      const name = segmentName(segment, segmentSize);
      if (this.#end !== undefined && name >= this.#end) break;
      names.push(name);
    }
    return names;
  }

  #begin(name: string): void {
    const { fetch, spool } = this.#options;
    const fetched = fetch(name, spool.path(name), this.#signal).then(
      (found) => {
        if (!found && (this.#end === undefined || name < this.#end)) this.#end = name;
      },
      () => {
        this.over = true;
      },
    );
    this.#fetching.set(
      name,
      fetched.finally(() => this.#fetching.delete(name)),
    );
  }
}
