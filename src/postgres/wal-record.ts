import { type Lsn, lsn } from '#model/lsn';
import { mainDataLength } from '#postgres/wal-main-data';

/** One WAL record, valid during the call that brings it: the object and its bytes are reused. */
export interface WalRecord {
  readonly lsn: Lsn;
  /** where the next record may begin: as pg_walinspect's end_lsn */
  readonly end: Lsn;
  /** of the record before */
  readonly previous: Lsn;
  /** 15 to 18: the layout of some records differs */
  readonly majorVersion: number;
  /** rmgrlist.h: 0 XLOG, 1 Transaction, … 128 and above are extensions' */
  readonly resourceManager: number;
  /** upper four bits: the resource manager's kind of record */
  readonly info: number;
  /** 0: not of a transaction */
  readonly xid: number;
  /** with its header, without padding */
  readonly length: number;
  /** the whole main data's */
  readonly mainDataLength: number;
  /** the main data's first bytes, as many as were wanted; empty when the record is malformed, which ends the walk */
  readonly mainData: Buffer;
}

export const recordHeaderBytes = 24;

/** pg_waldump refuses longer ones, and no server can write or replay them (XLogRecordMaxSize, MaxAllocSize). */
const longestRecord = 1 << 30;

/** Why no record can have this length; undefined: it can. */
export function lengthProblem(length: number): string | undefined {
  if (length === 0) return 'zeros: WAL was written up to here';
  if (length < recordHeaderBytes) return `a record of ${length} bytes: expected at least ${recordHeaderBytes}`;
  return length > longestRecord ? `a record of ${length} bytes: expected at most ${longestRecord}` : undefined;
}

/**
 * Why the 24 bytes at `from` are no header of a record at position `at`; undefined: they are. `last`: position of the
 * record before, -1 when it is not known.
 * Header: 0 length u32 · 4 xid u32 · 8 previous record u64 · 16 info u8 · 17 resource manager u8 · 20 CRC-32C u32
 */
export function headerProblem(range: DataView, from: number, at: number, last: number): string | undefined {
  const resourceManager = range.getUint8(from + 17);
  if (resourceManager > lastBuiltIn && resourceManager < firstCustom) {
    return `resource manager ${resourceManager} does not exist`;
  }
  const previous = range.getUint32(from + 12, true) * 0x1_0000_0000 + range.getUint32(from + 8, true);
  if (last < 0 ? previous < at : previous === last) return undefined;
  return 'it does not name the record before it: left from an earlier use of the file, or overwritten';
}

const lastBuiltIn = 21;
const firstCustom = 128;

/** XLOG_SWITCH: the rest of the segment is not used. */
export const isSwitch = (resourceManager: number, info: number): boolean =>
  resourceManager === 0 && (info & 0xf0) === 0x40;

/** A record that lies in one piece from `from` on, or in parts: its header there, its main data gathered. */
export class WalRecordView implements WalRecord {
  start = 0;
  next = 0;
  majorVersion = 0;
  malformed = false;
  #bytes: Uint8Array = new Uint8Array(recordHeaderBytes);
  #range = new DataView(this.#bytes.buffer);
  #from = 0;
  #wanted = 0;
  #gathered: GatheredMainData | undefined;

  show(bytes: Uint8Array, range: DataView, from: number, wanted: number, gathered?: GatheredMainData): void {
    this.#bytes = bytes;
    this.#range = range;
    this.#from = from;
    this.#wanted = wanted;
    this.#gathered = gathered;
    this.malformed = gathered?.malformed ?? false;
  }

  get lsn(): Lsn {
    return lsn(BigInt(this.start));
  }

  get end(): Lsn {
    return lsn(BigInt(this.next));
  }

  get previous(): Lsn {
    return lsn(this.#range.getBigUint64(this.#from + 8, true));
  }

  get resourceManager(): number {
    return this.#range.getUint8(this.#from + 17);
  }

  get info(): number {
    return this.#range.getUint8(this.#from + 16);
  }

  get xid(): number {
    return this.#range.getUint32(this.#from + 4, true);
  }

  get length(): number {
    return this.#range.getUint32(this.#from, true);
  }

  get mainDataLength(): number {
    if (this.#gathered) return this.#gathered.length;
    const data = this.#from + recordHeaderBytes;
    const end = this.#from + this.length;
    const length = mainDataLength(this.#bytes, data, end, end - data);
    if (length === undefined) this.malformed = true;
    return length ?? 0;
  }

  get mainData(): Buffer {
    if (this.#gathered) return this.#gathered.bytes;
    const length = this.mainDataLength;
    const { buffer, byteOffset } = this.#bytes;
    const from = byteOffset + this.#from + this.length - length;
    return Buffer.from(buffer as ArrayBuffer, from, Math.min(length, this.#wanted));
  }
}

export interface GatheredMainData {
  readonly malformed: boolean;
  /** of the whole main data */
  readonly length: number;
  /** its beginning */
  readonly bytes: Buffer;
}
