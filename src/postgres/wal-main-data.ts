/**
 * After its 24-byte header a WAL record goes on with small headers, then the data they announce, main data last:
 *
 *     0–32 a block: flags u8, data length u16; with an image (flag 0x10): length u16, hole offset u16, info u8, and
 *          when compressed around a hole (info & 0x01 and & 0x1c) hole length u16; relation 12 bytes unless it is the
 *          previous one's (flag 0x80); block number u32
 *     253  replication origin u16      252  top-level transaction u32
 *     255  main data length u8         254  main data length u32       (ends the headers)
 *
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/xlogrecord.h
 *
 * How long is the main data? Reads the headers in `bytes[from, to)` of a record that has `total` bytes after its
 * 24-byte header, of which main data is the last. undefined: malformed, or the headers do not end before `to`.
 */
export function mainDataLength(bytes: Uint8Array, from: number, to: number, total: number): number | undefined {
  const end = from + total;
  let at = from;
  let announced = 0;
  let lastBlock = -1;
  while (end - at > announced) {
    if (at + longestBlockHeader > to && !fits(bytes, at, to)) return undefined;
    const id = bytes[at]!;
    if (id === 255 || id === 254) {
      const length = id === 255 ? bytes[at + 1]! : uint32(bytes, at + 1);
      at += id === 255 ? 2 : 5;
      return end - at === announced + length ? length : undefined;
    }
    if (id === 253) at += 3;
    else if (id === 252) at += 5;
    else if (id > 32 || id <= lastBlock) return undefined;
    else {
      lastBlock = id;
      announced += blockDataLength(bytes, at);
      at += blockHeaderLength(bytes, at);
    }
  }
  return end - at === announced ? 0 : undefined;
}

const longestBlockHeader = 27;
/** 33 blocks, an origin, a top-level transaction and a length: what has to be kept to find the main data. */
export const longestHeaders = 33 * longestBlockHeader + 3 + 5 + 5;

/** Near the end of the bytes: is the header that begins at `at` complete? */
function fits(bytes: Uint8Array, at: number, to: number): boolean {
  const left = to - at;
  if (left < 2) return false;
  const id = bytes[at]!;
  if (id >= 252) return left >= headerLengthById[id - 252]!;
  const hasImage = (bytes[at + 1]! & 0x10) !== 0;
  return left >= (hasImage ? 9 : 4) && left >= blockHeaderLength(bytes, at);
}

const headerLengthById = [5, 3, 5, 2];

function blockHeaderLength(bytes: Uint8Array, at: number): number {
  const flags = bytes[at + 1]!;
  const relation = flags & 0x80 ? 0 : 12;
  if (!(flags & 0x10)) return 4 + relation + 4;
  const info = bytes[at + 8]!;
  const holeLength = info & 0x01 && info & 0x1c ? 2 : 0;
  return 4 + 5 + holeLength + relation + 4;
}

function blockDataLength(bytes: Uint8Array, at: number): number {
  const image = bytes[at + 1]! & 0x10 ? uint16(bytes, at + 4) : 0;
  return uint16(bytes, at + 2) + image;
}

const uint16 = (bytes: Uint8Array, at: number) => bytes[at]! | (bytes[at + 1]! << 8);

const uint32 = (bytes: Uint8Array, at: number) => (uint16(bytes, at) | (uint16(bytes, at + 2) << 16)) >>> 0;
