import { recordEvidence } from '#catalog/evidence';
import type { ObjectStore } from '#store/object-store';

/** Puts into the evidence that somebody gave another key what opens a source: who looks after keys wants to know. */
export class RekeyRecorder {
  readonly #store: ObjectStore;
  readonly #source: string;
  readonly #by: { who: string; at: Date };
  #rewrapped = 0;
  #key = '';

  constructor(store: ObjectStore, source: string, by: { who: string; at: Date }) {
    this.#store = store;
    this.#source = source;
    this.#by = by;
  }

  count(key: string): void {
    this.#rewrapped++;
    this.#key = key;
  }

  /** Once it has ended, however it did; nothing where nothing was put. */
  async record(): Promise<void> {
    if (this.#rewrapped === 0) return;
    const { who, at } = this.#by;
    const when = at.toISOString();
    const what = `${this.#rewrapped} data key${this.#rewrapped === 1 ? '' : 's'}`;
    await recordEvidence(this.#store, {
      id: `rekey/${this.#source}/${when}/${who}`.slice(0, 1_000),
      who,
      what: `re-wrapped ${what} of ${this.#source} by ${this.#key}`,
      source: this.#source,
      when,
      outcome: 'succeeded',
      execution: null,
      planHash: null,
      approval: null,
    });
  }
}
