import { crc32c } from '#postgres/crc32c';
import { longestHeaders, mainDataLength } from '#postgres/wal-main-data';
import { type GatheredMainData, recordHeaderBytes } from '#postgres/wal-record';

/**
 * A record that arrives in parts, because it spreads over pages, segments or reads: its header, then pieces of the
 * rest. Of its main data only the first `wanted` bytes are kept: a record may have 1 GiB.
 */
export class RecordParts implements GatheredMainData {
  readonly header = Buffer.alloc(recordHeaderBytes);
  readonly headerRange = new DataView(this.header.buffer, this.header.byteOffset, recordHeaderBytes);
  /** bytes that have arrived, with the header's; -1: no record is arriving */
  seen = -1;
  wanted = 0;
  /** of all that follows the header; only when asked for */
  crc = 0;
  #sums = false;
  readonly #headers = Buffer.alloc(longestHeaders);
  /** offset of the main data after the header; -1 until the headers before it are complete */
  #mainStart = -1;
  #kept = Buffer.alloc(256);
  #keptBytes = 0;
  malformed = false;
  length = 0;

  begin(): void {
    this.seen = 0;
    this.header.fill(0, 0, 4);
  }

  drop(): void {
    this.seen = -1;
  }

  get arriving(): boolean {
    return this.seen >= 0;
  }

  get total(): number {
    return this.header.readUInt32LE(0);
  }

  addToHeader(bytes: Uint8Array, from: number, to: number): void {
    this.header.set(bytes.subarray(from, to), this.seen);
    this.seen += to - from;
  }

  /** The header is complete and was found valid. */
  beginRest(wanted: number, sums: boolean): void {
    this.wanted = wanted;
    this.crc = 0;
    this.#sums = sums;
    this.#mainStart = -1;
    this.#keptBytes = 0;
    this.malformed = false;
    this.length = 0;
  }

  add(bytes: Uint8Array, from: number, to: number): void {
    if (this.#sums) this.crc = crc32c(bytes, this.crc, from, to);
    if (this.wanted > 0) this.#gather(bytes, from, to, this.seen - recordHeaderBytes);
    this.seen += to - from;
  }

  get bytes(): Buffer {
    return this.#kept.subarray(0, this.#keptBytes);
  }

  /** `bytes[from, to)` begin `offset` bytes after the header. */
  #gather(bytes: Uint8Array, from: number, to: number, offset: number): void {
    if (this.#mainStart >= 0) this.#keep(bytes, from, to, offset);
    else this.#locate(bytes, from, to, offset);
  }

  /** Gathers the headers before the main data, until they tell where it begins. */
  #locate(bytes: Uint8Array, from: number, to: number, offset: number): void {
    const total = this.total - recordHeaderBytes;
    const needed = Math.min(total, longestHeaders);
    this.#headers.set(bytes.subarray(from, Math.min(to, from + needed - offset)), offset);
    if (offset + to - from < needed) return;
    const length = mainDataLength(this.#headers, 0, needed, total);
    this.malformed = length === undefined;
    this.length = length ?? 0;
    this.#mainStart = total - this.length;
    this.#keep(this.#headers, 0, offset, 0);
    this.#keep(bytes, from, to, offset);
  }

  #keep(bytes: Uint8Array, from: number, to: number, offset: number): void {
    const mainFrom = from - offset + this.#mainStart;
    const keepFrom = Math.max(from, mainFrom + this.#keptBytes);
    const keepTo = Math.min(to, mainFrom + Math.min(this.wanted, this.length));
    if (keepTo <= keepFrom) return;
    const keptBytes = this.#keptBytes + keepTo - keepFrom;
    if (keptBytes > this.#kept.length) {
      // doubled as bytes arrive: what a header claims to follow allocates nothing
      this.#kept = Buffer.concat([this.bytes], 2 * keptBytes);
    }
    this.#kept.set(bytes.subarray(keepFrom, keepTo), this.#keptBytes);
    this.#keptBytes = keptBytes;
  }
}
