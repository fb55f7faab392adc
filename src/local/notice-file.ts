import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Failure } from '#model/failure';
import { isNotThere, onDisk } from '#store/directory-failure';
import { replaceFile, syncDirectory } from './durable-file.ts';

/** A notice that waits to be told, as it lies on disk. */
export interface WaitingNotice {
  /** the SNS message's id: the same for the same dedupe id */
  id: string;
  dedupeId: string;
  message: string;
  /** ISO 8601 */
  publishedAt: string;
}

/** `waiting` to be told, `done`, and `dead`: nobody could be told in time, or what lay there was no notice */
export type NoticeFolder = 'waiting' | 'done' | 'dead';

const schema = z.object({
  format: z.literal('lifeboat-outbox/1'),
  id: z.string().min(1),
  dedupeId: z.string(),
  message: z.string(),
  publishedAt: z.iso.datetime(),
});

export const fileNameOf = (id: string): string => `${id}.json`;

/** A UUID made of the dedupe id, as SNS' message ids are. */
export function messageIdOf(dedupeId: string): string {
  const digits = createHash('sha256').update(dedupeId).digest('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

/** Make the folders, remove what a killed process left half-written, and answer the names of the files in each. */
export async function openFolders(root: string): Promise<Record<NoticeFolder, string[]>> {
  const open = async (folder: NoticeFolder): Promise<string[]> => {
    const path = `${root}/${folder}`;
    await onDisk('create', path, () => mkdir(path, { recursive: true, mode: 0o700 }));
    const names = await onDisk('list', path, () => readdir(path));
    for (const name of names.filter(isDraft)) await unlessGone(`${path}/${name}`, () => unlink(`${path}/${name}`));
    return names.filter((name) => !isDraft(name));
  };
  const [waiting, done, dead] = [await open('waiting'), await open('done'), await open('dead')];
  return { waiting, done, dead };
}

const isDraft = (name: string): boolean => name.endsWith('.tmp');

/** On disk, with its name, before this answers; a process that is killed meanwhile leaves the whole of it or nothing. */
export async function writeWaiting(root: string, notice: WaitingNotice): Promise<void> {
  const path = `${root}/waiting/${fileNameOf(notice.id)}`;
  await onDisk('put', path, () => replaceFile(path, `${JSON.stringify({ format: 'lifeboat-outbox/1', ...notice })}\n`));
}

/** `gone`: somebody removed it, and so does not want it told */
export async function readWaiting(root: string, name: string): Promise<WaitingNotice | 'gone' | 'no notice'> {
  const path = `${root}/waiting/${name}`;
  const text = await unlessGone(path, () => readFile(path, 'utf8'));
  if (text === undefined) return 'gone';
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success && fileNameOf(parsed.data.id) === name ? parsed.data : 'no notice';
  } catch {
    return 'no notice';
  }
}

/** Done or dead: it does not wait any more, whatever happens to this process. */
export async function moveNotice(root: string, name: string, to: 'done' | 'dead'): Promise<void> {
  const [from, path] = [`${root}/waiting/${name}`, `${root}/${to}/${name}`];
  await unlessGone(from, async () => {
    await rename(from, path);
    await syncDirectory(dirname(path));
    await syncDirectory(dirname(from));
  });
}

/** Forget what was done before that time. Answers the names that are gone. */
export async function removeDoneBefore(root: string, before: Date): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await onDisk('list', `${root}/done`, () => readdir(`${root}/done`))) {
    const path = `${root}/done/${name}`;
    const stats = await unlessGone(path, () => stat(path));
    if (stats !== undefined && stats.mtimeMs >= before.getTime()) continue;
    await unlessGone(path, () => unlink(path));
    removed.push(name);
  }
  return removed;
}

/** The disk's refusals as failures of ours, but for a file that is not there. */
async function unlessGone<T>(path: string, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await onDisk('access', path, act);
  } catch (failure) {
    if (failure instanceof Failure && isNotThere(failure.cause)) return undefined;
    throw failure;
  }
}
