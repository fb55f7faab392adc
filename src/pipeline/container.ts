import { createHash } from 'node:crypto';
import { ObjectDamaged } from '#model/failure';

/**
 * The container: how every stored object but manifest.json and leases is laid out (docs/format.md).
 *
 *     header:  zstd skippable frame 0x184D2A5E: JSON that says what this object is
 *     frames:  zstd skippable frame 0x184D2A5F: stored length, raw length, number, flags (four u32, little-endian)
 *              then that many stored bytes: one zstd frame, or its AES-256-GCM ciphertext and 16-byte tag
 *     the last frame has flag 1; an object without it was cut off
 *
 * zstd tools pass over skippable frames, so an unencrypted object is read by `zstd -d`.
 * Source for skippable frames: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2
 */
export const headerMagic = 0x184d2a5e;
export const frameMagic = 0x184d2a5f;
export const skippablePrefixBytes = 8;
export const frameHeaderBytes = skippablePrefixBytes + 16;
export const tagBytes = 16;
export const lastFrameFlag = 1;

/** Blocks are at most this long before compression; a longer claim is damage, not a request for memory. */
export const maxBlockBytes = 4 << 20;
/** What we write: smaller ones cost ratio, larger ones memory. */
export const blockBytes = 1 << 20;
export const maxHeaderBytes = 64 << 10;
/** zstd may grow what it cannot compress, by less than this. */
export const maxStoredBytes = maxBlockBytes + (maxBlockBytes >> 7) + 4096 + tagBytes;

const ciphers = ['none', 'aes-256-gcm'] as const;
export type Cipher = (typeof ciphers)[number];

/** What every header says; each kind of object adds its own fields, all of them bound into the encryption. */
export interface ContainerHeader {
  format: 'lifeboat/1';
  kind: string;
  cipher: Cipher;
  /** number of this object among those encrypted with the same data key: the first half of the nonce */
  serial: number;
}

export interface FrameHeader {
  storedBytes: number;
  rawBytes: number;
  number: number;
  last: boolean;
}

export function encodeHeader(header: ContainerHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(skippablePrefixBytes);
  prefix.writeUInt32LE(headerMagic, 0);
  prefix.writeUInt32LE(json.length, 4);
  return Buffer.concat([prefix, json]);
}

/** The length of the header's JSON, from an object's first eight bytes. */
export function headerLength(prefix: Buffer, key: string): number {
  const length = prefix.readUInt32LE(4);
  if (prefix.readUInt32LE(0) !== headerMagic || length > maxHeaderBytes) {
    throw damaged(key, 'does not begin with a container header');
  }
  return length;
}

export function decodeHeader<H extends ContainerHeader>(json: Buffer, key: string): H {
  try {
    const header = JSON.parse(json.toString('utf8')) as H;
    if (header.format !== 'lifeboat/1') throw damaged(key, `has format "${header.format}", expected "lifeboat/1"`);
    const { kind, cipher, serial } = header;
    const known = typeof kind === 'string' && ciphers.includes(cipher) && serial >>> 0 === serial;
    if (!known) throw damaged(key, 'has a header without a kind, a known cipher and a serial');
    return header;
  } catch (cause) {
    if (cause instanceof ObjectDamaged) throw cause;
    throw damaged(key, 'has a header that is not JSON');
  }
}

export function encodeFrameHeader(frame: FrameHeader): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes);
  bytes.writeUInt32LE(frameMagic, 0);
  bytes.writeUInt32LE(16, 4);
  bytes.writeUInt32LE(frame.storedBytes, 8);
  bytes.writeUInt32LE(frame.rawBytes, 12);
  bytes.writeUInt32LE(frame.number, 16);
  bytes.writeUInt32LE(frame.last ? lastFrameFlag : 0, 20);
  return bytes;
}

export function decodeFrameHeader(bytes: Buffer, key: string, expectedNumber: number): FrameHeader {
  if (bytes.readUInt32LE(0) !== frameMagic || bytes.readUInt32LE(4) !== 16) {
    throw damaged(key, `has no frame header where frame ${expectedNumber} should begin`);
  }
  const flags = bytes.readUInt32LE(20);
  const frame: FrameHeader = {
    storedBytes: bytes.readUInt32LE(8),
    rawBytes: bytes.readUInt32LE(12),
    number: bytes.readUInt32LE(16),
    last: flags === lastFrameFlag,
  };
  if (flags > lastFrameFlag) throw damaged(key, `has unknown flags ${flags} in frame ${expectedNumber}`);
  if (frame.number !== expectedNumber) throw damaged(key, `has frame ${frame.number} in place of ${expectedNumber}`);
  if (frame.rawBytes > maxBlockBytes || frame.storedBytes > maxStoredBytes) {
    throw damaged(key, `claims ${frame.storedBytes} stored and ${frame.rawBytes} raw bytes in frame ${frame.number}`);
  }
  return frame;
}

/** Bound into each encrypted frame, so that none can be moved to another object, another place, or be dropped. */
export function additionalData(headerJson: Uint8Array, frameHeader: Buffer): Buffer {
  const digest = createHash('sha256').update(headerJson).digest();
  return Buffer.concat([digest, frameHeader.subarray(skippablePrefixBytes)]);
}

/** 12 bytes, never the same twice under one data key: the object's serial and the frame's number. */
export function frameNonce(serial: number, number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(serial, 0);
  nonce.writeBigUInt64BE(BigInt(number), 4);
  return nonce;
}

export function damaged(key: string, what: string, cause?: unknown): ObjectDamaged {
  return new ObjectDamaged(`${key} ${what}`, {
    operation: 'read object',
    subject: key,
    hint: 'the stored object was truncated, changed or replaced: run `lifeboat verify` and restore from another backup',
    cause,
  });
}
