import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '#runtime/environment';
import { packagedPrograms } from '#runtime/server-programs';

export type PostgresProgram = 'postgres' | 'pg_restore';

export interface FoundProgram {
  path: string;
  folder: string;
  major: number;
}

/** One for each version that there is, newest first: in `binDir`, where packages put them, and in PATH. */
export async function findPrograms(
  program: PostgresProgram,
  { binDir, environment }: { binDir?: string | undefined; environment: Environment },
): Promise<FoundProgram[]> {
  const folders = [binDir ?? '', ...packageFolders, ...(environment.PATH ?? '').split(delimiter)];
  const found = new Map<number, FoundProgram>();
  for (const folder of folders) {
    const path = join(folder, program);
    if (folder === '' || !existsSync(path)) continue;
    const major = await majorOf(path);
    if (major !== undefined && !found.has(major)) found.set(major, { path, folder, major });
  }
  return [...found.values()].sort((a, b) => b.major - a.major);
}

/** Far beyond any version that there will be while this runs. */
const lastMajor = 60;
const packageFolders = Array.from({ length: lastMajor }, (_, index) => packagedPrograms(lastMajor - index)).flat();

/** What it says itself: Debian's in /usr/bin is that of one version or another. undefined: it does not run here. */
async function majorOf(path: string): Promise<number | undefined> {
  const child = spawn(path, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], env: { LC_ALL: 'C' } });
  child.on('error', () => undefined); // there is no output then
  const [chunks] = await Promise.all([child.stdout.toArray(), once(child, 'close').catch(() => undefined)]);
  return majorIn(Buffer.concat(chunks as Buffer[]).toString());
}

/** 15, of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `15.18` */
export function majorIn(text: string): number | undefined {
  const [, major] = /(?:^|\(PostgreSQL\) )(\d+)/.exec(text) ?? [];
  return major === undefined ? undefined : Number(major);
}
