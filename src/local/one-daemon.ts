import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AlreadyRunning, InputInvalid } from '#model/failure';
import { identify } from '#runtime/process-identity';
import { thisProcess } from '#runtime/this-process';
import { tryLock } from '#store/try-lock';
import { readJson, replaceFile } from './durable-file.ts';

export interface OneDaemon {
  /** Whether the directory is still the one that was taken, and not one that was put in its place. */
  holds(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Be the only daemon of a state directory.
 *
 * What decides is the kernel's lock on `<directory>/lock`, which SQLite takes for us (as in #store/directory-lock): it
 * ends with its holder, also by kill -9, so nothing stale is ever in the way. It belongs to the file and not to a path
 * or a name, so two paths to one directory are one, a copy of it is another, and containers that share it exclude each
 * other, which have no process numbers or sockets in common. `daemon.json` says who holds it, and decides nothing.
 *
 * Nothing else in this process may open the lock's file: closing any descriptor of it ends the lock (fcntl(2)).
 *
 * @throws AlreadyRunning; InputInvalid when the directory cannot be made, or knows no locks
 */
export async function becomeOneDaemon(directory: string, { now }: { now: () => Date }): Promise<OneDaemon> {
  const path = await makeDirectory(directory);
  const { database, inode } = await takeLock(path);
  const daemonFile = join(path, 'daemon.json');
  try {
    await replaceFile(daemonFile, `${JSON.stringify({ ...thisProcess(), startedAt: now().toISOString() })}\n`);
  } catch (error) {
    database.close();
    throw unusable(path, error);
  }
  return {
    holds: async () => (await inodeOf(join(path, 'lock'))) === inode,
    async release() {
      await rm(daemonFile, { force: true });
      database.close();
    },
  };
}

async function makeDirectory(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await realpath(directory);
  } catch (error) {
    throw unusable(directory, error);
  }
}

async function takeLock(path: string): Promise<{ database: DatabaseSync; inode: bigint }> {
  const file = join(path, 'lock');
  for (;;) {
    const database = openDatabase(path, file);
    const inode = await inodeOf(file);
    const isOurs = begin(database, path);
    // a file that was removed or replaced while it was opened excludes nobody
    if (isOurs && inode !== undefined && (await inodeOf(file)) === inode) return { database, inode };
    database.close();
    if (!isOurs) throw alreadyRunning(path, await holderOf(path));
  }
}

function openDatabase(path: string, file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw unusable(path, error);
  }
}

function begin(database: DatabaseSync, path: string): boolean {
  try {
    return tryLock(database);
  } catch (error) {
    database.close();
    throw unusable(path, error);
  }
}

async function inodeOf(file: string): Promise<bigint | undefined> {
  const stats = await stat(file, { bigint: true }).catch(() => undefined); // not there is an answer
  return stats?.ino;
}

const holderSchema = z.object({ host: z.string(), pid: z.int().positive(), startedAt: z.iso.datetime() });
type Holder = z.infer<typeof holderSchema>;

/** Who has just taken it may not have said so yet, and what is said may be of one that was killed: wait a moment. */
async function holderOf(path: string): Promise<Holder | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const said = holderSchema.safeParse(await readJson(join(path, 'daemon.json')).catch(() => undefined)); // torn: unsaid
    if (said.success && (said.data.host !== hostname() || identify(said.data.pid))) return said.data;
    await sleep(50);
  }
  return undefined;
}

function alreadyRunning(path: string, holder: Holder | undefined): AlreadyRunning {
  const who = holder
    ? `process ${holder.pid} on ${holder.host} since ${holder.startedAt}`
    : 'a process that did not say who';
  return new AlreadyRunning(`${path}: lifeboat runs here already: ${who}`, {
    operation: 'start',
    subject: path,
    hint: 'leave the work to that one, or stop it first; for another plan name another directory with --state',
  });
}

function unusable(path: string, error: unknown): InputInvalid {
  const why = error instanceof Error ? error.message : String(error);
  return new InputInvalid('state', path, `a directory on a local disk that we may write to (${why})`);
}
