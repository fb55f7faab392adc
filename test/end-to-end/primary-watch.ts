import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicatedPair } from '../harness/replicated-pair.ts';

/** Asks both servers, again and again, whether they would take writes; two at once must never be. */
export class PrimaryWatch {
  looks = 0;
  /** looks at which both would have taken writes */
  two = 0;
  readonly #pair: ReplicatedPair;
  #stopped = false;
  readonly #watching: Promise<void>;

  constructor(pair: ReplicatedPair, everyMs = 50) {
    this.#pair = pair;
    this.#watching = this.#watch(everyMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  async #watch(everyMs: number): Promise<void> {
    while (!this.#stopped) {
      const writable = await Promise.all(this.#pair.sites.map(takesWrites));
      this.looks++;
      if (writable.every(Boolean)) this.two++;
      await sleep(everyMs);
    }
  }
}

const question = "select not pg_is_in_recovery() and current_setting('default_transaction_read_only') = 'off'";

/** A server that does not answer takes none. */
const takesWrites = async (site: ReplicatedPair['east']): Promise<boolean> =>
  (await site.value(question).catch(() => 'f')) === 't';
