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
    case 'opened':
    case 'succeeded':
      return record.distributed ? 2 : 1;
    case 'iteration':
    case 'aborted':
      return record.untold ? 0 : 1;
    case 'failed':
      return (record.as === 'silent' ? 0 : 1) + (record.ends ? 1 : 0);
    default:
      return 1;
  }
}

/** Whose events a record's are: '' for the execution's own, else the path of a child execution. */
export function historyOf(record: JournalRecord): string {
  return 'key' in record ? record.key.slice(0, record.key.lastIndexOf('}') + 1) : '';
}

/** The number of the first event that is not the start of the execution, which for a child is in no record. */
export const firstEvent = (history: string): number => (history === '' ? 1 : 2);
