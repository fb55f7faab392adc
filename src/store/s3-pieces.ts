const mebibyte = 1024 * 1024;

/** S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const maxPieces = 10_000;
export const maxObjectBytes = 5 * 1024 * 1024 * mebibyte;

const smallestPieceBytes = 8 * mebibyte;

/**
 * How large piece `number` (from 1) of a multipart upload is. Pieces begin at 8 MiB, reach 16 MiB after 7 GiB, and
 * grow with the square of their number, so that 10,000 of them hold 5 TiB whether or not the size was known before.
 */
export function pieceBytes(number: number, sizeHint = 0): number {
  const even = roundUp(Math.min(sizeHint, maxObjectBytes) / maxPieces);
  const growing = roundUp(smallestPieceBytes * (1 + (number / 700) ** 2));
  return number < 50 ? Math.max(even, smallestPieceBytes) : Math.max(even, growing);
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / mebibyte) * mebibyte;
}

/** Buffers of pieces that were sent, to be filled again: left to the garbage collector they pile up to 100 MiB. */
export class SpareBuffers {
  #buffers: Buffer[] = [];

  take(bytes: number): Buffer {
    const spare = this.#buffers.pop();
    return spare?.length === bytes ? spare : Buffer.allocUnsafeSlow(bytes);
  }

  give(buffer: Buffer): void {
    this.#buffers.push(buffer);
  }
}

/**
 * Cut chunks of any size into pieces. Each is a buffer of its own, also because a stream's chunks may change once the
 * next is asked for. Ends with a piece that is not full; only an empty stream gives an empty one.
 */
export async function* piecesOf(
  chunks: AsyncIterable<Uint8Array>,
  sizeHint?: number,
  spare: SpareBuffers = new SpareBuffers(),
): AsyncGenerator<Buffer> {
  let number = 1;
  let piece: Buffer | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let taken = 0; taken < chunk.length; ) {
      piece ??= spare.take(pieceBytes(number, sizeHint));
      const some = chunk.subarray(taken, taken + piece.length - filled);
      piece.set(some, filled);
      filled += some.length;
      taken += some.length;
      if (filled < piece.length) continue;
      yield piece;
      number++;
      piece = undefined;
      filled = 0;
    }
  }
  if (piece !== undefined) yield piece.subarray(0, filled);
  else if (number === 1) yield Buffer.alloc(0);
}
