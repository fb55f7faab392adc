import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { Failure } from '#model/failure';
import { eventCount, firstEvent, historyOf } from './event-count.ts';
import type { JournalRecord } from './journal-record.ts';
import { JournalState } from './journal-state.ts';

/** The journal cannot be written: the execution stands still until it is resumed. */
export class JournalUnwritable extends Failure {
  readonly verdict = 'operator';
}

/** The journal was changed by somebody else than us. */
export class JournalDamaged extends Failure {
  readonly verdict = 'operator';
}

/**
 * An execution's records, one JSON object a line, only ever appended. Each ends with the CRC-32 of its text, so that
 * what a crash left half written is known and cut off. What is appended counts at once in `state`; it is on the disk
 * when `durable` says so, which one flush says to all that wait for it.
 */
export class Journal {
  readonly state = new JournalState();
  readonly records: readonly JournalRecord[];
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #onBroken: (failure: JournalUnwritable) => void;
  readonly #nextEvents = new Map<string, number>();
  #lines: string[] = [];
  #waiting: { resolve(): void; reject(failure: unknown): void }[] = [];
  #pump: Promise<void> | undefined;
  #broken: JournalUnwritable | undefined;
  #closed = false;

  private constructor(
    path: string,
    file: FileHandle,
    records: readonly JournalRecord[],
    onBroken: (failure: JournalUnwritable) => void,
  ) {
    this.#path = path;
    this.#onBroken = onBroken;
    this.#file = file;
    this.records = records;
    for (const record of records) this.#apply(record);
  }

  /** Made where there is none. `onBroken` is called when it can no longer be written. @throws JournalDamaged; JournalUnwritable */
  static async open(path: string, onBroken: (failure: JournalUnwritable) => void): Promise<Journal> {
    try {
      const file = await open(path, 'a+', 0o600);
      try {
        const bytes = await file.readFile();
        const { records, goodBytes } = readRecords(bytes, path);
        if (goodBytes < bytes.length) await file.truncate(goodBytes);
        await file.sync();
        if (records.length === 0) await syncFolder(dirname(path));
        return new Journal(path, file, records, onBroken);
      } catch (failure) {
        await file.close();
        throw failure;
      }
    } catch (failure) {
      throw failure instanceof Failure ? failure : unwritable(path, failure);
    }
  }

  /** The id of the record's first event in the history. @throws JournalUnwritable when an earlier one was not written */
  append(record: JournalRecord): number {
    if (this.#broken) throw this.#broken;
    if (this.#closed) throw unwritable(this.#path, new Error('it is closed'));
    this.#lines.push(printRecord(record));
    this.#pump ??= this.#write();
    return this.#apply(record);
  }

  /** @throws JournalUnwritable */
  durable(): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#pump ??= this.#write();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pump;
    await this.#file.close();
  }

  #apply(record: JournalRecord): number {
    const history = historyOf(record);
    const event = this.#nextEvents.get(history) ?? firstEvent(history);
    this.#nextEvents.set(history, event + eventCount(record));
    this.state.apply(record, event);
    return event;
  }

  /** Never rejects: those who wait are told, and `#broken` remembers. */
  async #write(): Promise<void> {
    try {
      // all that is appended in this turn goes together
      await new Promise(setImmediate);
      while (this.#lines.length > 0 || this.#waiting.length > 0) {
        const [text, waiting] = [this.#lines.join(''), this.#waiting];
        this.#lines = [];
        this.#waiting = [];
        try {
          await this.#file.appendFile(text);
          if (waiting.length > 0) await this.#file.datasync();
        } catch (failure) {
          this.#waiting.push(...waiting);
          throw failure;
        }
        for (const { resolve } of waiting) resolve();
      }
    } catch (failure) {
      this.#broken = unwritable(this.#path, failure);
      for (const { reject } of this.#waiting.splice(0)) reject(this.#broken);
      this.#onBroken(this.#broken);
    } finally {
      this.#pump = undefined;
    }
  }
}

/** Its records, without what the last write left unfinished. @throws JournalDamaged */
export function readRecords(bytes: Buffer, path: string): { records: JournalRecord[]; goodBytes: number } {
  const records: JournalRecord[] = [];
  let start = 0;
  let end = bytes.indexOf(10);
  while (end !== -1) {
    const record = parseRecord(bytes.toString('utf8', start, end));
    const next = bytes.indexOf(10, end + 1);
    if (!record && next !== -1) throw damaged(path, records.length + 1);
    if (!record) break;
    records.push(record);
    start = end + 1;
    end = next;
  }
  return { records, goodBytes: start };
}

const crcPattern = /,"crc":"([0-9a-f]{8})"\}$/;

export function printRecord(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${text.slice(0, -1)},"crc":"${checksum(text)}"}\n`;
}

function parseRecord(line: string): JournalRecord | undefined {
  const found = crcPattern.exec(line);
  if (!found) return undefined;
  const text = `${line.slice(0, found.index)}}`;
  return checksum(text) === found[1] ? JSON.parse(text) : undefined;
}

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const unwritable = (path: string, cause: unknown): JournalUnwritable =>
  new JournalUnwritable(`${path} cannot be written: ${(cause as Error).message}`, {
    operation: 'write journal',
    subject: path,
    hint: 'make room or give the right, then start lifeboat again: the execution goes on from what was written',
    cause,
  });

const damaged = (path: string, line: number): JournalDamaged =>
  new JournalDamaged(`${path}: line ${line} is not what was written, and records follow it`, {
    operation: 'read journal',
    subject: path,
    hint: 'the execution cannot be resumed: see what it has done in the lines before, and start it anew',
  });
