import type { DuplexOptions } from 'node:stream';
import { constants, createZstdCompress, type ZstdCompress, type ZstdOptions } from 'node:zlib';

/**
 * Parallel zstd without zstd's own workers: each lane is a reusable single-threaded compressor that turns one block
 * into one frame on libuv's thread pool. (The worker parameter of node:zlib ends normally with truncated output:
 * https://github.com/nodejs/node/issues/59899.)
 */
export class CompressLanes {
  readonly #idle: Lane[];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(lanes: number, level: number) {
    this.#idle = Array.from({ length: lanes }, () => new Lane(level));
  }

  /** One zstd frame, in pieces. The block may be reused once this settles. */
  async compress(block: Buffer): Promise<Buffer[]> {
    const lane = this.#idle.pop() ?? (await new Promise<Lane>((resolve) => this.#waiting.push(resolve)));
    try {
      return await lane.compress(block);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(lane);
      else this.#idle.push(lane);
    }
  }

  close(): void {
    for (const lane of this.#idle) lane.close();
  }
}

class Lane {
  readonly #zstd: ZstdCompress;
  #pieces: Buffer[] = [];
  #failed: ((error: Error) => void) | undefined;

  constructor(level: number) {
    // A whole frame passes without back-pressure between the halves: at most one block is in a lane at any time.
    const options: ZstdOptions & DuplexOptions = {
      chunkSize: 256 << 10,
      readableHighWaterMark: 64 << 20,
      writableHighWaterMark: 64 << 20,
      params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
    };
    this.#zstd = createZstdCompress(options);
    this.#zstd.on('data', (piece: Buffer) => this.#pieces.push(piece));
    this.#zstd.on('error', (error) => this.#failed?.(error));
  }

  compress(block: Buffer): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      if (block.length > 0) this.#zstd.write(block);
      this.#zstd.flush(constants.ZSTD_e_end, () => {
        resolve(this.#pieces);
        this.#pieces = [];
      });
    });
  }

  close(): void {
    this.#zstd.destroy();
  }
}
