import { InputInvalid } from '#model/failure';
import { formatLsn, type Lsn } from '#model/lsn';
import { isSegmentSize } from '#model/wal-segment';
import { crc32c } from '#postgres/crc32c';
import { farthest, PageSequence, position } from '#postgres/wal-pages';
import {
  headerProblem,
  isSwitch,
  lengthProblem,
  recordHeaderBytes,
  type WalRecord,
  WalRecordView,
} from '#postgres/wal-record';
import { RecordParts } from '#postgres/wal-record-parts';

export interface WalWalkOptions {
  /** where the first byte lies: the start of a page */
  start: Lsn;
  segmentSize: number;
  /** only WAL of this cluster is accepted */
  systemId?: string;
  /** PostgreSQL's XLOG_BLCKSZ; 8192 unless it was built otherwise */
  pageSize?: number;
  /**
   * How many bytes of a record's main data are needed; 0: the record itself is not. Asked once for each record, so keep
   * it cheap. Without it: 128 bytes of every record.
   */
  interest?: (resourceManager: number, info: number) => number;
  /** whose CRC-32C is computed: those of interest, or all (0.8 s/GB) */
  verifyCrc?: 'none' | 'wanted' | 'all';
  /** each complete record that is of interest, in order. The object is reused: copy what is to be kept. */
  onRecord: (record: WalRecord) => void;
}

/** `at`: where the first record begins (or would) that was not read completely; all before it were. */
export type WalkResult =
  | { ended: 'end of data'; at: Lsn }
  /** also how WAL that is still being written ends: with zeros, or with what the recycled file held before */
  | { ended: 'invalid record'; at: Lsn; reason: string };

/**
 * Walks over WAL record by record, without a server and without keeping it: `feed` takes consecutive ranges of bytes,
 * cut anywhere. Makes the checks of PostgreSQL's own reader: pages, lengths, the chain of previous records.
 *
 * What the next byte belongs to:
 *
 *     page header         at each page's start; the page must go on with exactly what the record before left over
 *     whole records       the fast path: record after record that lies in one piece in this range and page
 *     record in parts     one that leaves this range or page: its header first, then pieces of the rest
 *     unbegun record      at the very start only: the rest of a record whose beginning was not fed; skipped
 *     padding             up to a multiple of 8, after XLOG_SWITCH up to the end of the segment; skipped
 *
 * Positions are doubles: a bigint for each record would cost more than the walk.
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/access/transam/xlogreader.c
 */
export class WalWalker {
  readonly #segmentSize: number;
  readonly #pageSize: number;
  readonly #interest: (resourceManager: number, info: number) => number;
  readonly #verifyCrc: 'none' | 'wanted' | 'all';
  readonly #onRecord: (record: WalRecord) => void;
  readonly #pages: PageSequence;
  readonly #parts = new RecordParts();
  readonly #record = new WalRecordView();
  /** of the next byte that is fed (of the page, while its header arrives) */
  #at: number;
  /** padding before this position */
  #resumeAt = 0;
  #partsAt = 0;
  /** bytes left of the unbegun record; -1 before the first page, which tells */
  #unbegun = -1;
  /** the last complete record; -1: none yet */
  #last = -1;
  #invalid: { at: number; reason: string } | undefined;

  /** @throws InputInvalid for a start that is not a page's, or a size that PostgreSQL does not have */
  constructor(options: WalWalkOptions) {
    const { start, segmentSize, pageSize = 8192, systemId } = options;
    if (!isSegmentSize(segmentSize)) throw new InputInvalid('segmentSize', segmentSize, 'a segment size');
    if (pageSize < 1024 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) {
      throw new InputInvalid('pageSize', pageSize, 'a power of two from 1024 to 65536');
    }
    if (start < 0n || start > farthest || start % BigInt(pageSize) !== 0n) {
      throw new InputInvalid('start', formatLsn(start), `the start of a page of ${pageSize} bytes`);
    }
    this.#at = Number(start);
    this.#segmentSize = segmentSize;
    this.#pageSize = pageSize;
    this.#interest = options.interest ?? (() => 128);
    this.#verifyCrc = options.verifyCrc ?? 'none';
    this.#onRecord = options.onRecord;
    this.#pages = new PageSequence({ segmentSize, pageSize, systemId });
  }

