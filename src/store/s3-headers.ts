import { crc32 } from 'node:zlib';
import type { PutOptions } from './object-store.ts';

/** The condition of a put as S3 takes it. */
export function conditionHeaders(condition: PutOptions['condition']): { IfNoneMatch?: string; IfMatch?: string } {
  if (condition === undefined) return {};
  return condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
}

/** A CRC-32 as S3 takes it: four bytes, big-endian, in base64. */
export function crc32Of(bytes: Uint8Array): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(bytes));
  return checksum.toString('base64');
}
