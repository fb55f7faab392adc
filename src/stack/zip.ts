import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  name: string;
  content: Uint8Array;
}

/**
 * A zip archive in memory. The same entries are the same bytes, whenever and wherever: no times, no owners; everybody may read.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16
 */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content } of entries) {
    const packed = deflateRawSync(content, { level: 9 });
    const path = Buffer.from(name);
    const described = describe(content, packed, path);
    const local = Buffer.concat([number(0x04034b50, 4), described, path, packed]);
    locals.push(local);
    directory.push(Buffer.concat([number(0x02014b50, 4), madeByUnix, described, rest(offset), path]));
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  const end = [number(0x06054b50, 4), number(0, 4), number(entries.length, 2), number(entries.length, 2)];
  return Buffer.concat([...locals, listing, ...end, number(listing.length, 4), number(offset, 4), number(0, 2)]);
}

const madeByUnix = number(0x0314, 2);
/** names are UTF-8 */
const flags = number(0x0800, 2);
const deflated = number(8, 2);
/** midnight of January 1st, 1980: the first one that there is */
const time = Buffer.concat([number(0, 2), number(0x21, 2)]);
/** a file that all may read: Lambda runs it as somebody else */
const attributes = number(0o100644 * 0x10000, 4);

/** What an entry's own header and the directory say alike. */
function describe(content: Uint8Array, packed: Buffer, path: Buffer): Buffer {
  const sizes = [number(crc32(content), 4), number(packed.length, 4), number(content.length, 4)];
  return Buffer.concat([number(20, 2), flags, deflated, time, ...sizes, number(path.length, 2), number(0, 2)]);
}

/** No comment, first disk, no internal attributes. */
function rest(offset: number): Buffer {
  return Buffer.concat([number(0, 6), attributes, number(offset, 4)]);
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}
