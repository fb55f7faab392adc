import { formatLsn, lsn } from '#model/lsn';
import { longHeaderBytes, readPageHeader, shortHeaderBytes, type WalPageHeader } from '#postgres/wal-page';

export interface PageSequenceOptions {
  segmentSize: number;
  pageSize: number;
  systemId: string | undefined;
}

/** Gathers the header of one WAL page after the other and checks that they belong together. */
export class PageSequence {
  readonly #options: PageSequenceOptions;
  readonly #bytes = Buffer.alloc(longHeaderBytes);
  /** bytes of a header that is arriving; 0: none is */
  seen = 0;
  /** 0 before the first page */
  majorVersion = 0;
  #timeline = 0;

  constructor(options: PageSequenceOptions) {
    this.#options = options;
  }

  /** Returns how many bytes it took. */
  take(bytes: Uint8Array, from: number): number {
    const taken = Math.min(this.#needed() - this.seen, bytes.length - from);
    this.#bytes.set(bytes.subarray(from, from + taken), this.seen);
    this.seen += taken;
    return taken;
  }

  /** The page at position `at`, once its header has arrived; `problem`: why it is not the next page. */
  header(at: number): WalPageHeader | { problem: string } | undefined {
    if (this.seen < this.#needed()) return undefined;
    this.seen = 0;
    const header = readPageHeader(this.#bytes);
    if ('problem' in header) return header;
    const problem = this.#problem(header, at);
    if (problem) return { problem };
    this.majorVersion = header.majorVersion;
    this.#timeline = header.timeline;
    return header;
  }

  #needed(): number {
    const isLong = this.seen >= shortHeaderBytes && (this.#bytes[2]! & 2) !== 0;
    return isLong ? longHeaderBytes : shortHeaderBytes;
  }

  #problem(header: WalPageHeader, at: number): string | undefined {
    const { segmentSize, pageSize, systemId } = this.#options;
    if (header.address !== BigInt(at)) return `its header says ${formatLsn(header.address)}`;
    if (at > farthest) return 'beyond 8 PiB of WAL';
    if (this.majorVersion !== 0 && header.majorVersion !== this.majorVersion) {
      return `of PostgreSQL ${header.majorVersion} after pages of ${this.majorVersion}`;
    }
    if (header.timeline === 0 || header.timeline < this.#timeline) {
      return `of timeline ${header.timeline} after timeline ${this.#timeline}`;
    }
    const { segment } = header;
    if (!segment) return at % segmentSize === 0 ? 'begins a segment without a segment header' : undefined;
    if (systemId !== undefined && segment.systemIdentifier !== systemId) {
      return `belongs to system ${segment.systemIdentifier}: expected ${systemId}`;
    }
    if (segment.segmentSizeBytes === segmentSize && segment.pageSizeBytes === pageSize) return undefined;
    const sizes = (segments: number, pages: number) => `segments of ${segments} and pages of ${pages} bytes`;
    return `${sizes(segment.segmentSizeBytes, segment.pageSizeBytes)}: expected ${sizes(segmentSize, pageSize)}`;
  }
}

/** Positions are counted in doubles, exact up to here and a segment more. */
export const farthest = 2 ** 53 - 2 ** 31;

export const position = (at: number) => lsn(BigInt(at));
