import { WalBroken } from '#model/failure';
import { formatLsn, type Lsn, lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { isSegmentSize, segmentName, segmentStart, type WalSegment } from '#model/wal-segment';

/**
 * The header of a WAL page (8 KiB unless PostgreSQL was built otherwise), little-endian:
 *
 *     0 magic u16 · 2 flags u16 · 4 timeline u32 · 8 address u64 · 16 bytes left of a record begun on a page before u32
 *     24 system identifier u64 · 32 segment size u32 · 36 page size u32        (long: a segment's first page)
 *
 * Flags: 1 continues a record · 2 long · 4 full-page images may be dropped · 8 overwrites a record that was cut.
 *
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/xlog_internal.h
 */
export interface WalPageHeader {
  /** 15 to 18, by the magic number */
  majorVersion: number;
  timeline: Timeline;
  address: Lsn;
  /** the page begins with the rest of a record, of `remainingBytes` on this and later pages */
  continues: boolean;
  /** that rest was never written: the record begun before is void (a crash cut it) */
  overwrites: boolean;
  remainingBytes: number;
  headerBytes: 24 | 40;
  /** only on a segment's first page */
  segment: WalSegmentHeader | undefined;
}

export interface WalSegmentHeader {
  /** a string: it does not fit a JSON number */
  systemIdentifier: string;
  segmentSizeBytes: number;
  pageSizeBytes: number;
}

export const shortHeaderBytes = 24;
export const longHeaderBytes = 40;

/** `problem`: why these bytes are no WAL page of PostgreSQL 15 to 18. Looks at the first 40 bytes. */
export function readPageHeader(page: Buffer): WalPageHeader | { problem: string } {
  if (page.length < shortHeaderBytes) return { problem: `truncated: ${page.length} bytes of a page header of 24` };
  const magic = page.readUInt16LE(0);
  const majorVersion = majorVersions.get(magic);
  if (majorVersion === undefined) return { problem: noWal(page, magic) };
  const flags = page.readUInt16LE(2);
  if (flags & ~0x0f) return { problem: `unknown page flags ${flags.toString(16)}` };
  const long = (flags & 2) !== 0;
  if (long && page.length < longHeaderBytes) {
    return { problem: `truncated: ${page.length} bytes of a segment header of 40` };
  }
  return {
    majorVersion,
    timeline: page.readUInt32LE(4),
    address: lsn(page.readBigUInt64LE(8)),
    continues: (flags & 1) !== 0,
    overwrites: (flags & 8) !== 0,
    remainingBytes: page.readUInt32LE(16),
    headerBytes: long ? longHeaderBytes : shortHeaderBytes,
    segment: long ? segmentHeader(page) : undefined,
  };
}

const majorVersions = new Map([
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
]);

function noWal(page: Buffer, magic: number): string {
  if (page.subarray(0, shortHeaderBytes).every((byte) => byte === 0)) return 'zeros: nothing was written here';
  return `magic number ${magic.toString(16).padStart(4, '0')}: not WAL of PostgreSQL 15, 16, 17 or 18`;
}

const segmentHeader = (page: Buffer): WalSegmentHeader => ({
  systemIdentifier: page.readBigUInt64LE(24).toString(),
  segmentSizeBytes: page.readUInt32LE(32),
  pageSizeBytes: page.readUInt32LE(36),
});

/** What a segment file has to be; what is left out is not compared. */
export interface ExpectedSegment {
  name?: WalSegment;
  systemId?: string;
  segmentSize?: number;
}

/**
 * Is this the beginning of the segment it is said to be? Catches segments of other clusters, recycled ones (their
 * name is ahead of their content), misnamed, empty and truncated ones. Needs the first 40 bytes.
 * @throws WalBroken naming what was expected and found
 */
export function checkSegmentHeader(
  head: Buffer,
  expect: ExpectedSegment,
): WalPageHeader & { segment: WalSegmentHeader } {
  const header = readPageHeader(head);
  const refuse = (problem: string, hint?: string) => broken(expect, problem, hint);
  if ('problem' in header) throw refuse(header.problem);
  const { segment } = header;
  if (!segment) throw refuse(`begins with page ${formatLsn(header.address)}, which is not the first of a segment`);
  if (expect.systemId !== undefined && segment.systemIdentifier !== expect.systemId) {
    throw refuse(`belongs to system ${segment.systemIdentifier}: expected ${expect.systemId}`, foreignHint);
  }
  const size = segment.segmentSizeBytes;
  if (!isSegmentSize(size)) throw refuse(`segment size is ${size}: expected a power of two from 1 MiB to 1 GiB`);
  if (expect.segmentSize !== undefined && size !== expect.segmentSize) {
    throw refuse(`segment size is ${size}: expected ${expect.segmentSize}`, foreignHint);
  }
  if (expect.name) checkName(header, expect.name, size, refuse);
  return { ...header, segment };
}

const foreignHint = 'this WAL was written by another cluster: give each cluster a source of its own';

type Refuse = (problem: string, hint?: string) => WalBroken;

/** The page's timeline may be older than the name's: after a promotion the segment begins with copied WAL. */
function checkName(header: WalPageHeader, name: WalSegment, size: number, refuse: Refuse): void {
  const expected = segmentStart(name, size);
  if (header.address !== expected) {
    throw refuse(
      `begins at ${formatLsn(header.address)}: expected ${formatLsn(expected)}`,
      'it was recycled before it was written again, or renamed: take the segment from the server or its archive again',
    );
  }
  if (header.timeline === 0 || header.timeline > name.timeline) {
    throw refuse(`is of timeline ${header.timeline}: expected ${name.timeline} or an older one`);
  }
}

function broken(expect: ExpectedSegment, problem: string, hint: string | undefined): WalBroken {
  const subject = expect.name
    ? `wal segment ${segmentName(expect.name, expect.segmentSize ?? defaultSegmentSize)}`
    : 'wal segment';
  return new WalBroken(`${subject} ${problem}`, {
    operation: 'check wal segment',
    subject,
    ...(hint === undefined ? {} : { hint }),
  });
}

const defaultSegmentSize = 16 << 20;
