import { ObjectDamaged } from '#model/failure';

/**
 * The head of an INCREMENTAL.<name> file in a backup, little-endian; the blocks follow it in the order of the numbers:
 *
 *     0 magic u32 · 4 block count u32 · 8 truncation block length u32 · 12 block numbers u32 each
 *     then zeros up to a multiple of the block size, unless there are no blocks
 *
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/backup/basebackup.c (sendFile)
 */
export interface IncrementalHeader {
  /** block numbers within this file (of 131072 blocks at most), increasing */
  blocks: Uint32Array;
  /**
   * The file has at least as many blocks: those that are not here come from the backup before, or are zeros. It is
   * longer where `blocks` says so.
   */
  truncationBlockLength: number;
  /** with the padding: the first block begins here */
  headerBytes: number;
  /** of the whole INCREMENTAL file */
  fileBytes: number;
  /** of the file that it stands for, in blocks */
  reconstructedBlocks: number;
}

export interface IncrementalOptions {
  /** for messages */
  name: string;
  blockSizeBytes?: number;
  /** PostgreSQL's RELSEG_SIZE */
  blocksPerFile?: number;
}

/**
 * Read the head of an INCREMENTAL file from its first bytes. `neededBytes`: these are too few, call again with at least
 * so many (12 tell how many are needed; at most 532480 at the usual sizes).
 * @throws ObjectDamaged for anything that PostgreSQL does not write
 */
export function parseIncrementalHeader(
  bytes: Buffer,
  options: IncrementalOptions,
): IncrementalHeader | { neededBytes: number } {
  const { name, blockSizeBytes = 8192, blocksPerFile = 131_072 } = options;
  if (bytes.length < fixedBytes) return { neededBytes: fixedBytes };
  const [found, count, truncationBlockLength] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  if (found !== magic) throw damaged(name, `magic number ${found.toString(16)}: expected ${magic.toString(16)}`);
  if (count > blocksPerFile) throw damaged(name, `${count} blocks: expected at most ${blocksPerFile}`);
  if (truncationBlockLength > blocksPerFile) {
    throw damaged(name, `truncation length of ${truncationBlockLength} blocks: expected at most ${blocksPerFile}`);
  }
  const unpadded = fixedBytes + 4 * count;
  if (bytes.length < unpadded) return { neededBytes: unpadded };
  const headerBytes = count === 0 ? unpadded : Math.ceil(unpadded / blockSizeBytes) * blockSizeBytes;
  const blocks = readBlocks(bytes, count, blocksPerFile, name);
  return {
    blocks,
    truncationBlockLength,
    headerBytes,
    fileBytes: headerBytes + count * blockSizeBytes,
    reconstructedBlocks: Math.max(truncationBlockLength, (blocks.at(-1) ?? -1) + 1),
  };
}

const magic = 0xd3ae1f0d;
const fixedBytes = 12;

/** PostgreSQL sorts them, so increasing numbers are also unique. */
function readBlocks(bytes: Buffer, count: number, blocksPerFile: number, name: string): Uint32Array {
  const blocks = new Uint32Array(count);
  let last = -1;
  for (let index = 0; index < count; index++) {
    const block = bytes.readUInt32LE(fixedBytes + 4 * index);
    if (block >= blocksPerFile) throw damaged(name, `block ${block}: expected one below ${blocksPerFile}`);
    if (block <= last) throw damaged(name, `block ${block} after block ${last}: expected increasing numbers`);
    blocks[index] = block;
    last = block;
  }
  return blocks;
}

const damaged = (name: string, problem: string) =>
  new ObjectDamaged(`incremental file ${name}: ${problem}`, { operation: 'read incremental file', subject: name });
