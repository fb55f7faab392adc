import { InputInvalid } from '#model/failure';
import { type Lsn, lsn } from '#model/lsn';
import { formatTimeline, type Timeline } from '#model/timeline';

/** A WAL segment: file `<timeline><log><segment>` of `segmentSize` bytes (a power of two, 1 MiB to 1 GiB). */
export interface WalSegment {
  timeline: Timeline;
  /** number of the segment since the beginning: position / segment size */
  number: bigint;
}

export const segmentAt = (timeline: Timeline, position: Lsn, segmentSize: number): WalSegment => ({
  timeline,
  number: position / BigInt(segmentSize),
});

export const segmentStart = (segment: WalSegment, segmentSize: number): Lsn =>
  lsn(segment.number * BigInt(segmentSize));

export const segmentEnd = (segment: WalSegment, segmentSize: number): Lsn =>
  lsn((segment.number + 1n) * BigInt(segmentSize));

export const nextSegment = (segment: WalSegment): WalSegment => ({ ...segment, number: segment.number + 1n });

/** The 24 hexadecimal digits that PostgreSQL names the file with. */
export function segmentName(segment: WalSegment, segmentSize: number): string {
  const perLog = 0x1_0000_0000n / BigInt(segmentSize);
  const hex = (part: bigint) => part.toString(16).toUpperCase().padStart(8, '0');
  return formatTimeline(segment.timeline) + hex(segment.number / perLog) + hex(segment.number % perLog);
}

export const isSegmentName = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

/** @throws InputInvalid for anything but 24 upper-case hexadecimal digits that exist at this segment size. */
export function parseSegmentName(name: string, segmentSize: number): WalSegment {
  if (!isSegmentName(name)) throw new InputInvalid('wal segment', name, '24 upper-case hexadecimal digits');
  const perLog = 0x1_0000_0000n / BigInt(segmentSize);
  const within = BigInt(`0x${name.slice(16)}`);
  if (within >= perLog) {
    throw new InputInvalid('wal segment', name, `a name that exists at a segment size of ${segmentSize} bytes`);
  }
  return {
    timeline: Number.parseInt(name.slice(0, 8), 16),
    number: BigInt(`0x${name.slice(8, 16)}`) * perLog + within,
  };
}

/** Largest segment size PostgreSQL allows; from xlog_internal.h (WalSegMinSize, WalSegMaxSize). */
export function isSegmentSize(bytes: number): boolean {
  return bytes >= 1 << 20 && bytes <= 1 << 30 && (bytes & (bytes - 1)) === 0;
}
