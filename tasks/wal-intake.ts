import { advance, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { blockBytesOf, type KnownWal, WalCutter } from '#pipeline/cut-wal';
import { WalQueue } from '#pipeline/wal-queue';
import type { ReplicationConnection } from '#postgres/replication-connection';
import { checkSegmentHeader } from '#postgres/wal-page';
import { WalReceiver, type WalSink } from '#sources/wal-receiver';
import type { WalWriter } from './wal-writer.ts';

export interface WalIntakeOptions {
  connection: ReplicationConnection;
  writer: WalWriter;
  slot: string | undefined;
  timeline: Timeline;
  /** at the start of a segment (of a segment larger than 32 MiB: at a multiple of that) */
  start: Lsn;
  known?: KnownWal;
  /** undefined: no chunks but the last one of a timeline or of the whole intake */
  walChunkSeconds: number | undefined;
  /** all WAL up to here is stored */
  onStored(timeline: Timeline, end: Lsn): void;
  statusIntervalMs?: number;
}

/**
 * WAL from a server into the store: receiver → cutter → queue → writer, and back to the receiver how far it is stored.
 * Memory: two segments that are being stored and one that is filling (one and one where segments are large).
 */
export class WalIntake implements WalSink {
  readonly #options: WalIntakeOptions;
  readonly #receiver: WalReceiver;
  readonly #cutter: WalCutter;
  readonly #queue: WalQueue;
  #timeline: Timeline;
  #received: Lsn;
  #cutTo: Lsn;
  #stored: Lsn;
  #until: Lsn | undefined;
  #ending = false;

  constructor(options: WalIntakeOptions) {
    const { connection, writer, start, known, slot, timeline, statusIntervalMs } = options;
    const { segmentSize, systemId } = writer;
    this.#options = options;
    this.#timeline = timeline;
    this.#received = start;
    this.#cutTo = start;
    this.#stored = start;
    this.#queue = new WalQueue({
      parallel: blockBytesOf(segmentSize) > largeBlockBytes ? 1 : 2,
      store: async (piece) => void (await writer.put(piece)),
      onStored: (end) => this.#onStored(end),
      onFailure: (failure) => connection.abandon(failure as Error),
    });
    this.#cutter = new WalCutter({
      segmentSize,
      known,
      checkHead: (name, head) => void checkSegmentHeader(head, { name, systemId, segmentSize }),
      onPiece: (piece) => {
        this.#cutTo = piece.end;
        this.#queue.push(piece);
      },
      onKnown: (end) => this.#onStored(end),
    });
    const status = statusIntervalMs === undefined ? {} : { statusIntervalMs };
    this.#receiver = new WalReceiver(connection, { slot, start, timeline, segmentSize, ...status }, this);
  }

  /** Settles after end(), or when all WAL up to storeUntil is stored. */
  async run(): Promise<void> {
    const { walChunkSeconds } = this.#options;
    const timer = walChunkSeconds === undefined ? undefined : setInterval(() => this.hurry(), walChunkSeconds * 1000);
    try {
      await this.#receiver.run();
    } finally {
      clearInterval(timer);
    }
  }

  /** Store what has arrived, tell the server, and end. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#cutter.cut();
    await this.#queue.drained();
    this.#receiver.stop();
  }

  /** Nothing waits for the store. */
  get settled(): boolean {
    return this.#queue.empty;
  }

  /** End as soon as everything up to here is stored. */
  storeUntil(position: Lsn): void {
    this.#until = position;
    this.#endWhenReached();
  }

  wal(timeline: Timeline, position: Lsn, bytes: Buffer, serverTime: Date): void {
    if (this.#ending) return;
    this.#timeline = timeline;
    this.#cutter.add(timeline, position, bytes, serverTime);
    this.#received = advance(position, bytes.length);
    if (this.#queue.full) this.#receiver.pause();
    if (this.#until !== undefined) this.#endWhenReached();
  }

  async history(timeline: Timeline, content: Buffer): Promise<void> {
    await this.#options.writer.putHistory(timeline, content, new Date());
  }

  async timelineEnded(): Promise<void> {
    this.#cutter.endTimeline();
    await this.#queue.drained();
  }

  /** One chunk at a time: while anything is being stored, the next one grows. */
  hurry(): void {
    if (this.#queue.empty && !this.#ending) this.#cutter.cut();
  }

  #onStored(end: Lsn): void {
    if (end > this.#stored) this.#stored = end;
    this.#receiver.reportFlushed(end);
    this.#options.onStored(this.#timeline, end);
    if (!this.#queue.full) this.#receiver.resume();
    if (this.#until !== undefined) this.#endWhenReached();
  }

  #endWhenReached(): void {
    if (this.#ending || this.#until === undefined || this.#received < this.#until) return;
    if (this.#stored >= this.#until) {
      this.#ending = true;
      this.#receiver.stop();
    } else if (this.#cutTo < this.#until) {
      this.#cutter.cut();
    }
  }
}

/** Two of them being stored and a third one filling would need too much memory. */
const largeBlockBytes = 16 << 20;