  /** After an invalid record further bytes are ignored. Passes on what `onRecord` throws, and then is of no use. */
  feed(bytes: Uint8Array): WalkResult {
    const range = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let from = 0;
    while (from < bytes.length && !this.#invalid) {
      if (this.#at < this.#resumeAt) from += this.#advance(Math.min(bytes.length - from, this.#resumeAt - this.#at));
      else if (this.#leftInPage() === 0) from += this.#takePageHeader(bytes, from);
      else if (this.#unbegun > 0) from += this.#skipUnbegun(bytes.length - from);
      else if (this.#parts.arriving) from += this.#takePart(bytes, from);
      else from = this.#takeWholeRecords(bytes, range, from);
    }
    return this.result;
  }

  get result(): WalkResult {
    if (!this.#invalid) return { ended: 'end of data', at: position(this.#recordAt()) };
    return { ended: 'invalid record', at: position(this.#invalid.at), reason: this.#invalid.reason };
  }

  /** Where the bytes that are fed next have to begin. */
  get next(): Lsn {
    return position(this.#at + this.#pages.seen);
  }

  /** 15 to 18; undefined before the first page. */
  get majorVersion(): number | undefined {
    return this.#pages.majorVersion || undefined;
  }

  #recordAt(): number {
    return this.#parts.arriving ? this.#partsAt : Math.max(this.#at, this.#resumeAt);
  }

  #stop(reason: string): void {
    this.#invalid ??= { at: this.#recordAt(), reason };
  }

  #advance(bytes: number): number {
    this.#at += bytes;
    return bytes;
  }

  /** 0 at a page's start. Only the low bits matter, and those survive the conversion to 32 bits. */
  #leftInPage(): number {
    return -this.#at & (this.#pageSize - 1);
  }

  #takePageHeader(bytes: Uint8Array, from: number): number {
    const taken = this.#pages.take(bytes, from);
    const header = this.#pages.header(this.#at);
    if (!header) return taken;
    const where = `page ${formatLsn(position(this.#at))}`;
    if ('problem' in header) this.#stop(`${where}: ${header.problem}`);
    else if (header.overwrites) {
      this.#parts.drop();
      this.#unbegun = 0;
    } else {
      const continued = header.continues ? header.remainingBytes : 0;
      if (this.#unbegun < 0) this.#unbegun = continued;
      const expected = this.#parts.arriving ? this.#parts.total - this.#parts.seen : this.#unbegun;
      if (continued !== expected) {
        this.#stop(`${where}: goes on with ${continued} bytes of a record: expected ${expected}`);
      }
    }
    if (!('problem' in header)) this.#at += header.headerBytes;
    return taken;
  }

  #skipUnbegun(available: number): number {
    const taken = this.#advance(Math.min(available, this.#leftInPage(), this.#unbegun));
    this.#unbegun -= taken;
    if (this.#unbegun === 0) this.#resumeAt = aligned(this.#at);
    return taken;
  }

  /** Returns where in `bytes` it stopped: at a page's end, the range's, or a record that does not lie in one piece. */
  #takeWholeRecords(bytes: Uint8Array, range: DataView, begin: number): number {
    let from = begin;
    for (;;) {
      const left = Math.min(this.#leftInPage(), bytes.length - from);
      const length = left < recordHeaderBytes ? left + 1 : range.getUint32(from, true);
      if (length > left) {
        this.#partsAt = this.#at;
        this.#parts.begin();
        return from;
      }
      const wanted = this.#checkHeader(range, from, length);
      if (this.#sums(wanted) && !this.#invalid) {
        this.#checkSum(crc32c(bytes, 0, from + recordHeaderBytes, from + length), bytes, range, from);
      }
      if (this.#invalid) return from;
      if (wanted > 0) this.#record.show(bytes, range, from, wanted);
      this.#complete(this.#at, this.#at + length, range, from, wanted);
      if (this.#invalid) return from;
      from += this.#advance(Math.min(this.#resumeAt - this.#at, bytes.length - from));
      if (this.#at < this.#resumeAt || this.#leftInPage() === 0) return from;
    }
  }

  #takePart(bytes: Uint8Array, from: number): number {
    const parts = this.#parts;
    const isHeader = parts.seen < recordHeaderBytes;
    const missing = (isHeader ? recordHeaderBytes : parts.total) - parts.seen;
    const taken = Math.min(missing, this.#leftInPage(), bytes.length - from);
    if (isHeader) parts.addToHeader(bytes, from, from + taken);
    else parts.add(bytes, from, from + taken);
    // the length is known before the rest of the header: a header cut by the page's end is continued by its length
    if (isHeader && parts.seen >= 4) this.#checkPartsHeader();
    if (this.#invalid) return taken;
    this.#at += taken;
    if (parts.seen >= recordHeaderBytes && parts.seen === parts.total) this.#completeParts();
    return taken;
  }

  #checkPartsHeader(): void {
    const parts = this.#parts;
    const problem = lengthProblem(parts.total);
    if (problem) this.#stop(problem);
    if (problem || parts.seen < recordHeaderBytes) return;
    const at = this.#at;
    this.#at = this.#partsAt;
    const wanted = this.#checkHeader(parts.headerRange, 0, parts.total);
    this.#at = at;
    parts.beginRest(wanted, this.#sums(wanted));
  }

  #completeParts(): void {
    const parts = this.#parts;
    const { header, headerRange, wanted } = parts;
    if (this.#sums(wanted)) this.#checkSum(parts.crc, header, headerRange, 0);
    if (this.#invalid) return;
    if (wanted > 0) this.#record.show(header, headerRange, 0, wanted, parts);
    this.#complete(this.#partsAt, this.#at, headerRange, 0, wanted);
    if (!this.#invalid) parts.drop();
  }

  /** Returns how many bytes of its main data are wanted. */
  #checkHeader(range: DataView, from: number, length: number): number {
    const problem = lengthProblem(length) ?? headerProblem(range, from, this.#at, this.#last);
    if (problem) this.#stop(problem);
    return problem ? 0 : this.#interest(range.getUint8(from + 17), range.getUint8(from + 16));
  }

  #sums(wanted: number): boolean {
    return this.#verifyCrc === 'all' || (this.#verifyCrc === 'wanted' && wanted > 0);
  }

  /** A record's CRC covers what follows its header, then the header up to the CRC. */
  #checkSum(crcOfRest: number, bytes: Uint8Array, range: DataView, from: number): void {
    const computed = crc32c(bytes, crcOfRest, from, from + 20);
    if (computed !== range.getUint32(from + 20, true)) this.#stop('its CRC-32C is wrong');
  }

  #complete(start: number, end: number, range: DataView, from: number, wanted: number): void {
    const ends = isSwitch(range.getUint8(from + 17), range.getUint8(from + 16)) ? this.#segmentSize : 8;
    const next = Math.ceil(end / ends) * ends;
    if (wanted > 0) this.#report(start, next);
    if (this.#invalid) return;
    this.#last = start;
    this.#resumeAt = next;
  }

  #report(start: number, next: number): void {
    const record = this.#record;
    record.start = start;
    record.next = next;
    record.majorVersion = this.#pages.majorVersion;
    if (!record.malformed) this.#onRecord(record);
    if (record.malformed) this.#stop('its block headers do not add up to its length');
  }
}

const aligned = (at: number) => Math.ceil(at / 8) * 8;
