import type { DatabaseSync } from 'node:sqlite';

/**
 * Take the kernel's lock on a file by way of SQLite (https://www.sqlite.org/lockingv3.html): an exclusive transaction,
 * in which nothing is written. False when another process has it. @throws SQLite's error when it cannot be asked for
 */
export function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

const sqliteBusy = 5;

/** The low byte is the kind, the rest tells how it came about: https://www.sqlite.org/rescode.html */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === sqliteBusy;
