import { ConnectionFailed } from '#model/failure';
import { advance, type Lsn, lsn } from '#model/lsn';

/*
 * What is inside the CopyData messages of a WAL stream, integers big-endian, times in microseconds since 2000:
 *
 *     w  XLogData   start u64, server's end u64, server's clock i64, WAL
 *     k  keepalive  server's end u64, server's clock i64, reply requested u8
 *     r  status     written u64, flushed u64, applied u64, our clock i64, reply requested u8
 *
 * Source: https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-XLOGDATA
 */
export interface WalMessageHandler {
  /** A piece of an XLogData message's WAL, as it arrived: not copied. */
  onWal(start: Lsn, bytes: Buffer, serverTime: Date): void;
  onKeepalive(replyRequested: boolean): void;
}

const xlogData = 0x77;
const keepalive = 0x6b;
const headerBytes: Record<number, number> = { [xlogData]: 25, [keepalive]: 18 };
const microsecondsTo2000 = 946_684_800_000_000n;

/** Reads messages out of the slices in which they come. */
export class WalMessageReader {
  readonly #handler: WalMessageHandler;
  readonly #header = Buffer.alloc(25);
  #headerBytes = 0;
  #kind = 0;
  #position = lsn(0n);
  #serverTime = new Date(0);

  constructor(handler: WalMessageHandler) {
    this.#handler = handler;
  }

  feed(slice: Buffer, first: boolean, last: boolean): void {
    if (first) {
      this.#headerBytes = 0;
      this.#kind = slice[0] ?? 0;
    }
    const needed = headerBytes[this.#kind];
    if (needed === undefined) throw unexpected(`of unknown kind ${this.#kind}`);
    const bytes = this.#headerBytes < needed ? this.#takeHeader(slice, needed) : slice;
    if (bytes.length > 0 && this.#kind === xlogData) {
      const start = this.#position;
      this.#position = advance(start, bytes.length);
      this.#handler.onWal(start, bytes, this.#serverTime);
    }
    if (last && this.#headerBytes < needed)
      throw unexpected(`of ${this.#headerBytes} bytes, expected at least ${needed}`);
  }

  /** Answers what follows the header in this slice. */
  #takeHeader(slice: Buffer, needed: number): Buffer {
    const taken = slice.copy(this.#header, this.#headerBytes, 0, needed - this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes === needed) this.#readHeader();
    return slice.subarray(taken);
  }

  #readHeader(): void {
    if (this.#kind === keepalive) {
      this.#handler.onKeepalive(this.#header[17] === 1);
    } else {
      this.#position = lsn(this.#header.readBigUInt64BE(1));
      this.#serverTime = new Date(Number((this.#header.readBigInt64BE(17) + microsecondsTo2000) / 1000n));
    }
  }
}

/** A status message. What is `flushed` the server may forget. */
export function encodeStatus(status: { written: Lsn; flushed: Lsn; now: Date }): Buffer {
  const message = Buffer.alloc(34);
  message[0] = 0x72;
  message.writeBigUInt64BE(status.written, 1);
  message.writeBigUInt64BE(status.flushed, 9);
  // bytes 17 to 24: applied; we apply nothing
  message.writeBigInt64BE(BigInt(status.now.getTime()) * 1000n - microsecondsTo2000, 25);
  return message;
}

const unexpected = (what: string): ConnectionFailed =>
  new ConnectionFailed(`the server sent a message ${what} in its WAL stream`, {
    operation: 'stream wal',
    subject: 'protocol',
  });
