import { readFile } from 'node:fs/promises';
import { type HistoryEvent, HistoryWriter } from './history-writer.ts';
import { readRecords } from './journal.ts';

/**
 * The history of an execution from its journal, oldest event first; also while it runs. None where there is no journal
 * yet.
 * @throws JournalDamaged
 */
export async function executionHistory(journalFile: string): Promise<HistoryEvent[]> {
  const writer = new HistoryWriter();
  const { records } = readRecords(await readIfThere(journalFile), journalFile);
  return records.flatMap((record) => writer.take(record));
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw failure;
  }
}
