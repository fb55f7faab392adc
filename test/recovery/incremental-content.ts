export const blockSize = 8192;

/** The content of an INCREMENTAL file as the server sends it: block number → byte that fills it. */
export function incrementalContent(
  blocks: Record<number, number>,
  truncationBlocks: number,
  promised = blocks,
): Buffer {
  const numbers = Object.keys(promised).map(Number);
  const head = Buffer.alloc(12 + 4 * numbers.length);
  head.writeUInt32LE(0xd3ae1f0d, 0);
  head.writeUInt32LE(numbers.length, 4);
  head.writeUInt32LE(truncationBlocks, 8);
  for (const [index, number] of numbers.entries()) head.writeUInt32LE(number, 12 + 4 * index);
  const padding = numbers.length === 0 ? 0 : -head.length & (blockSize - 1);
  return Buffer.concat([
    head,
    Buffer.alloc(padding),
    ...Object.values(blocks).map((fill) => Buffer.alloc(blockSize, fill)),
  ]);
}

/** A file as one letter a block: `a` is filled with 1, `b` with 2, `.` with zeros, `?` with anything else. */
export function letters(file: Buffer): string {
  const blocks: string[] = [];
  for (let at = 0; at < file.length; at += blockSize) {
    const block = file.subarray(at, at + blockSize);
    const uniform = block.length === blockSize && block.every((byte) => byte === block[0]);
    blocks.push(!uniform ? '?' : block[0] === 0 ? '.' : String.fromCharCode(96 + block[0]!));
  }
  return blocks.join('');
}

export const fileOf = (text: string): Buffer =>
  Buffer.concat([...text].map((letter) => Buffer.alloc(blockSize, letter === '.' ? 0 : letter.charCodeAt(0) - 96)));
