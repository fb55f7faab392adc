import type { WalRecord } from '#postgres/wal-record';

/**
 * Whose end COMMIT PREPARED or ROLLBACK PREPARED wrote: not the record's own transaction. It stands behind lists of
 * unknown length, each a count u32 and its items:
 *
 *     0 time i64 · 8 what follows u32 (if info & 0x80): 0x001 database and tablespace 8 bytes · 0x002 subtransactions
 *     of 4 bytes · 0x004 relations of 12 · 0x100 dropped statistics of 12, from 18 on of 16 · 0x008 invalidations of 16
 *     (commit only) · 0x010 the transaction u32
 *
 * 0: `data`, the beginning of the record's main data, does not reach that far.
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/xact.h
 */
export function preparedXid(record: WalRecord, data: Buffer): number {
  const flags = record.info & 0x80 && data.length >= 12 ? data.readUInt32LE(8) : 0;
  if (!(flags & hasTwoPhase)) return 0;
  let at = 12 + (flags & 0x001 ? 8 : 0);
  for (const list of lists(record.majorVersion)) {
    if (!(flags & list.flag)) continue;
    if (at + 4 > data.length) return 0;
    at += 4 + data.readUInt32LE(at) * list.itemBytes;
  }
  return at + 4 <= data.length ? data.readUInt32LE(at) : 0;
}

const hasTwoPhase = 0x010;

const lists = (majorVersion: number) => (majorVersion < 18 ? listsTo17 : listsFrom18);

const listsTo17 = listsWith(12);
const listsFrom18 = listsWith(16);

function listsWith(statisticsBytes: number) {
  return [
    { flag: 0x002, itemBytes: 4 },
    { flag: 0x004, itemBytes: 12 },
    { flag: 0x100, itemBytes: statisticsBytes },
    { flag: 0x008, itemBytes: 16 },
  ];
}
