import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ObjectDamaged, ObjectMissing } from '#model/failure';
import { chunksOf, throwIfAborted } from './body.ts';
import { directoryFailure, isNotThere, onDisk } from './directory-failure.ts';
import { removeEmptyFolders, syncFolders } from './directory-folders.ts';
import { listFiles, listFolders } from './directory-listing.ts';
import { DirectoryLock } from './directory-lock.ts';
import { pathOfObject } from './directory-names.ts';
import { DirectoryRoot } from './directory-root.ts';
import { removeStaleUploads, Upload } from './directory-upload.ts';
import { checkKey, checkPrefix } from './key.ts';
import type {
  Body,
  GetOptions,
  ListOptions,
  ObjectStore,
  PutOptions,
  PutOutcome,
  StoredObject,
} from './object-store.ts';
import { checkRange, type Span, spanOf } from './range.ts';

/**
 * A directory as a bucket. An object is one file, at the path that directory-names.ts makes of its key.
 * @throws StoreRefused when the directory does not exist.
 */
export async function openDirectoryStore(path: string): Promise<ObjectStore> {
  return new DirectoryStore(await DirectoryRoot.open(resolve(path)));
}

/** Make the directory where it is missing, readable by its owner alone, and open it. */
export async function createDirectoryStore(path: string): Promise<ObjectStore> {
  const root = resolve(path);
  await onDisk('create', root, () => mkdir(root, { mode: 0o700, recursive: true }));
  return openDirectoryStore(root);
}

/**
 * How a put is decided:
 *
 * - `absent`, and everything that finds no object yet: link(2), which one of all contenders gets
 * - `{ etag }`, replacing and deleting: under the lock, so that the generation that was looked at is the one that goes
 *
 * A generation is told by its file's modification time (which an Upload keeps increasing), size and inode.
 */
class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly #root: DirectoryRoot;
  readonly #lock: DirectoryLock;

  constructor(root: DirectoryRoot) {
    this.url = root.path;
    this.#root = root;
    this.#lock = new DirectoryLock(root.lock);
  }

  async put(key: string, body: Body, options: PutOptions = {}): Promise<PutOutcome> {
    const path = this.#pathOf(key);
    throwIfAborted(options.signal, 'put', key);
    const upload = await Upload.begin(this.#root, path);
    try {
      for await (const chunk of chunksOf(body, key, options.signal)) await upload.write(chunk);
      await upload.complete();
      throwIfAborted(options.signal, 'put', key);
      if (!(await this.#publish(upload, path, options.condition))) return { stored: false };
      const object = describeFile(key, await upload.stats());
      await syncFolders(this.#root, dirname(path));
      return { stored: true, object };
    } finally {
      await upload.discard();
    }
  }

  async head(key: string, options: { signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    const path = this.#pathOf(key);
    throwIfAborted(options.signal, 'head', key);
    const stats = await statFile(path);
    if (stats === undefined) await this.#root.check();
    return stats && describeFile(key, stats);
  }

  async get(key: string, options: GetOptions = {}): Promise<{ object: StoredObject; body: AsyncIterable<Uint8Array> }> {
    const path = this.#pathOf(key);
    checkRange(options.range);
    throwIfAborted(options.signal, 'get', key);
    const handle = await this.#openToRead(key, path);
    try {
      const object = describeFile(key, await onDisk('get', path, () => handle.stat({ bigint: true })));
      return { object, body: readSpan(handle, path, spanOf(options.range, object.size, key), options.signal) };
    } catch (failure) {
      await handle.close();
      throw failure;
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<StoredObject> {
    checkPrefix(prefix);
    for await (const { key, stats } of listFiles(this.#root.path, prefix, options.startAfter)) {
      throwIfAborted(options.signal, 'list', prefix);
      yield describeFile(key, stats);
    }
    await this.#root.check();
  }

  async *folders(prefix: string, options: ListOptions = {}): AsyncGenerator<string> {
    checkPrefix(prefix, 'at an element');
    for await (const folder of listFolders(this.#root.path, prefix, options.startAfter)) {
      throwIfAborted(options.signal, 'list', prefix);
      yield folder.slice(prefix.length);
    }
    await this.#root.check();
  }

  async delete(key: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    const path = this.#pathOf(key);
    throwIfAborted(options.signal, 'delete', key);
    if ((await statFile(path)) === undefined) return this.#root.check();
    await this.#root.prepare();
    await this.#lock.hold(() => removeFile(path));
    await removeEmptyFolders(this.#root, dirname(path));
    await syncFolders(this.#root, dirname(path));
  }

  async abortStaleUploads(before: Date, options: { signal?: AbortSignal } = {}): Promise<number> {
    throwIfAborted(options.signal, 'clean uploads', this.url);
    return removeStaleUploads(this.#root, before);
  }

  #pathOf(key: string): string {
    checkKey(key);
    return `${this.#root.path}/${pathOfObject(key)}`;
  }

  async #publish(upload: Upload, path: string, condition: PutOptions['condition']): Promise<boolean> {
    if (condition === 'absent') return upload.link();
    if (condition === undefined && (await upload.link())) return true;
    return this.#lock.hold(async () => {
      const current = await statFile(path);
      if (condition !== undefined && (current === undefined || etagOf(current) !== condition.etag)) return false;
      await upload.replace(current?.mtimeNs);
      return true;
    });
  }

  async #openToRead(key: string, path: string): Promise<FileHandle> {
    try {
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (!isNotThere(error)) throw directoryFailure('get', path, error);
    }
    await this.#root.check();
    throw new ObjectMissing(`get ${key}: no such object in ${this.url}`, { operation: 'get', subject: key });
  }
}

/** Large enough for a disk, small enough for many readers at once. */
const chunkBytes = 1024 * 1024;

async function* readSpan(
  handle: FileHandle,
  path: string,
  span: Span,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for (let position = span.start; position < span.end; ) {
      throwIfAborted(signal, 'get', path);
      const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, span.end - position));
      const { bytesRead } = await onDisk('get', path, () => handle.read(chunk, 0, chunk.length, position));
      if (bytesRead === 0) {
        throw new ObjectDamaged(`get ${path}: the file ends at byte ${position}, expected ${span.end}`, {
          operation: 'get',
          subject: path,
        });
      }
      yield chunk.subarray(0, bytesRead);
      position += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

async function statFile(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw directoryFailure('head', path, error);
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    // somebody else deleted it
    if (!isNotThere(error)) throw directoryFailure('delete', path, error);
  }
}

function describeFile(key: string, stats: BigIntStats): StoredObject {
  return { key, size: Number(stats.size), etag: etagOf(stats), lastModified: stats.mtime };
}

function etagOf(stats: BigIntStats): string {
  return `${stats.mtimeNs.toString(36)}-${stats.size.toString(36)}-${stats.ino.toString(36)}`;
}
