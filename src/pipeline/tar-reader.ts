import { InputInvalid } from '#model/failure';

/** A member of a tar archive as PostgreSQL writes them. */
export interface TarEntry {
  /** relative, without `./` in front or a slash at its end */
  path: string;
  type: 'file' | 'directory' | 'link';
  /** bytes of content; 0 for directories and links */
  size: number;
  /** permission bits */
  mode: number;
  /** where a link points */
  target: string;
}

/** Where in a tar stream one stands: enough to go on reading from there without what came before. */
export interface TarState {
  /** in the middle of a member's content */
  entry?: TarEntry & { offset: number };
  /** bytes of padding still to pass over */
  padding?: number;
  /** the part of a member's header that was already read, base64 */
  header?: string;
}

export interface TarVisitor {
  /** `position`: where the member's header begins, in bytes since the reader was made */
  onEntry(entry: TarEntry, position: number): void;
  /** a piece of the content; `offset` within it */
  onContent?(entry: TarEntry, offset: number, bytes: Buffer): void;
  /** the content of a file is complete */
  onEnd?(entry: TarEntry): void;
}

const recordBytes = 512;

/** Reads a tar stream fed in pieces cut anywhere. Source for the format: POSIX.1-2008 pax, "ustar Interchange Format". */
export class TarReader {
  readonly #visitor: TarVisitor;
  readonly #header = Buffer.alloc(recordBytes);
  #headerBytes = 0;
  #entry: TarEntry | undefined;
  #offset = 0;
  #padding = 0;
  #position = 0;

  constructor(visitor: TarVisitor, state: TarState = {}) {
    this.#visitor = visitor;
    if (state.entry) {
      const { offset, ...entry } = state.entry;
      this.#entry = entry;
      this.#offset = offset;
    }
    this.#padding = state.padding ?? 0;
    if (state.header) this.#headerBytes = Buffer.from(state.header, 'base64').copy(this.#header);
  }

  state(): TarState {
    if (this.#entry) return { entry: { ...this.#entry, offset: this.#offset } };
    if (this.#padding > 0) return { padding: this.#padding };
    if (this.#headerBytes > 0) return { header: this.#header.subarray(0, this.#headerBytes).toString('base64') };
    return {};
  }

  feed(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#entry) at += this.#content(this.#entry, bytes, at);
      else if (this.#padding > 0) at += this.#skip(bytes.length - at);
      else at += this.#gather(bytes, at);
    }
    this.#position += bytes.length;
  }

  #content(entry: TarEntry, bytes: Buffer, at: number): number {
    const count = Math.min(entry.size - this.#offset, bytes.length - at);
    this.#visitor.onContent?.(entry, this.#offset, bytes.subarray(at, at + count));
    this.#offset += count;
    if (this.#offset === entry.size) this.#finish(entry);
    return count;
  }

  #finish(entry: TarEntry): void {
    this.#padding = -entry.size & (recordBytes - 1);
    this.#entry = undefined;
    this.#visitor.onEnd?.(entry);
  }

  #skip(available: number): number {
    const count = Math.min(this.#padding, available);
    this.#padding -= count;
    return count;
  }

  #gather(bytes: Buffer, at: number): number {
    const count = Math.min(recordBytes - this.#headerBytes, bytes.length - at);
    bytes.copy(this.#header, this.#headerBytes, at, at + count);
    this.#headerBytes += count;
    if (this.#headerBytes === recordBytes) {
      this.#headerBytes = 0;
      if (this.#header[0] !== 0) this.#begin(parseHeader(this.#header), this.#position + at + count - recordBytes);
    }
    return count;
  }

  #begin(entry: TarEntry, position: number): void {
    this.#visitor.onEntry(entry, position);
    if (entry.type !== 'file') return;
    this.#offset = 0;
    if (entry.size > 0) this.#entry = entry;
    else this.#finish(entry);
  }
}

const types: Record<string, TarEntry['type']> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'link' };

function parseHeader(header: Buffer): TarEntry {
  const prefix = text(header, 345, 155);
  const path = (prefix === '' ? '' : `${prefix}/`) + text(header, 0, 100);
  const type = types[String.fromCharCode(header[156]!)];
  const sum = number(header, 148, 8);
  if (type === undefined || sum !== checksum(header)) {
    throw new InputInvalid('tar header', path.slice(0, 100), 'a file, directory or link with the right checksum');
  }
  const size = type === 'file' ? number(header, 124, 12) : 0;
  return {
    path: path.replace(/^\.\/|\/$/g, ''),
    type,
    size,
    mode: number(header, 100, 8) & 0o7777,
    target: text(header, 157, 100),
  };
}

function text(header: Buffer, start: number, length: number): string {
  const end = header.indexOf(0, start);
  return header.toString('utf8', start, end < 0 || end > start + length ? start + length : end);
}

/** Octal digits, or base 256 when the first bit is set (sizes of 8 GiB and more). */
function number(header: Buffer, start: number, length: number): number {
  const inBase256 = (header[start]! & 0x80) !== 0;
  const value = inBase256
    ? Number(header.readBigUInt64BE(start + length - 8))
    : Number.parseInt(text(header, start, length).trim() || '0', 8);
  if (Number.isSafeInteger(value)) return value;
  throw new InputInvalid('tar header', inBase256 ? value : text(header, start, length), 'a number of at most 53 bits');
}

function checksum(header: Buffer): number {
  let sum = 8 * 0x20; // the checksum field itself counts as blanks
  for (let i = 0; i < recordBytes; i++) if (i < 148 || i >= 156) sum += header[i]!;
  return sum;
}
