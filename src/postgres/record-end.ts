import { type Lsn, lsn } from '#model/lsn';
import { longHeaderBytes, shortHeaderBytes } from '#postgres/wal-page';

/**
 * Where a WAL record ends, as the server counts: at a multiple of eight, headers of the pages in between included. One that
 * fills its page ends with it, not behind the next page's header.
 * Source: XLogBytePosToEndRecPtr in https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/access/transam/xlog.c
 */
export function recordEnd(start: Lsn, lengthBytes: number, wal: { pageSize: number; segmentSize: number }): Lsn {
  let left = Math.ceil(lengthBytes / 8) * 8;
  let at = Number(start);
  for (;;) {
    const leftInPage = wal.pageSize - (at % wal.pageSize);
    if (left <= leftInPage) return lsn(BigInt(at + left));
    left -= leftInPage;
    at += leftInPage;
    at += at % wal.segmentSize === 0 ? longHeaderBytes : shortHeaderBytes;
  }
}
