import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSegmentName } from '#model/wal-segment';
import { unfinishedName } from '#recovery/place-file';

/**
 * `pg_wal/lifeboat.prefetch/`: where segments wait that PostgreSQL will ask for, beside where it wants them, so that a
 * rename hands them over.
 *
 *     000000010000000000000007       fetched and checked
 *     000000010000000000000008.part  being fetched
 *     wanted                         the segment that PostgreSQL asked for last
 *     prefetcher                     process id of the one prefetcher; touched every second while it lives
 */
export class WalSpool {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** undefined when the file is not wanted in a data directory's pg_wal: then nobody will ask for the next one. */
  static beside(to: string): WalSpool | undefined {
    return basename(dirname(to)) === 'pg_wal' ? new WalSpool(join(dirname(to), 'lifeboat.prefetch')) : undefined;
  }

  /** Hand a segment over, if it is here or about to be. */
  async take(name: string, to: string): Promise<boolean> {
    await this.want(name);
    const giveUpAt = performance.now() + longestFetchMs;
    for (;;) {
      if (await exists(rename(this.path(name), to))) return true;
      const coming = (await this.isServed()) && (await exists(stat(unfinishedName(this.path(name)))));
      if (coming && performance.now() < giveUpAt) await sleep(5);
      else return exists(rename(this.path(name), to)); // it may have become complete just now
    }
  }

  /** Say which segment was asked for; nobody hears it when there is no spool. */
  async want(name: string): Promise<void> {
    const asked = this.path(`${wantedName}.new`);
    if (await exists(writeFile(asked, name))) await rename(asked, this.path(wantedName)).catch(absent);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Is there a prefetcher that lives? */
  async isServed(): Promise<boolean> {
    const touched = await stat(this.path(lockName)).catch(absent);
    return touched !== undefined && Date.now() - touched.mtimeMs < deadAfterMs;
  }

  /** Become the one prefetcher. False when another one lives, or pg_wal is gone with the cluster that wanted it. */
  async lock(pid: number): Promise<boolean> {
    const made = mkdir(this.folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (!(await exists(made)) || (await this.isServed())) return false;
    await writeFile(this.path(lockName), `${pid}\n`);
    return this.keepLock(pid);
  }

  /** Show that we live. False when another one took over, or the folder is gone. */
  async keepLock(pid: number): Promise<boolean> {
    const holder = await readFile(this.path(lockName), 'utf8').catch(absent);
    if (holder !== `${pid}\n`) return false;
    const now = new Date();
    return exists(utimes(this.path(lockName), now, now));
  }

  /** The segment that was asked for last, and when. */
  async wanted(): Promise<{ name: string; atMs: number } | undefined> {
    const path = this.path(wantedName);
    const [name, asked] = await Promise.all([readFile(path, 'utf8').catch(absent), stat(path).catch(absent)]);
    return name && asked && isSegmentName(name) ? { name, atMs: asked.mtimeMs } : undefined;
  }

  async segments(): Promise<string[]> {
    const names = await readdir(this.folder).catch(absent);
    return names?.filter(isSegmentName) ?? [];
  }

  async drop(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

const lockName = 'prefetcher';
const wantedName = 'wanted';
/** The prefetcher touches its lock every second. */
const deadAfterMs = 5_000;
/** A prefetch that takes longer is not waited for: then we fetch the segment ourselves. */
const longestFetchMs = 10_000;

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Did it find its file? */
async function exists(act: Promise<unknown>): Promise<boolean> {
  try {
    await act;
    return true;
  } catch (error) {
    absent(error as NodeJS.ErrnoException);
    return false;
  }
}
