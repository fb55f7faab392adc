import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { blockBytes, type ContainerHeader } from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { FrameSealer } from '#pipeline/seal-frame';

const compress = promisify(zstdCompress);

/** The stored form of bytes that are at hand (an index, a WAL segment): header, then frames of at most 1 MiB raw. */
export async function* writeContainer(
  header: ContainerHeader,
  dataKey: DataKey | undefined,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
  level: number,
): AsyncGenerator<Buffer> {
  const sealer = new FrameSealer(header, dataKey);
  yield sealer.header;
  for await (const { block, last } of cut(content)) {
    const compressed = await compress(block, {
      params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    yield* sealer.seal([compressed], block.length, last);
  }
}

async function* cut(
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
): AsyncGenerator<{ block: Buffer; last: boolean }> {
  let held: Buffer[] = [];
  let size = 0;
  for await (let piece of content) {
    while (size + piece.length > blockBytes) {
      const taken = blockBytes - size;
      yield { block: joined([...held, piece.subarray(0, taken)]), last: false };
      piece = piece.subarray(taken);
      held = [];
      size = 0;
    }
    held.push(piece);
    size += piece.length;
  }
  yield { block: joined(held), last: true };
}

/** Without a copy where there is only one. */
const joined = (pieces: Buffer[]): Buffer => (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
