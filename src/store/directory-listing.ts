import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { directoryFailure, isNotThere } from './directory-failure.ts';
import { pathOfFolder, readElement } from './directory-names.ts';
import { compareKeys } from './key.ts';

/** One object of a listing: its key and what the file system knows of its file. */
export interface ListedFile {
  key: string;
  stats: BigIntStats;
}

/**
 * The files below `root` whose key starts with `prefix` and comes after `startAfter`, in byte order.
 * It reads one folder at a time, and only those that may hold such keys; a folder's names are held in memory.
 */
export async function* listFiles(root: string, prefix: string, startAfter = ''): AsyncGenerator<ListedFile> {
  const folder = folderOf(prefix);
  yield* walk(`${root}/${pathOfFolder(folder)}`, folder, prefix, startAfter);
}

/** The folders directly below `prefix` that hold an object, each as its whole prefix with its `/`. */
export async function* listFolders(root: string, prefix: string, startAfter = ''): AsyncGenerator<string> {
  for (const entry of await readFolder(`${root}/${pathOfFolder(prefix)}`, prefix)) {
    if (entry.kind !== 'folder' || compareKeys(entry.key, startAfter) <= 0) continue;
    // a directory without an object is what a put or a delete that was killed left behind
    for await (const _ of walk(entry.path, entry.key, entry.key, '')) {
      yield entry.key;
      break;
    }
  }
}

interface Entry {
  kind: 'object' | 'folder';
  /** an object's key, or a folder's prefix with its `/` */
  key: string;
  path: string;
}

/** Enough to keep the disk busy, few enough to stop soon. */
const statsAtOnce = 32;

function folderOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

async function* walk(path: string, folder: string, prefix: string, startAfter: string): AsyncGenerator<ListedFile> {
  const entries = (await readFolder(path, folder)).filter((entry) => {
    return mayStartWith(entry, prefix) && mayFollow(entry, startAfter);
  });
  for (let first = 0; first < entries.length; ) {
    const objects = leadingObjects(entries, first);
    if (objects.length === 0) {
      const below = entries[first++]!;
      yield* walk(below.path, below.key, prefix, startAfter);
      continue;
    }
    for (const listed of await Promise.all(objects.map(statFile))) if (listed) yield listed;
    first += objects.length;
  }
}

function mayStartWith(entry: Entry, prefix: string): boolean {
  return entry.key.startsWith(prefix) || (entry.kind === 'folder' && prefix.startsWith(entry.key));
}

function mayFollow(entry: Entry, startAfter: string): boolean {
  return compareKeys(entry.key, startAfter) > 0 || (entry.kind === 'folder' && startAfter.startsWith(entry.key));
}

function leadingObjects(entries: Entry[], first: number): Entry[] {
  let end = first;
  while (end < entries.length && end - first < statsAtOnce && entries[end]!.kind === 'object') end++;
  return entries.slice(first, end);
}

async function statFile(entry: Entry): Promise<ListedFile | undefined> {
  try {
    return { key: entry.key, stats: await lstat(entry.path, { bigint: true }) };
  } catch (error) {
    // deleted since its folder was read
    if (isNotThere(error)) return undefined;
    throw directoryFailure('list', entry.path, error);
  }
}

/** A folder's objects and folders in byte order. What no key leads to is somebody else's, and left out. */
async function readFolder(path: string, folder: string): Promise<Entry[]> {
  const entries = await readEntries(path, folder);
  return entries.sort((a, b) => compareKeys(a.key, b.key));
}

async function readEntries(path: string, start: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const found of await readDirectory(path)) {
    const element = found.isFile() || found.isDirectory() ? readElement(found.name, found.isDirectory()) : undefined;
    if (element === undefined) continue;
    const key = `${start}${element.name}`;
    const below = `${path}/${found.name}`;
    if (element.kind === 'start') {
      for (const entry of await readEntries(below, key)) entries.push(entry);
      continue;
    }
    entries.push({ kind: element.kind, key: element.kind === 'folder' ? `${key}/` : key, path: below });
  }
  return entries;
}

async function readDirectory(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    // no such folder, or deleted since its parent was read
    if (isNotThere(error)) return [];
    throw directoryFailure('list', path, error);
  }
}
