import type { TarState } from '#pipeline/tar-reader';

/** What the index says of one part. */
export interface PartRecord {
  archive: string;
  /** number within the archive, from 0 */
  part: number;
  name: string;
  /** where in the archive's tar stream it begins, and how much of it it holds */
  rawOffset: number;
  rawBytes: number;
  storedBytes: number;
  /** of all stored bytes, hexadecimal */
  sha256: string;
  /** where in the tar format the part begins */
  start: TarState;
  /** [stored, raw] bytes of each frame; a frame's header is 24 bytes more */
  frames: [number, number][];
  /** [path, offset of its header in the archive, bytes] of what begins in this part; a folder's path ends in a slash */
  files: [string, number, number][];
}
