import type { DumpedSource } from '#model/choose-dumped';
import { Failure } from '#model/failure';
import { formatBytes } from '#model/format-bytes';
import { readDumpFacts } from '#postgres/dump-facts';
import type { Finding } from '#postgres/readiness';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';
import { findClientPrograms } from '#runtime/find-program';

/**
 * What a dump would find: whether it may read everything, and whether there is a pg_dump for it here (`programs`: where
 * it runs elsewhere, nobody asks). Nothing where nobody has said that there shall be one.
 */
export async function checkDump(source: DumpedSource, environment: Environment, programs: boolean): Promise<Finding[]> {
  if (source.kind === 'postgres' && source.schedules.dump === undefined) return [];
  const { name, dump, connection } = source;
  try {
    const config = await connectOptions(connection, environment);
    const asked = { ...dump, databases: dump.databases, field: `sources.${name}.dump.databases` };
    const { server, databases } = await readDumpFacts(config, asked);
    const sizeBytes = databases.reduce((sum, one) => sum + one.sizeBytes, 0);
    const found = `can be taken of ${databases.map((one) => one.name).join(', ')}: ${formatBytes(sizeBytes)}`;
    return [
      { subject: 'dump', status: 'ok', found },
      ...(server.passwords ? [] : [withoutPasswords]),
      ...(programs ? [await checkPrograms(server.major, environment)] : []),
    ];
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return [failed(failure.message, failure.hint)];
  }
}

const failed = (found: string, hint: string | undefined): Finding => ({
  ...{ subject: 'dump', status: 'failed', found },
  ...(hint === undefined ? {} : { hint }),
});

const withoutPasswords: Finding = {
  subject: 'dump',
  status: 'ok',
  found: 'has roles without their passwords, since pg_authid is not for this role',
};

async function checkPrograms(major: number, environment: Environment): Promise<Finding> {
  const programs = await findClientPrograms(major, environment);
  if ('folder' in programs)
    return { subject: 'pg_dump', status: 'ok', found: `${programs.version}, ${programs.folder}` };
  const there = programs.found.map(({ version, folder }) => `${version} in ${folder}`).join(', ') || 'none is here';
  const hint = `install the client programs of PostgreSQL ${major} or newer, or name their folder with LIFEBOAT_BIN_DIR`;
  return { ...failed(`the server needs one of ${major} or newer: ${there}`, hint), subject: 'pg_dump' };
}
