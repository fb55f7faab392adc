/** One member's header as PostgreSQL writes it (tarCreateHeader in src/port/tar.c). */
export interface TarMember {
  path: string;
  type?: '0' | '5' | '2' | '1' | 'L' | 'x' | '\0';
  mode?: number;
  target?: string;
  content?: Buffer;
  /** claimed instead of the content's */
  size?: bigint;
}

export function tarHeader({ path, type = '0', mode = 0o600, target = '', content, size }: TarMember): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0, 100);
  header.write(octal(mode, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  writeSize(header, size ?? BigInt(content?.length ?? 0));
  header.write(octal(0, 11), 136);
  header.write(type, 156);
  header.write(target, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  return withChecksum(header);
}

export function withChecksum(header: Buffer): Buffer {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return header;
}

/** The members, and the two blocks of zeros at the end. */
export function tarArchive(members: readonly TarMember[]): Buffer {
  const pieces = members.flatMap((member) => {
    const content = member.content ?? Buffer.alloc(0);
    return [tarHeader(member), content, Buffer.alloc(-content.length & 511)];
  });
  return Buffer.concat([...pieces, Buffer.alloc(1024)]);
}

function writeSize(header: Buffer, size: bigint): void {
  if (size < 8n ** 11n) {
    header.write(octal(Number(size), 11), 124);
    return;
  }
  header[124] = 0x80;
  header.writeBigUInt64BE(size, 128);
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
