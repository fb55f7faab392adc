import type { Lsn } from '#model/lsn';
import type { WalPiece } from '#pipeline/cut-wal';

export interface WalQueueOptions {
  /** pieces that are being stored at the same time */
  parallel: number;
  store(piece: WalPiece): Promise<void>;
  /** All pieces up to here are stored. */
  onStored(end: Lsn): void;
  /** A piece could not be stored; no further one is begun. */
  onFailure(failure: unknown): void;
}

interface Waiting {
  piece: WalPiece;
  stored: boolean;
}

/** Stores pieces of WAL, several at a time, and tells how far they are stored without a hole. */
export class WalQueue {
  readonly #options: WalQueueOptions;
  /** in the order in which they were cut, from the first that is not stored */
  readonly #pieces: Waiting[] = [];
  readonly #next: Waiting[] = [];
  #active = 0;
  #failure: { reason: unknown } | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: WalQueueOptions) {
    this.#options = options;
  }

  push(piece: WalPiece): void {
    const waiting = { piece, stored: false };
    this.#pieces.push(waiting);
    this.#next.push(waiting);
    this.#start();
  }

  /** As many pieces as are stored at a time are here already: hold back the next ones. */
  get full(): boolean {
    return this.#pieces.length >= this.#options.parallel;
  }

  get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Settles when all pieces are stored; rejects when one could not be. */
  drained(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure.reason);
    if (this.empty) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  #start(): void {
    while (!this.#failure && this.#active < this.#options.parallel) {
      const waiting = this.#next.shift();
      if (!waiting) return;
      this.#active++;
      this.#options.store(waiting.piece).then(
        () => this.#onStored(waiting),
        (failure: unknown) => this.#onFailure(failure),
      );
    }
  }

  #onStored(waiting: Waiting): void {
    this.#active--;
    waiting.stored = true;
    waiting.piece.release();
    let end: Lsn | undefined;
    while (this.#pieces[0]?.stored) end = this.#pieces.shift()!.piece.end;
    if (this.#failure) return;
    this.#start();
    if (end !== undefined) this.#options.onStored(end);
    if (!this.empty) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #onFailure(failure: unknown): void {
    this.#active--;
    if (this.#failure) return;
    this.#failure = { reason: failure };
    this.#idle?.reject(failure);
    this.#options.onFailure(failure);
  }
}
