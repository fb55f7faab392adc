import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable } from '#model/failure';
import { directoryFailure, isNotThere, onDisk } from './directory-failure.ts';
import { tryLock } from './try-lock.ts';

/**
 * Mutual exclusion between all processes that write into one directory.
 *
 * The lock is the kernel's lock on a file, so it ends with its holder, also by kill -9, and there is no dead lock to
 * take over; a holder that is only stopped keeps it. Node has no call for such locks, but SQLite takes exactly them
 * (https://www.sqlite.org/lockingv3.html): an exclusive transaction on an empty database, in which nothing is written.
 *
 * Within this process, whoever comes first is served first. Nothing else may open the file here: closing any
 * descriptor of it would end the kernel's lock (fcntl(2)).
 */
export class DirectoryLock {
  readonly #path: string;
  readonly #patienceMs: number;
  #last: Promise<unknown> = Promise.resolve();
  #file: { database: DatabaseSync; inode: bigint } | undefined;

  constructor(path: string, options: { patienceMs?: number } = {}) {
    this.#path = path;
    this.#patienceMs = options.patienceMs ?? 30_000;
  }

  /** Run `act` while nobody else holds the lock. @throws StoreUnavailable when it stays taken for too long. */
  hold<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      const database = await this.#acquire();
      try {
        return await act();
      } finally {
        database.exec('ROLLBACK');
      }
    });
    // the next in line waits for the end of this one, and not for its success
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #acquire(): Promise<DatabaseSync> {
    const giveUpAt = Date.now() + this.#patienceMs;
    for (;;) {
      if (!(await this.#isCurrent())) await this.#reopen();
      const database = this.#file!.database;
      if (begin(database, this.#path)) {
        // once more, for a file that was replaced while it was waited for excludes nobody
        if (await this.#isCurrent()) return database;
        continue;
      }
      if (Date.now() > giveUpAt) {
        throw new StoreUnavailable(`lock ${this.#path}: held by another process for ${this.#patienceMs / 1000} s`, {
          operation: 'lock',
          subject: this.#path,
          hint: `see who holds it: fuser ${this.#path}`,
        });
      }
      await sleep(1 + Math.random() * 10);
    }
  }

  /** Is the open file still the one at the path, and not one that was removed or replaced with the whole bucket? */
  async #isCurrent(): Promise<boolean> {
    return this.#file !== undefined && (await this.#inode()) === this.#file.inode;
  }

  async #reopen(): Promise<void> {
    this.#file?.database.close();
    this.#file = undefined;
    this.#file = await this.#open();
  }

  async #open(): Promise<{ database: DatabaseSync; inode: bigint }> {
    // SQLite says only that it cannot open; the operating system says why
    await onDisk('lock', this.#path, () => access(dirname(this.#path), constants.W_OK));
    const database = openDatabase(this.#path);
    const inode = await this.#inode();
    if (inode !== undefined) return { database, inode };
    database.close();
    throw new StoreUnavailable(`lock ${this.#path}: it was removed while it was opened`, {
      operation: 'lock',
      subject: this.#path,
    });
  }

  async #inode(): Promise<bigint | undefined> {
    try {
      return (await stat(this.#path, { bigint: true })).ino;
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw directoryFailure('lock', this.#path, error);
    }
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw directoryFailure('lock', path, error);
  }
}

/** Whether the lock was free; a lock that cannot be asked for is a failure. */
function begin(database: DatabaseSync, path: string): boolean {
  try {
    return tryLock(database);
  } catch (error) {
    throw directoryFailure('lock', path, error);
  }
}
