import { createHash } from 'node:crypto';
import {
  type ContainerHeader,
  damaged,
  decodeHeader,
  frameHeaderBytes,
  headerLength,
  skippablePrefixBytes,
} from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { FrameOpener } from '#pipeline/seal-frame';

export interface ContainerRead<H extends ContainerHeader> {
  header: H;
  /** The object's raw bytes, block by block. @throws ObjectDamaged on the first byte that is not as written */
  blocks(): AsyncGenerator<Buffer, void>;
  /** length and SHA-256 (where asked for) of the stored bytes; complete once the last block was taken */
  stored(): { bytes: number; sha256: string | undefined };
  /** Stop reading early. Needed only when blocks() is not read to its end. */
  close(): Promise<void>;
}

export interface ReadOptions<H> {
  /** the object's key in the bucket, for messages */
  key: string;
  /** finds the key of an encrypted object; its answer must be undefined for one that must not be encrypted */
  dataKey: (header: H) => DataKey | undefined | Promise<DataKey | undefined>;
  /** also compute the SHA-256 of the stored bytes */
  digest?: boolean;
}

/** Read an object written by write-container (or as a part), checking all of it. */
export async function readContainer<H extends ContainerHeader>(
  body: AsyncIterable<Uint8Array>,
  options: ReadOptions<H>,
): Promise<ContainerRead<H>> {
  const bytes = new ByteReader(body, options.key, options.digest ?? false);
  const { header, opener } = await begin<H>(bytes, options).catch(async (failure: unknown) => {
    await bytes.close(); // else the file or connection stays open
    throw failure;
  });
  return {
    header,
    async *blocks() {
      try {
        for (;;) {
          const frameHeader = Buffer.from(await bytes.take(frameHeaderBytes));
          const frame = opener.readFrameHeader(frameHeader);
          const block = opener.open(frame, frameHeader, await bytes.take(frame.storedBytes));
          if (block.length > 0) yield block;
          if (frame.last) break;
        }
        await bytes.end();
      } finally {
        await bytes.close();
      }
    },
    stored: () => ({ bytes: bytes.taken, sha256: bytes.digest() }),
    close: () => bytes.close(),
  };
}

async function begin<H extends ContainerHeader>(
  bytes: ByteReader,
  { key, dataKey }: ReadOptions<H>,
): Promise<{ header: H; opener: FrameOpener }> {
  const headerJson = Buffer.from(await bytes.take(headerLength(await bytes.take(skippablePrefixBytes), key)));
  const header = decodeHeader<H>(headerJson, key);
  return { header, opener: new FrameOpener(key, headerJson, header, await dataKey(header)) };
}

/** All of a small object's raw bytes, at most `maxBytes`. */
export async function readSmallContainer<H extends ContainerHeader>(
  body: AsyncIterable<Uint8Array>,
  options: ReadOptions<H> & { maxBytes: number },
): Promise<{ header: H; bytes: Buffer }> {
  const read = await readContainer<H>(body, options);
  const blocks: Buffer[] = [];
  let size = 0;
  for await (const block of read.blocks()) {
    size += block.length;
    if (size > options.maxBytes) throw damaged(options.key, `is larger than ${options.maxBytes} bytes`);
    blocks.push(block);
  }
  return { header: read.header, bytes: Buffer.concat(blocks) };
}

/** Exact byte counts out of a stream of chunks. What take() answers is valid until the next take(). */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #key: string;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** reused: a frame's bytes are opened before the next ones are read */
  #scratch = Buffer.alloc(0);
  taken = 0;

  constructor(body: AsyncIterable<Uint8Array>, key: string, digest: boolean) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#key = key;
    this.#hash = digest ? createHash('sha256') : undefined;
  }

  async take(count: number): Promise<Buffer> {
    if (this.#scratch.length < count) this.#scratch = Buffer.allocUnsafeSlow(Math.max(count, 2 * this.#scratch.length));
    for (let filled = 0; filled < count; ) {
      if (this.#at === this.#chunk.length) await this.#next(filled);
      const piece = this.#chunk.subarray(this.#at, this.#at + count - filled);
      this.#scratch.set(piece, filled);
      filled += piece.length;
      this.#at += piece.length;
    }
    this.taken += count;
    return this.#scratch.subarray(0, count);
  }

  async #next(filled: number): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done) throw damaged(this.#key, `ends after ${this.taken + filled} bytes, in the middle of a frame`);
    this.#hash?.update(next.value);
    this.#chunk = next.value;
    this.#at = 0;
  }

  async end(): Promise<void> {
    let leftBytes = this.#chunk.length - this.#at;
    while (leftBytes === 0) {
      const next = await this.#chunks.next();
      if (next.done) return;
      leftBytes = next.value.length;
    }
    throw damaged(this.#key, 'goes on after its last frame');
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  digest(): string | undefined {
    return this.#hash?.copy().digest('hex');
  }
}
