import type { JournalRecord } from './journal-record.ts';

/** How many events of the history a record stands for. Causes name events by number, so this may never change. */
export function eventCount(record: JournalRecord): number {
  switch (record.type) {
    case 'scheduled':
      return 2;
    case 'stopping':
    case 'waiting':
    case 'ending':
      return 0;
    case 'failed':
      return record.as === 'silent' ? 0 : 1;
    default:
      return 1;
  }
}
