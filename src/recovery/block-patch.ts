import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { ObjectDamaged } from '#model/failure';
import type { TarEntry } from '#pipeline/tar-reader';
import { type IncrementalHeader, parseIncrementalHeader } from '#postgres/incremental-file';
import { writeAll } from '#recovery/write-archive';

/**
 * Applies an INCREMENTAL file to the file that the chain has restored so far, as its bytes arrive: blocks below the
 * truncation length that are not listed stay as they are, those beyond it that are not listed become zeros.
 */
export class BlockPatch {
  readonly #entry: TarEntry;
  readonly #blockSize: number;
  readonly #descriptor: number;
  #head: Buffer[] = [];
  #header: IncrementalHeader | undefined;
  /** bytes of block content taken so far */
  #done = 0;

  constructor(path: string, entry: TarEntry, blockSize: number) {
    this.#entry = entry;
    this.#blockSize = blockSize;
    this.#descriptor = openExisting(path, entry);
  }

  write(bytes: Buffer): void {
    let content = bytes;
    if (!this.#header) {
      const gathered = Buffer.concat([...this.#head, bytes]);
      this.#head = [gathered];
      const header = parseIncrementalHeader(gathered, { name: this.#entry.path, blockSizeBytes: this.#blockSize });
      if ('neededBytes' in header || gathered.length < header.headerBytes) return;
      this.#begin(header);
      this.#head = [];
      content = gathered.subarray(header.headerBytes);
    }
    this.#writeBlocks(this.#header!, content);
  }

  /** The file's content is complete. @throws ObjectDamaged when blocks are missing */
  close(): void {
    closeSync(this.#descriptor);
    const expected = (this.#header?.blocks.length ?? Number.NaN) * this.#blockSize;
    if (this.#done !== expected) {
      throw damagedPatch(this.#entry, `holds ${this.#done} bytes of blocks, its header promises ${expected}`);
    }
  }

  abandon(): void {
    closeSync(this.#descriptor);
  }

  #begin(header: IncrementalHeader): void {
    this.#header = header;
    const keptBytes = header.truncationBlockLength * this.#blockSize;
    if (fstatSync(this.#descriptor).size > keptBytes) ftruncateSync(this.#descriptor, keptBytes);
    ftruncateSync(this.#descriptor, header.reconstructedBlocks * this.#blockSize);
  }

  /** Neighbouring blocks are written at once. */
  #writeBlocks(header: IncrementalHeader, content: Buffer): void {
    const size = this.#blockSize;
    for (let at = 0; at < content.length; ) {
      const index = Math.floor(this.#done / size);
      const block = header.blocks[index];
      if (block === undefined) throw damagedPatch(this.#entry, 'goes on after its last block');
      const within = this.#done % size;
      let run = 1;
      while (header.blocks[index + run] === block + run && run * size - within < content.length - at) run++;
      const count = Math.min(run * size - within, content.length - at);
      writeAll(this.#descriptor, content.subarray(at, at + count), block * size + within);
      this.#done += count;
      at += count;
    }
  }
}

function openExisting(path: string, entry: TarEntry): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (cause) {
    throw damagedPatch(entry, `changes ${path}, which the backups before it do not have`, cause);
  }
}

const damagedPatch = (entry: TarEntry, what: string, cause?: unknown): ObjectDamaged =>
  new ObjectDamaged(`${entry.path} ${what}`, {
    operation: 'combine chain',
    subject: entry.path,
    hint: 'restore an older recovery point from a full backup, and take a new full backup now',
    cause,
  });
