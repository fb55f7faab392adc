import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A server that finds this file in its data directory when it starts comes up as a standby; a promotion removes it.
 * Source: https://www.postgresql.org/docs/current/warm-standby.html#FILE-STANDBY-SIGNAL
 */
export async function findStandbySignal(dataDir: string): Promise<{ writtenAt: Date } | undefined> {
  try {
    return { writtenAt: (await stat(signalPath(dataDir))).mtime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** On disk before it returns: it is there after a loss of power, too. One that is there stays as it is. */
export async function putStandbySignal(dataDir: string): Promise<void> {
  const { uid, gid } = await stat(dataDir);
  const file = await open(signalPath(dataDir), 'a', 0o600);
  try {
    if ((await file.stat()).uid !== uid) await file.chown(uid, gid);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dataDir);
}

/** Gone from the disk before it returns. */
export async function removeStandbySignal(dataDir: string): Promise<void> {
  await rm(signalPath(dataDir), { force: true });
  await syncFolder(dataDir);
}

const signalPath = (dataDir: string): string => join(dataDir, 'standby.signal');

async function syncFolder(path: string): Promise<void> {
  const folder: FileHandle = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
