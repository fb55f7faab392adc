import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '#runtime/environment';
import { packagedPrograms } from '#runtime/server-programs';

export interface ClientPrograms {
  binDir: string;
  major: number;
  /** as pg_dump says it itself: `pg_dump (PostgreSQL) 17.2` */
  version: string;
}

/** What a dump needs: pg_dumpall calls the pg_dump beside it, and pg_restore reads what that one writes. */
const needed = ['pg_dump', 'pg_dumpall', 'pg_restore'];

/** Far beyond any version that there will be while this runs. */
const lastMajor = 60;

/**
 * pg_dump and its siblings of at least that major version: those in LIFEBOAT_BIN_DIR, else the newest that packages
 * put here, else the first in PATH that are new enough. Without any, `found` says which there are.
 */
export async function findClientPrograms(
  major: number,
  { LIFEBOAT_BIN_DIR, PATH = '' }: Environment,
): Promise<ClientPrograms | { found: ClientPrograms[] }> {
  const packaged = Array.from({ length: lastMajor }, (_, index) => packagedPrograms(lastMajor - index)).flat();
  const found: ClientPrograms[] = [];
  for (const binDir of new Set([LIFEBOAT_BIN_DIR ?? '', ...packaged, ...PATH.split(delimiter)])) {
    if (binDir === '' || !needed.every((name) => existsSync(join(binDir, name)))) continue;
    const version = await versionOf(join(binDir, 'pg_dump'));
    const programs = { binDir, major: Number(/\(PostgreSQL\) (\d+)/.exec(version)?.[1] ?? 0), version };
    if (programs.major >= major) return programs;
    if (programs.major > 0) found.push(programs);
  }
  return { found };
}

/** Empty for what cannot be run. */
async function versionOf(program: string): Promise<string> {
  const child = spawn(program, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], env: { LC_ALL: 'C' } });
  const [chunks] = await Promise.all([child.stdout.toArray(), once(child, 'close').catch(() => undefined)]);
  return Buffer.concat(chunks as Buffer[])
    .toString()
    .trim();
}
