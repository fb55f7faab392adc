import type { DumpManifest } from '#model/dump-manifest';
import { RestoreFailed } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { type FoundProgram, findPrograms } from '#runtime/find-program';
import { clientMajor } from './proof-programs.ts';

/**
 * The oldest pg_restore that there is and that reads the dump: one that is older than the pg_dump that wrote it does not,
 * and a newer one says more to servers than older ones understand. @throws RestoreFailed when there is none
 */
export async function restoringProgram(
  manifest: DumpManifest,
  { binDir, environment }: { binDir: string | undefined; environment: Environment },
): Promise<FoundProgram> {
  const wanted = clientMajor(manifest);
  const found = await findPrograms('pg_restore', { binDir: binDir ?? environment.LIFEBOAT_BIN_DIR, environment });
  const program = found.findLast(({ major }) => major >= wanted);
  if (program) return program;
  const there = found.map(({ path, major }) => `${path} of ${major}`).join(', ') || 'none';
  throw new RestoreFailed(
    `the dump was made by pg_dump ${wanted}, which needs a pg_restore of ${wanted} or newer; there is ${there}`,
    {
      operation: 'find programs',
      subject: 'pg_restore',
      hint: `install the client programs of PostgreSQL ${wanted}, or name their folder: --bin-dir`,
    },
  );
}
