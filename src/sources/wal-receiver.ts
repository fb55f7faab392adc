import { type Lsn, lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { segmentAt, segmentStart } from '#model/wal-segment';
import type { ReplicationConnection } from '#postgres/replication-connection';
import { WalStream, type WalStreamEnd } from '#postgres/stream-wal';
import { readHistory } from '#postgres/timeline-history';

/** Who takes the WAL of one or more timelines, each from a segment's first byte on. */
export interface WalSink {
  /** Consecutive WAL of one timeline; the bytes may be kept. Throwing ends the receiving. */
  wal(timeline: Timeline, position: Lsn, bytes: Buffer, serverTime: Date): void;
  /** The history file of a timeline, before any of its WAL. */
  history(timeline: Timeline, content: Buffer): Promise<void>;
  /** The timeline was left at `at`; settles when all of it is stored. The next one begins with that segment again. */
  timelineEnded(timeline: Timeline, at: Lsn): Promise<void>;
  /** The server wants all it sent to be stored soon. */
  hurry(): void;
}

export interface WalReceiverOptions {
  slot: string | undefined;
  /** rounded down to its segment's first byte */
  start: Lsn;
  timeline: Timeline;
  segmentSize: number;
  statusIntervalMs?: number;
}

/** Receives WAL from a position on, across timelines, until it is stopped. */
export class WalReceiver {
  readonly #connection: ReplicationConnection;
  readonly #options: WalReceiverOptions;
  readonly #sink: WalSink;
  #stream: WalStream | undefined;
  #flushed = lsn(0n);
  #paused = false;
  #stopped = false;

  constructor(connection: ReplicationConnection, options: WalReceiverOptions, sink: WalSink) {
    this.#connection = connection;
    this.#options = options;
    this.#sink = sink;
  }

  /** Settles after stop(). @throws what WalStream.run throws */
  async run(): Promise<void> {
    let { timeline, start } = this.#options;
    if (timeline > 1) await this.#sink.history(timeline, await readHistory(this.#connection, timeline));
    while (!this.#stopped) {
      const end = await this.#receive(timeline, this.#segmentStart(timeline, start));
      if (end.kind === 'stopped') return;
      await this.#sink.timelineEnded(timeline, end.at);
      await this.#sink.history(end.next, await readHistory(this.#connection, end.next));
      timeline = end.next;
      start = end.at;
    }
  }

  /** What is stored. Within the segment that two timelines share a later one begins again: the server is not told that. */
  reportFlushed(position: Lsn): void {
    if (position <= this.#flushed) return;
    this.#flushed = position;
    this.#stream?.reportFlushed(position);
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.stop();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#connection.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#connection.resume();
  }

  #receive(timeline: Timeline, start: Lsn): Promise<WalStreamEnd> {
    const { slot, statusIntervalMs } = this.#options;
    this.#stream = new WalStream(this.#connection, {
      slot,
      timeline,
      start,
      ...(statusIntervalMs === undefined ? {} : { statusIntervalMs }),
      onWal: (position, bytes, serverTime) => this.#sink.wal(timeline, position, bytes, serverTime),
      onAsked: () => this.#sink.hurry(),
    });
    this.#stream.reportFlushed(this.#flushed);
    return this.#stream.run();
  }

  #segmentStart(timeline: Timeline, position: Lsn): Lsn {
    const { segmentSize } = this.#options;
    return segmentStart(segmentAt(timeline, position, segmentSize), segmentSize);
  }
}
