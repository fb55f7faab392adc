import { open } from 'node:fs/promises';
import type { HistoryEvent } from './history-writer.ts';
import { readRecords } from './journal.ts';
import { ToldExecution } from './told-execution.ts';

/**
 * The history of an execution from its journal, oldest event first; also while it runs. None where there is no journal
 * yet.
 * @throws JournalDamaged
 */
export async function executionHistory(journalFile: string): Promise<HistoryEvent[]> {
  return (await new ExecutionHistory(journalFile).read()).events;
}

/** What a journal tells, however often it is asked: only what was written since is read again. */
export class ExecutionHistory {
  readonly #journalFile: string;
  #told = new ToldExecution();
  #readBytes = 0;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(journalFile: string) {
    this.#journalFile = journalFile;
  }

  /** @throws JournalDamaged */
  read(): Promise<ToldExecution> {
    const reading = this.#reading.then(() => this.#read());
    this.#reading = reading.catch(() => undefined); // whoever asked is told
    return reading;
  }

  async #read(): Promise<ToldExecution> {
    try {
      const bytes = await bytesFrom(this.#journalFile, this.#readBytes);
      const { records, goodBytes } = readRecords(bytes, this.#journalFile);
      this.#readBytes += goodBytes;
      for (const record of records) this.#told.take(record);
      return this.#told;
    } catch (failure) {
      // what is damaged is told by its place in the whole file
      const partly = this.#readBytes > 0;
      this.#told = new ToldExecution();
      this.#readBytes = 0;
      if (partly) return this.#read();
      throw failure;
    }
  }
}

async function bytesFrom(path: string, start: number): Promise<Buffer> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - start)), 0, null, start);
    return buffer.subarray(0, bytesRead);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw failure;
  }
}
