import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RestoreFailed } from '#model/failure';

/** @throws RestoreFailed when the programs are of another major version: their server refuses the files */
export async function checkPrograms(binDir: string, major: number): Promise<void> {
  const version = await programVersion(join(binDir, 'postgres'));
  if (version === major) return;
  throw new RestoreFailed(`${binDir} has PostgreSQL ${version ?? '(none)'}, the backup needs ${major}`, {
    operation: 'restore',
    subject: binDir,
    hint: `install the server of PostgreSQL ${major} and name its folder with --bin-dir, or pass --no-start`,
  });
}

async function programVersion(program: string): Promise<number | undefined> {
  if (!existsSync(program)) return undefined;
  const child = spawn(program, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], env: {} });
  const [chunks] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
  const match = /\(PostgreSQL\) (\d+)/.exec(Buffer.concat(chunks as Buffer[]).toString());
  return match ? Number(match[1]) : undefined;
}
