import { crc32c } from '#postgres/crc32c';

export interface WrittenRecord {
  resourceManager: number;
  info: number;
  xid?: number;
  /** what follows the 24-byte header: block headers, block data, main data */
  body: Buffer;
}

const segmentSize = 1 << 20;
const pageSize = 8192;

/** Writes WAL as a PostgreSQL 18 server with 1 MiB segments does, for what a test cannot make a server write. */
export class WalWriter {
  readonly systemId = 7710121666982256801n;
  readonly start: bigint;
  #room: Buffer = Buffer.alloc(1 << 16);
  #length = 0;
  #previous: bigint;
  #overwrites = false;
  /** of each complete record */
  readonly lsns: bigint[] = [];

  constructor(start: bigint, previous = start - 64n) {
    this.start = start;
    this.#previous = previous;
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  get #at(): bigint {
    return this.start + BigInt(this.#length);
  }

  /** `cut`: the server dies at the end of the page on which the record begins, and goes on on the next one. */
  write(record: WrittenRecord, cut = false): void {
    if (this.#leftInPage() === 0) this.#pageHeader(0);
    const lsn = this.#at;
    let rest = encode(record, this.#previous);
    while (rest.length > 0) {
      if (this.#leftInPage() === 0 && cut) break;
      if (this.#leftInPage() === 0) this.#pageHeader(rest.length);
      const taken = rest.subarray(0, this.#leftInPage());
      this.#add(taken);
      rest = rest.subarray(taken.length);
    }
    this.#overwrites = cut;
    if (cut) return;
    this.#add(Buffer.alloc(-this.#length & 7));
    this.#previous = lsn;
    this.lsns.push(lsn);
  }

  #add(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#room.length) this.#room = Buffer.concat([this.#room.subarray(0, this.#length)], length * 2);
    bytes.copy(this.#room, this.#length);
    this.#length = length;
  }

  #leftInPage(): number {
    return -this.#length & (pageSize - 1);
  }

  #pageHeader(remaining: number): void {
    const long = this.#at % BigInt(segmentSize) === 0n;
    const header = Buffer.alloc(long ? 40 : 24);
    header.writeUInt16LE(0xd118, 0);
    header.writeUInt16LE((remaining > 0 ? 1 : 0) | (long ? 2 : 0) | (this.#overwrites ? 8 : 0), 2);
    header.writeUInt32LE(1, 4);
    header.writeBigUInt64LE(this.#at, 8);
    header.writeUInt32LE(remaining, 16);
    if (long) {
      header.writeBigUInt64LE(this.systemId, 24);
      header.writeUInt32LE(segmentSize, 32);
      header.writeUInt32LE(pageSize, 36);
    }
    this.#add(header);
    this.#overwrites = false;
  }
}

function encode(record: WrittenRecord, previous: bigint): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(24), record.body]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(record.xid ?? 0, 4);
  bytes.writeBigUInt64LE(previous, 8);
  bytes[16] = record.info;
  bytes[17] = record.resourceManager;
  bytes.writeUInt32LE(crc32c(bytes, crc32c(bytes, 0, 24), 0, 20), 20);
  return bytes;
}

/** A body of main data alone. */
export function mainDataBody(data: Buffer): Buffer {
  if (data.length < 256) return Buffer.concat([Buffer.of(255, data.length), data]);
  const head = Buffer.alloc(5);
  head[0] = 254;
  head.writeUInt32LE(data.length, 1);
  return Buffer.concat([head, data]);
}
