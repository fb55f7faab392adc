import type { DumpManifest } from '#model/dump-manifest';
import { RestoreFailed } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { type FoundProgram, findPrograms, majorIn } from '#runtime/find-program';

export interface ProofPrograms {
  /** pg_restore, at least as new as the pg_dump that wrote the archives: an older one does not read them */
  restorer: FoundProgram;
  /** of the newest server, at least as new as the one that was dumped; undefined where none is needed */
  server: FoundProgram | undefined;
}

/** What a proof needs of this machine: the newest that there is. @throws RestoreFailed that says what is missing */
export async function proofPrograms(
  manifest: DumpManifest,
  { binDir, environment }: { binDir: string | undefined; environment: Environment },
  { withServer }: { withServer: boolean },
): Promise<ProofPrograms> {
  const where = { binDir, environment };
  const restorer = choose('pg_restore', await findPrograms('pg_restore', where), clientMajor(manifest));
  if (!withServer) return { restorer, server: undefined };
  const servers = await findPrograms('postgres', where);
  // who names a folder means its server, though a newer one may be elsewhere
  const named = binDir === undefined ? servers : servers.filter(({ folder }) => folder === binDir);
  return { restorer, server: choose('postgres', named.length > 0 ? named : servers, manifest.server.major) };
}

/** The version of the pg_dump that wrote it. */
export const clientMajor = ({ client, server }: DumpManifest): number => majorIn(client) ?? server.major;

function choose(program: string, found: readonly FoundProgram[], major: number): FoundProgram {
  const [newest] = found;
  if (newest && newest.major >= major) return newest;
  const there = newest ? `the newest here is ${newest.path} of ${newest.major}` : 'there is none here';
  throw new RestoreFailed(`the dump needs ${program} of PostgreSQL ${major} or newer, ${there}`, {
    operation: 'prove dump',
    subject: program,
    hint: `install PostgreSQL ${major}, or name the folder of its programs: LIFEBOAT_BIN_DIR`,
  });
}
