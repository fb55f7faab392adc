import { mkdir, stat } from 'node:fs/promises';
import { StoreRefused } from '#model/failure';
import { directoryFailure, isNotThere, onDisk } from './directory-failure.ts';

/**
 * The directory that is the bucket, and the same one for as long as the store is open. When it vanishes, or when its
 * file system is unmounted and the empty mount point shows instead, everything fails: "no such object" would be a
 * lie, and a new directory in its place would swallow backups that nobody finds again.
 *
 * `.lifeboat` in it is ours: uploads on their way, and the lock. No key leads there.
 */
export class DirectoryRoot {
  readonly path: string;
  readonly uploads: string;
  readonly lock: string;
  #identity: string;

  private constructor(path: string, identity: string) {
    this.path = path;
    this.uploads = `${path}/.lifeboat/uploads`;
    this.lock = `${path}/.lifeboat/lock`;
    this.#identity = identity;
  }

  /** @throws StoreRefused when there is no such directory. Nothing is written. */
  static async open(path: string): Promise<DirectoryRoot> {
    const identity = await identify(path);
    if (identity !== undefined) return new DirectoryRoot(path, identity);
    throw new StoreRefused(`open ${path}: there is no such directory`, {
      operation: 'open',
      subject: path,
      hint: `if it really is to be a new, empty bucket: mkdir -m 700 ${path}`,
    });
  }

  /** @throws StoreRefused when the bucket is gone. To be asked whenever something in it is not there. */
  async check(): Promise<void> {
    const identity = await identify(this.path);
    if (identity === this.#identity) return;
    // a network file system may come back from an automatic unmount under another device number
    if (identity !== undefined && (await identify(`${this.path}/.lifeboat`)) !== undefined) {
      this.#identity = identity;
      return;
    }
    const found = identity === undefined ? 'it is gone' : 'another directory has taken its place';
    throw new StoreRefused(`bucket ${this.path}: ${found}`, {
      operation: 'open',
      subject: this.path,
      hint: 'is its file system still mounted? Mount it again, then repeat',
    });
  }

  /** Make `.lifeboat` where it is missing, but never the bucket itself. */
  async prepare(): Promise<void> {
    await this.check();
    for (const path of [`${this.path}/.lifeboat`, this.uploads]) {
      await onDisk('prepare', path, () => makeDirectory(path));
    }
  }
}

/** Make one directory, unless it is there. Its parent has to be. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    // what is in a backup is for its owner's eyes
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

async function identify(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    return stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw directoryFailure('open', path, error);
  }
}
