import { stat } from 'node:fs/promises';
import type { Account } from '#postgres/server-process';

/** Who runs the server of a data directory: PostgreSQL runs as nobody else. Needed where we are root, else undefined. */
export async function ownerOf(dataDir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(dataDir);
  return { uid, gid };
}
