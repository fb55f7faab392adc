import { closeSync, fsyncSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Lsn, lsn } from '#model/lsn';
import type { Timeline } from '#model/timeline';
import { isSegmentName, parseSegmentName, segmentAt, segmentStart } from '#model/wal-segment';
import { longHeaderBytes, readPageHeader } from '#postgres/wal-page';
import { syncFolder } from './durably.ts';

export interface LeftTimeline {
  dataDir: string;
  /** where the primary left it */
  at: Lsn;
  timeline: Timeline;
  segmentSize: number;
}

const pageBytes = 8192;

/**
 * The end of the segments with WAL that a standby received beyond the fork; undefined: there is none. It would replay it, since
 * PostgreSQL reads what lies in pg_wal before it asks its primary, and never follow after that.
 */
export function receivedBeyond(left: LeftTimeline): Lsn | undefined {
  const last = beyond(left).findLast((one) => hasBeyond(left, one));
  return last && lsn(last.start + BigInt(left.segmentSize));
}

/** End this server's WAL at the fork, as that of the primary's timeline begins there. What is beyond has to be kept before. */
export function takeBackReceived(left: LeftTimeline): void {
  for (const { path, start } of beyond(left).reverse()) {
    if (start >= left.at) rmSync(path, { force: true });
    else zeroFrom(path, Number(left.at - start), left.segmentSize);
  }
  syncFolder(join(left.dataDir, 'pg_wal'));
}

interface Segment {
  path: string;
  start: Lsn;
}

function beyond({ dataDir, at, timeline, segmentSize }: LeftTimeline): Segment[] {
  const folder = join(dataDir, 'pg_wal');
  const first = segmentAt(timeline, at, segmentSize).number;
  return readdirSync(folder)
    .filter(isSegmentName)
    .sort()
    .flatMap((name) => {
      const segment = parseSegmentName(name, segmentSize);
      const isBeyond = segment.timeline === timeline && segment.number >= first;
      return isBeyond ? [{ path: join(folder, name), start: segmentStart(segment, segmentSize) }] : [];
    });
}

/** An old segment that waits under the name of one to come has the addresses of where it was. */
function hasBeyond({ at, timeline }: LeftTimeline, { path, start }: Segment): boolean {
  const isPage = (address: bigint): boolean => {
    const header = readPageHeader(bytesAt(path, Number(address - start), longHeaderBytes));
    return !('problem' in header) && header.timeline === timeline && header.address === address;
  };
  if (start >= at) return isPage(start);
  const nextPage = (at / BigInt(pageBytes) + 1n) * BigInt(pageBytes);
  const tail = bytesAt(path, Number(at - start), Number(nextPage - at));
  return tail.some((byte) => byte !== 0) || isPage(nextPage);
}

function bytesAt(path: string, offset: number, length: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
  } finally {
    closeSync(file);
  }
}

function zeroFrom(path: string, offset: number, end: number): void {
  const file = openSync(path, 'r+');
  try {
    const zeros = Buffer.alloc(1 << 20);
    for (let at = offset; at < end; at += zeros.length) writeSync(file, zeros, 0, Math.min(zeros.length, end - at), at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
