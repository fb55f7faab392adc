import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Replace a file whole: whoever reads it sees the old text or this one, also after a crash. Mode 0600. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await viaTemporary(path, text, (temporary) => rename(temporary, path));
}

/** Create a file whole, unless it is there: of several who try, one is told true, and it stays what that one wrote. */
export async function createFile(path: string, text: string): Promise<boolean> {
  try {
    await viaTemporary(path, text, (temporary) => link(temporary, path));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Create a folder with all of its files, unless it is there. Mode 0700. */
export async function createFolder(path: string, files: Readonly<Record<string, string>>): Promise<boolean> {
  const temporary = join(dirname(path), `.${randomUUID()}`);
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  try {
    for (const [name, text] of Object.entries(files)) await writeSynced(join(temporary, name), text);
    await syncDirectory(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // an empty folder would be replaced, but ours are never empty
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) return false;
    throw error;
  }
  await syncDirectory(dirname(path));
  return true;
}

/** undefined when there is no such file. @throws SyntaxError for a file that is no JSON */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a crash left of folders and files that were being made in here. Nobody may be making any. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    // folders have the names that people give executions
    const isOurs = entry.name.startsWith('.') || (entry.name.endsWith('.tmp') && !entry.isDirectory());
    if (isOurs) await rm(join(folder, entry.name), { recursive: true, force: true });
  }
}

/** At once for whoever looks, however long it takes. */
export async function removeFolder(path: string): Promise<void> {
  const away = join(dirname(path), `.${randomUUID()}`);
  await rename(path, away);
  await rm(away, { recursive: true, force: true });
}

/** What was created, renamed or removed in it stays so after a crash. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function viaTemporary(path: string, text: string, place: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeSynced(temporary, text);
    await place(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
}

async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
