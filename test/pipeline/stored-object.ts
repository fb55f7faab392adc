import { randomBytes } from 'node:crypto';
import type { ContainerHeader } from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';
import { readContainer } from '#pipeline/read-container';
import { writeContainer } from '#pipeline/write-container';

export const key = 'orders/backups/x/base.tar.000000';
export const dataKey: DataKey = randomBytes(32);

export const headerOf = (how: DataKey | undefined, fields: object = {}): ContainerHeader => ({
  format: 'lifeboat/1',
  kind: 'part',
  cipher: how ? 'aes-256-gcm' : 'none',
  serial: 0,
  ...fields,
});

/** The stored bytes of a container. */
export async function store(
  content: readonly Buffer[],
  how: DataKey | undefined,
  fields: object = {},
): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(writeContainer(headerOf(how, fields), how, content, 3)));
}

/** As a store hands it out: in pieces of this many bytes. */
export async function* inPieces(bytes: Buffer, pieceBytes = bytes.length): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export interface Opened {
  bytes: Buffer;
  header: ContainerHeader;
  sha256: string | undefined;
  storedBytes: number;
}

/** All blocks of a stored object, as a restore reads it. */
export async function open(
  stored: Buffer | AsyncIterable<Uint8Array>,
  how: DataKey | undefined,
  pieceBytes?: number,
): Promise<Opened> {
  const body = Buffer.isBuffer(stored) ? inPieces(stored, pieceBytes) : stored;
  const read = await readContainer(body, { key, dataKey: () => how, digest: true });
  const blocks = await Array.fromAsync(read.blocks());
  const { bytes: storedBytes, sha256 } = read.stored();
  return { bytes: Buffer.concat(blocks), header: read.header, sha256, storedBytes };
}

/** Where each frame of a stored object lies, its header included. */
export function framesOf(stored: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 8 + stored.readUInt32LE(4); at < stored.length; ) {
    const length = 24 + stored.readUInt32LE(at + 8);
    frames.push(stored.subarray(at, at + length));
    at += length;
  }
  return frames;
}

export const headerBytesOf = (stored: Buffer): Buffer => stored.subarray(0, 8 + stored.readUInt32LE(4));
