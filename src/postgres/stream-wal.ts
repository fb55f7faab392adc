import { WalBroken } from '#model/failure';
import { advance, formatLsn, type Lsn, lsn, maxLsn, parseLsn } from '#model/lsn';
import { formatTimeline, type Timeline } from '#model/timeline';
import type { ReplicationConnection } from '#postgres/replication-connection';
import { explainStreamError } from '#postgres/replication-slot';
import { encodeStatus, WalMessageReader } from '#postgres/wal-message';

export interface WalStreamOptions {
  slot: string | undefined;
  timeline: Timeline;
  start: Lsn;
  /** how often the server hears from us; it must be well below wal_sender_timeout (60 s) */
  statusIntervalMs?: number;
  /** Consecutive WAL: `position` is where the last piece ended. May be kept. Throwing breaks the stream off. */
  onWal(position: Lsn, bytes: Buffer, serverTime: Date): void;
  /** The server wants to know how far we are; a server that shuts down waits until all it sent is reported as flushed. */
  onAsked?(): void;
}

export type WalStreamEnd =
  /** the timeline was left at `at` for `next` */
  | { kind: 'timeline ended'; next: Timeline; at: Lsn }
  /** we asked for it */
  | { kind: 'stopped' };

/**
 * One START_REPLICATION:
 *
 *     we: START_REPLICATION      server: CopyBoth, then XLogData `w` and keepalives `k`
 *     we: status `r` on a timer, when the server asks, and when more is flushed
 *     stop:          we: CopyDone → server: CopyDone, CommandComplete
 *     timeline ends: server: CopyDone → we: CopyDone → server: row (next timeline, where it begins)
 *
 * A timeline that ends where we start is answered by that row at once, without a copy.
 * Source: https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-START-REPLICATION
 */
export class WalStream {
  readonly #connection: ReplicationConnection;
  readonly #options: WalStreamOptions;
  readonly #reader: WalMessageReader;
  #position: Lsn;
  #flushed: Lsn = lsn(0n);
  #copying = false;
  #stopping = false;
  #answering: NodeJS.Timeout | undefined;
  #statusAt = 0;

  constructor(connection: ReplicationConnection, options: WalStreamOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#position = options.start;
    this.#reader = new WalMessageReader({
      onWal: (start, bytes, serverTime) => this.#onWal(start, bytes, serverTime),
      onKeepalive: (replyRequested) => {
        if (!replyRequested) return;
        this.#answer();
        options.onAsked?.();
      },
    });
  }

  /** up to where WAL was received */
  get position(): Lsn {
    return this.#position;
  }

  /** @throws WalBroken when the server no longer has the WAL; LeaseHeld; ServerError; ConnectionFailed; Aborted */
  async run(): Promise<WalStreamEnd> {
    const { slot, start, timeline } = this.#options;
    const bySlot = slot === undefined ? '' : `SLOT "${slot}" `;
    const timer = setInterval(() => this.#sendStatus(), this.#options.statusIntervalMs ?? 5_000);
    try {
      const results = await this.#connection.query(
        `START_REPLICATION ${bySlot}PHYSICAL ${formatLsn(start)} TIMELINE ${timeline}`,
        {
          onStart: () => this.#begin(),
          onData: (slice, first, last) => this.#reader.feed(slice, first, last),
          onDone: () => this.#end(),
        },
      );
      const next = results.at(-1)?.rows[0];
      if (this.#stopping) return { kind: 'stopped' };
      if (!next?.next_tli || !next.next_tli_startpos) throw this.#endedWithoutReason();
      return { kind: 'timeline ended', next: Number(next.next_tli), at: parseLsn(next.next_tli_startpos) };
    } catch (failure) {
      throw explainStreamError(failure, slot, formatLsn(this.#position));
    } finally {
      clearInterval(timer);
      clearTimeout(this.#answering);
      this.#copying = false;
    }
  }

  /** What is stored: the server may forget the WAL before it. Told to it at once. */
  reportFlushed(position: Lsn): void {
    if (position <= this.#flushed) return;
    this.#flushed = position;
    this.#sendStatus();
  }

  /** End in order; `run` settles once the server has agreed. What still arrives is not passed on. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#copying) this.#end();
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  #begin(): void {
    this.#copying = true;
    if (this.#stopping) this.#end();
    else this.#sendStatus();
  }

  #end(): void {
    if (!this.#copying) return;
    this.#copying = false;
    this.#connection.sendCopyDone();
  }

  #onWal(start: Lsn, bytes: Buffer, serverTime: Date): void {
    if (this.#stopping) return;
    if (start !== this.#position) {
      throw new WalBroken(`the server sent WAL from ${formatLsn(start)}, expected ${formatLsn(this.#position)}`, {
        operation: 'stream wal',
        subject: `timeline ${formatTimeline(this.#options.timeline)}`,
      });
    }
    this.#position = advance(start, bytes.length);
    this.#options.onWal(start, bytes, serverTime);
  }

  /** A server that shuts down asks again as soon as it was answered, until all is flushed: not faster than this. */
  #answer(): void {
    const restMs = this.#statusAt + answerEveryMs - performance.now();
    if (restMs <= 0) this.#sendStatus();
    else this.#answering ??= setTimeout(() => this.#sendStatus(), restMs);
  }

  #sendStatus(): void {
    clearTimeout(this.#answering);
    this.#answering = undefined;
    if (!this.#copying) return;
    this.#statusAt = performance.now();
    const written = maxLsn(this.#position, this.#flushed);
    this.#connection.sendCopyData(encodeStatus({ written, flushed: this.#flushed, now: new Date() }));
  }

  #endedWithoutReason(): WalBroken {
    return new WalBroken(`the server ended the WAL stream at ${formatLsn(this.#position)} and names no next timeline`, {
      operation: 'stream wal',
      subject: `timeline ${formatTimeline(this.#options.timeline)}`,
    });
  }
}

const answerEveryMs = 100;
