import { type Lsn, lsn } from '#model/lsn';
import { walkEvents } from '#postgres/wal-events';
import { longHeaderBytes, readPageHeader, shortHeaderBytes } from '#postgres/wal-page';
import type { WalWalker } from '#postgres/wal-records';

export interface PieceOfWal {
  start: Lsn;
  segmentSize: number;
  systemId: string;
}

/** PostgreSQL's XLOG_BLCKSZ; of a server that was built with another one no commit is found. */
const pageBytes = 8192;

/**
 * Looks for the last commit in a piece of WAL without what comes before it: feed its bytes in order.
 *
 * A server sends WAL up to the end of a record or of a page. So a piece that begins inside of a page begins with a
 * record. The page's header, which was sent before, is made up: it says that a record ends where the piece begins. A
 * commit that the piece only has a part of is not found in it; nor is anything after what is no record.
 */
export class LastCommit {
  readonly #piece: PieceOfWal;
  #walker: WalWalker | undefined;
  #micros: bigint | undefined;
  #lost = false;

  constructor(piece: PieceOfWal) {
    this.#piece = piece;
  }

  feed(bytes: Uint8Array): void {
    if (this.#lost || bytes.length === 0) return;
    this.#walker ??= this.#begin(bytes);
    this.#lost = !feedAll(this.#walker, bytes);
  }

  /** when it was committed, rounded down to milliseconds; undefined: there is none, or it cannot be told */
  get time(): Date | undefined {
    return this.#lost || this.#micros === undefined ? undefined : new Date(Number(this.#micros / 1000n));
  }

  #begin(bytes: Uint8Array): WalWalker {
    const { start, segmentSize, systemId } = this.#piece;
    const missing = Number(start % BigInt(pageBytes));
    const page = lsn(start - BigInt(missing));
    const walker = walkEvents({
      start: page,
      segmentSize,
      systemId,
      kinds: ['commit'],
      onEvent: (event) => {
        if (event.kind === 'commit') this.#micros = event.timeMicros;
      },
    });
    if (missing > 0) feedAll(walker, pageUpTo(page, missing, this.#piece, magicOfNextPage(bytes, missing)));
    return walker;
  }
}

function feedAll(walker: WalWalker, bytes: Uint8Array): boolean {
  try {
    return walker.feed(bytes).ended === 'end of data';
  } catch {
    return false; // a record that is too short for what it says it is
  }
}

/**
 * All pages are of one version: the first page after that has a header tells. (After a forced switch of segments there
 * are pages of zeros.) Where there is none any magic number will do.
 */
function magicOfNextPage(bytes: Uint8Array, missing: number): number {
  for (let at = pageBytes - missing; at + shortHeaderBytes <= bytes.length; at += pageBytes) {
    const header = Buffer.from(bytes.subarray(at, at + longHeaderBytes));
    if (!('problem' in readPageHeader(header))) return header.readUInt16LE(0);
  }
  return 0xd118;
}

/** A page's beginning, up to the end of a record: see wal-page.ts for its header. */
function pageUpTo(page: Lsn, bytes: number, { segmentSize, systemId }: PieceOfWal, magic: number): Buffer {
  const long = page % BigInt(segmentSize) === 0n;
  const headerBytes = long ? longHeaderBytes : shortHeaderBytes;
  const content = Buffer.alloc(Math.max(bytes, headerBytes));
  const continued = content.length - headerBytes;
  content.writeUInt16LE(magic, 0);
  content.writeUInt16LE((continued > 0 ? 1 : 0) | (long ? 2 : 0), 2);
  content.writeUInt32LE(1, 4);
  content.writeBigUInt64LE(page, 8);
  content.writeUInt32LE(continued, 16);
  if (!long) return content;
  content.writeBigUInt64LE(BigInt(systemId), 24);
  content.writeUInt32LE(segmentSize, 32);
  content.writeUInt32LE(pageBytes, 36);
  return content;
}
