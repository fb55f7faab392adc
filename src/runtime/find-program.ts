import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '#runtime/environment';
import { packagedPrograms } from '#runtime/server-programs';

export type PostgresProgram = 'postgres' | 'pg_dump' | 'pg_restore';

export interface FoundProgram {
  path: string;
  folder: string;
  major: number;
  /** as it says it itself: `pg_dump (PostgreSQL) 17.2` */
  version: string;
}

export interface ProgramQuestion {
  /** a folder that somebody named */
  binDir?: string | undefined;
  /** what has to be in the same folder, too */
  beside?: readonly string[];
  environment: Environment;
}

/** One for each version that there is, newest first: in `binDir`, where packages put them, and in PATH. */
export async function findPrograms(
  program: PostgresProgram,
  { binDir, beside = [], environment }: ProgramQuestion,
): Promise<FoundProgram[]> {
  const folders = new Set([binDir ?? '', ...packageFolders, ...(environment.PATH ?? '').split(delimiter)]);
  const found = new Map<number, FoundProgram>();
  for (const folder of folders) {
    if (folder === '' || ![program, ...beside].every((name) => existsSync(join(folder, name)))) continue;
    const path = join(folder, program);
    const version = await versionOf(path);
    const major = majorIn(version);
    if (major !== undefined && !found.has(major)) found.set(major, { path, folder, major, version });
  }
  return [...found.values()].sort((a, b) => b.major - a.major);
}

/**
 * A pg_dump of at least that major version, with what a dump needs beside it: pg_dumpall calls it, and pg_restore reads
 * what it writes. That of LIFEBOAT_BIN_DIR, else the newest. Without any, `found` says which there are.
 */
export async function findClientPrograms(
  major: number,
  environment: Environment,
): Promise<FoundProgram | { found: FoundProgram[] }> {
  const binDir = environment.LIFEBOAT_BIN_DIR;
  const found = await findPrograms('pg_dump', { binDir, beside: ['pg_dumpall', 'pg_restore'], environment });
  const newEnough = found.filter((program) => program.major >= major);
  return newEnough.find(({ folder }) => folder === binDir) ?? newEnough[0] ?? { found };
}

/** Far beyond any version that there will be while this runs. */
const lastMajor = 60;
const packageFolders = Array.from({ length: lastMajor }, (_, index) => packagedPrograms(lastMajor - index)).flat();

/** What a program says itself: Debian's in /usr/bin is that of one version or another. Empty where it does not run here. */
export async function versionOf(path: string): Promise<string> {
  const child = spawn(path, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], env: { LC_ALL: 'C' } });
  const [chunks] = await Promise.all([child.stdout.toArray(), once(child, 'close').catch(() => undefined)]);
  return Buffer.concat(chunks as Buffer[])
    .toString()
    .trim();
}

/** 15, of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `15.18` */
export function majorIn(text: string): number | undefined {
  const [, major] = /(?:^|\(PostgreSQL\) )(\d+)/.exec(text) ?? [];
  return major === undefined ? undefined : Number(major);
}
