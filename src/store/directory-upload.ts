import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, link, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { StoreUnavailable } from '#model/failure';
import { directoryFailure, errorCode, isNotThere, onDisk } from './directory-failure.ts';
import { inItsFolder } from './directory-folders.ts';
import type { DirectoryRoot } from './directory-root.ts';

/**
 * An object on its way: a file that no key leads to until it is complete, synced, and gets its name in one step.
 *
 * Its modification time is set by us to a microsecond, and later than that of the object which it replaces, because
 * it is what tells generations apart: the file system's own clock ticks only every few milliseconds.
 */
export class Upload {
  readonly #root: DirectoryRoot;
  readonly #destination: string;
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(root: DirectoryRoot, destination: string, path: string, handle: FileHandle) {
    this.#root = root;
    this.#destination = destination;
    this.#path = path;
    this.#handle = handle;
  }

  /** `destination` is the path that it is going to have. */
  static async begin(root: DirectoryRoot, destination: string): Promise<Upload> {
    const path = `${root.uploads}/${randomUUID()}`;
    const create = () => open(path, 'wx', 0o600);
    try {
      return new Upload(root, destination, path, await create());
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw directoryFailure('put', destination, error);
    }
    await root.prepare();
    return new Upload(root, destination, path, await onDisk('put', destination, create));
  }

  async write(chunk: Uint8Array): Promise<void> {
    await onDisk('put', this.#destination, async () => {
      for (let offset = 0; offset < chunk.length; ) {
        offset += (await this.#handle.write(chunk, offset)).bytesWritten;
      }
    });
  }

  /** All bytes are written: make them durable. */
  async complete(): Promise<void> {
    await onDisk('put', this.#destination, async () => {
      const nowS = (Date.now() + Math.random()) / 1000;
      await this.#handle.utimes(nowS, nowS);
      await this.#handle.sync();
    });
  }

  /** Give it its name if no other has it: decided by the file system, without a lock. Answers whether it got it. */
  async link(): Promise<boolean> {
    return this.#intoPlace(async () => {
      try {
        await link(this.#path, this.#destination);
        return true;
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return false;
        throw error;
      }
    });
  }

  /** Replace what has its name now, with the modification time `previousNs`. To be called under the lock. */
  async replace(previousNs: bigint | undefined): Promise<void> {
    if (previousNs !== undefined) await onDisk('put', this.#destination, () => this.#outdate(previousNs));
    await this.#intoPlace(() => rename(this.#path, this.#destination));
  }

  /** What the file system knows of the file, wherever it lies by now. */
  stats(): Promise<BigIntStats> {
    return onDisk('put', this.#destination, () => this.#handle.stat({ bigint: true }));
  }

  /** Remove what is left of it; a complete upload that got its name loses only its temporary one. */
  async discard(): Promise<void> {
    try {
      await this.#handle.close();
      await unlink(this.#path);
    } catch {
      // renamed into place, or a leftover for abortStaleUploads; how the put itself ended is what counts
    }
  }

  #intoPlace<T>(act: () => Promise<T>): Promise<T> {
    return inItsFolder(this.#root, this.#destination, async () => {
      try {
        return await act();
      } catch (error) {
        if (errorCode(error) === 'ENOENT') await this.#checkNotRemoved();
        throw error;
      }
    });
  }

  async #checkNotRemoved(): Promise<void> {
    await this.#root.check();
    try {
      await lstat(this.#path);
    } catch (error) {
      throw new StoreUnavailable(`put ${this.#destination}: the upload was removed before it was complete`, {
        operation: 'put',
        subject: this.#destination,
        hint: 'uploads that are older than the limit are cleaned away: is the limit too short?',
        cause: error,
      });
    }
  }

  async #outdate(previousNs: bigint): Promise<void> {
    // file systems store times in steps of 1 ns to 2 s, and the number that sets them has steps of 0.24 us
    for (const stepS of [0, 1e-6, 1e-3, 1, 2]) {
      if (stepS > 0) {
        const laterS = Number(previousNs) / 1e9 + stepS;
        await this.#handle.utimes(laterS, laterS);
        await this.#handle.sync();
      }
      if ((await this.#handle.stat({ bigint: true })).mtimeNs > previousNs) return;
    }
    throw new StoreUnavailable(`put ${this.#destination}: the file system does not keep modification times`, {
      operation: 'put',
      subject: this.#destination,
      hint: 'generations of an object cannot be told apart on it: put the bucket on another file system',
    });
  }
}

/** Remove uploads that nobody has written to since `before`. Answers how many. */
export async function removeStaleUploads(root: DirectoryRoot, before: Date): Promise<number> {
  let removed = 0;
  for (const name of await uploadsOf(root)) {
    if (await removeIfStale(`${root.uploads}/${name}`, before)) removed++;
  }
  return removed;
}

async function uploadsOf(root: DirectoryRoot): Promise<string[]> {
  try {
    return await readdir(root.uploads);
  } catch (error) {
    if (!isNotThere(error)) throw directoryFailure('clean uploads', root.uploads, error);
    await root.check();
    return [];
  }
}

async function removeIfStale(path: string, before: Date): Promise<boolean> {
  try {
    if ((await lstat(path)).mtimeMs >= before.getTime()) return false;
    await unlink(path);
    return true;
  } catch (error) {
    // its put has just ended
    if (isNotThere(error)) return false;
    throw directoryFailure('clean uploads', path, error);
  }
}
