import { open, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StoreUnavailable } from '#model/failure';
import { directoryFailure, errorCode, isNotThere, onDisk } from './directory-failure.ts';
import { type DirectoryRoot, makeDirectory } from './directory-root.ts';

/**
 * Do something that puts an entry at `path`, whose folders may not be there: they are made, and made again when a
 * delete that runs at the same time finds them empty and removes them.
 */
export async function inItsFolder<T>(root: DirectoryRoot, path: string, act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw directoryFailure('put', path, error);
    }
    await root.check();
    await makeFolders(root.path, dirname(path));
  }
  throw new StoreUnavailable(`put ${path}: its folder was removed ${maxAttempts} times while it was made`, {
    operation: 'put',
    subject: path,
  });
}

/**
 * Make entries durable that were added below `path`: sync each folder up to the bucket, as the upper ones may have
 * been made a moment ago by a process that has not synced them yet.
 */
export async function syncFolders(root: DirectoryRoot, path: string): Promise<void> {
  for (let folder = path; folder !== root.path; folder = dirname(folder)) {
    await onDisk('sync', folder, () => syncFolder(folder));
  }
  await root.check();
  await onDisk('sync', root.path, () => syncFolder(root.path));
}

/** Remove folders that have become empty, from `path` upwards. */
export async function removeEmptyFolders(root: DirectoryRoot, path: string): Promise<void> {
  for (let folder = path; folder !== root.path; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') continue;
      // an empty folder is never shown, so one that cannot be removed harms nobody: EBUSY, EACCES, or not empty
      return;
    }
  }
}

const maxAttempts = 1000;

async function makeFolders(root: string, path: string): Promise<void> {
  const names = path.slice(root.length + 1).split('/');
  for (let depth = 1; depth <= names.length; depth++) {
    const folder = `${root}/${names.slice(0, depth).join('/')}`;
    try {
      await makeDirectory(folder);
    } catch (error) {
      // its parent is gone again: the caller comes back
      if (errorCode(error) === 'ENOENT') return;
      throw directoryFailure('put', folder, error);
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  try {
    await using handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    // somebody deleted all that was in it and it went too; its parent is next
    if (!isNotThere(error)) throw error;
  }
}
