import { WalBroken } from '#model/failure';
import { advance, formatLsn, type Lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { describeWal } from '#model/wal-object';
import { segmentAt, segmentStart, type WalSegment } from '#model/wal-segment';

/** WAL that becomes one object: a whole segment, or a range of one. */
export interface WalPiece {
  timeline: Timeline;
  start: Lsn;
  end: Lsn;
  bytes: Buffer;
  /** the server's clock when it sent the last byte */
  time: Date;
  /** To be called once `bytes` are needed no more: their memory is used again. */
  release(): void;
}

/** WAL that is stored already, from a block's start on: compared with what comes, and not cut again. */
export interface KnownWal {
  timeline: Timeline;
  start: Lsn;
  bytes: Buffer;
}

export interface WalCutterOptions {
  segmentSize: number;
  known: KnownWal | undefined;
  /** Refuses a segment by its first bytes. */
  checkHead(segment: WalSegment, head: Buffer): void;
  onPiece(piece: WalPiece): void;
  /** The server's WAL was compared with all that was known, and is the same. */
  onKnown(end: Lsn): void;
}

/** Segments that are larger are stored as chunks of at most this, since a whole one has to fit into memory. */
export const maxPieceBytes = 32 << 20;

export const blockBytesOf = (segmentSize: number): number => Math.min(segmentSize, maxPieceBytes);

/** A long page header: enough to tell a segment. */
const headBytes = 40;

/**
 * Cuts a stream of WAL into pieces. WAL is gathered in blocks (a segment, or 32 MiB of a larger one):
 *
 *     empty --add--> filling --cut--> filling, what came since the last cut is a piece
 *                    filling --full--> empty, the whole segment is a piece (of a large one: what is left of the block)
 */
export class WalCutter {
  readonly #options: WalCutterOptions;
  readonly #free: Buffer[] = [];
  #known: KnownWal | undefined;
  #block: Block | undefined;

  constructor(options: WalCutterOptions) {
    this.#options = options;
    this.#known = options.known;
  }

  /** @throws WalBroken when it is not what this segment's beginning, or what is stored of it, says it has to be */
  add(timeline: Timeline, position: Lsn, bytes: Buffer, time: Date): void {
    let at = 0;
    while (at < bytes.length) {
      this.#block ??= this.#begin(timeline, advance(position, at));
      at += this.#block.fill(bytes.subarray(at), time);
      this.#check(this.#block);
      if (this.#block.filled === this.#block.buffer.length) this.#complete(this.#block);
    }
  }

  /** Make a piece of what is not in one yet. */
  cut(): void {
    const block = this.#block;
    if (!block || block.filled <= block.cutTo || !block.checked) return;
    this.#hand(block, block.cutTo, block.filled);
  }

  /** The timeline is over, in the middle of its block: cut the rest of it, and begin a new one. */
  endTimeline(): void {
    this.cut();
    this.#block?.release();
    this.#block = undefined;
  }

  #begin(timeline: Timeline, start: Lsn): Block {
    const blockBytes = blockBytesOf(this.#options.segmentSize);
    if (start % BigInt(blockBytes) !== 0n) throw new Error(`${formatLsn(start)} is not at the start of a block`);
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    const block = new Block(timeline, start, buffer, () => this.#free.push(buffer));
    const known = this.#known;
    if (known?.timeline === timeline && known.start === start) block.cutTo = known.bytes.length;
    else this.#known = undefined;
    return block;
  }

  #check(block: Block): void {
    if (!block.checked && block.filled >= headBytes) {
      const { segmentSize, checkHead } = this.#options;
      const segment = segmentAt(block.timeline, block.start, segmentSize);
      if (block.start === segmentStart(segment, segmentSize)) checkHead(segment, block.buffer.subarray(0, headBytes));
      block.checked = true;
    }
    const known = this.#known;
    if (!known || block.filled < known.bytes.length) return;
    this.#known = undefined;
    if (!known.bytes.equals(block.buffer.subarray(0, known.bytes.length))) throw differs(known);
    this.#options.onKnown(advance(known.start, known.bytes.length));
  }

  #complete(block: Block): void {
    this.#block = undefined;
    const whole = block.buffer.length === this.#options.segmentSize;
    const from = whole ? 0 : block.cutTo;
    if (from < block.filled) this.#hand(block, from, block.filled);
    block.release();
  }

  #hand(block: Block, from: number, to: number): void {
    block.cutTo = to;
    block.uses++;
    this.#options.onPiece({
      timeline: block.timeline,
      start: advance(block.start, from),
      end: advance(block.start, to),
      bytes: block.buffer.subarray(from, to),
      time: block.time,
      release: () => block.release(),
    });
  }
}

class Block {
  readonly timeline: Timeline;
  readonly start: Lsn;
  readonly buffer: Buffer;
  readonly #onUnused: () => void;
  filled = 0;
  cutTo = 0;
  checked = false;
  time = new Date(0);
  /** the cutter, and each piece that was not released yet */
  uses = 1;

  constructor(timeline: Timeline, start: Lsn, buffer: Buffer, onUnused: () => void) {
    this.timeline = timeline;
    this.start = start;
    this.buffer = buffer;
    this.#onUnused = onUnused;
  }

  fill(bytes: Buffer, time: Date): number {
    const count = bytes.copy(this.buffer, this.filled);
    this.filled += count;
    this.time = time;
    return count;
  }

  release(): void {
    if (--this.uses === 0) this.#onUnused();
  }
}

function differs(known: KnownWal): WalBroken {
  const what = describeWal(known.timeline, known.start, advance(known.start, known.bytes.length));
  return new WalBroken(`the server's WAL ${what} differs from what is stored`, {
    operation: 'receive wal',
    subject: what,
    hint: 'the server was reset, or restored without a new timeline: give it a source of its own, or take a new full backup there',
  });
}
