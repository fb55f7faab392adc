import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RestoreFailed } from '#model/failure';
import { majorIn, versionOf } from '#runtime/find-program';

/** @throws RestoreFailed when the programs are of another major version: their server refuses the files */
export async function checkPrograms(binDir: string, major: number): Promise<void> {
  const program = join(binDir, 'postgres');
  const version = existsSync(program) ? majorIn(await versionOf(program)) : undefined;
  if (version === major) return;
  throw new RestoreFailed(`${binDir} has PostgreSQL ${version ?? '(none)'}, the backup needs ${major}`, {
    operation: 'restore',
    subject: binDir,
    hint: `install the server of PostgreSQL ${major} and name its folder with --bin-dir, or pass --no-start`,
  });
}
