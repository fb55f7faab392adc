import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { constants, zstdDecompressSync } from 'node:zlib';
import {
  additionalData,
  type ContainerHeader,
  damaged,
  decodeFrameHeader,
  encodeFrameHeader,
  encodeHeader,
  type FrameHeader,
  frameNonce,
  skippablePrefixBytes,
  tagBytes,
} from '#pipeline/container';
import type { DataKey } from '#pipeline/data-key';

/** Turns the zstd frames of one object into stored frames, in order. */
export class FrameSealer {
  /** the object's first bytes */
  readonly header: Buffer;
  readonly #serial: number;
  readonly #key: DataKey | undefined;
  #next = 0;

  constructor(header: ContainerHeader, key: DataKey | undefined) {
    if ((header.cipher !== 'none') !== (key !== undefined))
      throw new Error('a key is needed for a cipher, and only then');
    this.header = encodeHeader(header);
    this.#serial = header.serial;
    this.#key = key;
  }

  /** The stored form of one zstd frame given in pieces: frame header, then its bytes (encrypted where there is a key). */
  seal(pieces: readonly Buffer[], rawBytes: number, last: boolean): Buffer[] {
    const compressedBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const storedBytes = compressedBytes + (this.#key ? tagBytes : 0);
    const number = this.#next++;
    const frameHeader = encodeFrameHeader({ storedBytes, rawBytes, number, last });
    if (!this.#key) return [frameHeader, ...pieces];
    const cipher = createCipheriv('aes-256-gcm', this.#key, frameNonce(this.#serial, number));
    cipher.setAAD(additionalData(this.header.subarray(skippablePrefixBytes), frameHeader));
    const sealed = pieces.map((piece) => cipher.update(piece));
    sealed.push(cipher.final(), cipher.getAuthTag());
    return [frameHeader, ...sealed];
  }
}

/** The mirror of FrameSealer: checks and opens the frames of one object, in order. */
export class FrameOpener {
  readonly #key: string;
  readonly #headerJson: Buffer;
  readonly #serial: number;
  readonly #dataKey: DataKey | undefined;
  #next = 0;

  /** `key`: the object's key in the bucket, for messages. */
  constructor(key: string, headerJson: Buffer, header: ContainerHeader, dataKey: DataKey | undefined) {
    this.#key = key;
    this.#headerJson = headerJson;
    this.#serial = header.serial;
    this.#dataKey = header.cipher === 'none' ? undefined : dataKey;
    if (header.cipher !== 'none' && !dataKey) throw damaged(key, 'is encrypted, but its backup names no key');
    if (header.cipher === 'none' && dataKey) throw damaged(key, 'is not encrypted, but its backup is');
  }

  readFrameHeader(bytes: Buffer): FrameHeader {
    return decodeFrameHeader(bytes, this.#key, this.#next++);
  }

  /** Answers the block. @throws ObjectDamaged unless tag, zstd checksum and length all agree. */
  open(frame: FrameHeader, frameHeaderBytes: Buffer, stored: Buffer): Buffer {
    const compressed = this.#dataKey ? this.#decrypt(this.#dataKey, frame, frameHeaderBytes, stored) : stored;
    return decompressFrame(this.#key, compressed, frame);
  }

  #decrypt(dataKey: DataKey, frame: FrameHeader, frameHeader: Buffer, stored: Buffer): Buffer {
    if (stored.length < tagBytes) throw damaged(this.#key, `has an encrypted frame ${frame.number} without a tag`);
    const decipher = createDecipheriv('aes-256-gcm', dataKey, frameNonce(this.#serial, frame.number), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(additionalData(this.#headerJson, frameHeader));
    decipher.setAuthTag(stored.subarray(stored.length - tagBytes));
    try {
      const compressed = decipher.update(stored.subarray(0, stored.length - tagBytes));
      decipher.final();
      return compressed;
    } catch (cause) {
      throw damaged(this.#key, `has a frame ${frame.number} whose authentication tag does not match`, cause);
    }
  }
}

/** One frame per call: Node's decoder drops what follows the first frame without a word (nodejs/node#64741). */
function decompressFrame(key: string, compressed: Buffer, frame: FrameHeader): Buffer {
  let block: Buffer;
  try {
    block = zstdDecompressSync(compressed, {
      chunkSize: frame.rawBytes + 64,
      maxOutputLength: frame.rawBytes + 64,
      params: { [constants.ZSTD_d_windowLogMax]: 27 },
    });
  } catch (cause) {
    throw damaged(key, `has a frame ${frame.number} that zstd cannot read`, cause);
  }
  if (block.length !== frame.rawBytes) {
    throw damaged(key, `has ${block.length} bytes in frame ${frame.number}, expected ${frame.rawBytes}`);
  }
  return block;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
