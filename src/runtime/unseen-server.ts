import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlFile } from '#postgres/control-file';

/**
 * Whether files look as if a server worked on them, though none is seen: it was killed, or its machine died, or it runs in another
 * container or on another machine that has the same disk (NFS).
 */
export const mayRunUnseen = (dataDir: string, { state }: Pick<ControlFile, 'state'>): boolean =>
  (state === 'in production' || state === 'in crash recovery') && existsSync(join(dataDir, 'postmaster.pid'));

/** Longer than a file's times are cached where the disk is another machine's (acregmin of nfs(5)). */
const watchedMs = 3_500;

/** Whether pg_control or WAL change within some seconds. A server that has nothing to write changes neither: it is not seen. */
export async function worksUnseen(dataDir: string, waitMs = watchedMs): Promise<boolean> {
  const before = await traceOf(dataDir);
  await sleep(waitMs);
  return (await traceOf(dataDir)) !== before;
}

async function traceOf(dataDir: string): Promise<string> {
  const read = (name: string) => readFile(join(dataDir, name), 'latin1').catch(() => 'gone');
  const wal = join(dataDir, 'pg_wal');
  const segments = (await readdir(wal)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
  const times = await Promise.all(
    segments.map(async (name) => {
      const { mtimeMs, size } = await stat(join(wal, name)).catch(() => ({ mtimeMs: 0, size: 0 }));
      return `${name} ${mtimeMs} ${size}`;
    }),
  );
  return [await read('global/pg_control'), await read('postmaster.pid'), ...times].join('\n');
}
