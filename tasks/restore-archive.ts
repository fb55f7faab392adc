import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { RestoreFailed } from '#model/failure';
import { run } from '#pipeline/run';
import { asConnectionString } from '#postgres/create-database';
import { feedProgram, type ProgramEnd } from '#postgres/feed-program';
import type { FoundProgram } from '#runtime/find-program';
import { withoutTimeout } from './without-timeout.ts';

export interface ArchiveRestore {
  restorer: FoundProgram;
  /** of the server that it is restored into */
  serverMajor: number;
  /** what is said to pg_restore beside the rest */
  args: readonly string[];
  database: string;
  /** how libpq connects */
  environment: Readonly<Record<string, string>>;
  /** pg_dump's archive; read to its end, whatever becomes of it */
  content: AsyncIterable<Buffer>;
  signal: AbortSignal;
}

/** Servers of this version and newer may end sessions that are idle, as pg_restore's is while it waits for the store. */
const idleTimeout = 14;

/** pg_restore of this version and newer begins with a setting that older servers do not know, and refuse. */
const settingTimeout = 17;

/**
 * An archive into a database, up to the first error; how the program ended that has something to say about it. A server
 * that pg_restore is too new for gets the same statements by psql, without the one that it does not know.
 * @throws what the content throws, however content the programs were; RestoreFailed without the psql that is needed
 */
export async function restoreArchive(work: ArchiveRestore): Promise<ProgramEnd> {
  const { restorer, serverMajor, args, database, content, signal } = work;
  const options = [
    work.environment.PGOPTIONS ?? '',
    ...(serverMajor < idleTimeout ? [] : ['-c idle_session_timeout=0']),
  ];
  const environment = { ...work.environment, PGOPTIONS: options.join(' ') };
  const target = ['--no-password', '--dbname', asConnectionString(database)];
  if (restorer.major < settingTimeout || serverMajor >= settingTimeout) {
    const all = ['--exit-on-error', ...target, ...args];
    return feedProgram({ program: restorer.path, args: all, environment, content, toEnd: true, signal });
  }
  const psql = psqlBeside(restorer, serverMajor);
  const script = new PassThrough({ highWaterMark: 1 << 20 });
  script.on('error', () => undefined); // who reads it rejects with the same error
  const [written, carriedOut] = await run<[ProgramEnd, ProgramEnd]>(signal, (both) => [
    feedProgram({
      program: restorer.path,
      args: ['--exit-on-error', '--file', '-', ...args],
      environment,
      content,
      toEnd: true,
      take: (bytes) => passOn(script, bytes),
      signal: both,
    }).then(
      (end) => {
        script.end();
        return end;
      },
      (failure: Error) => {
        script.destroy(failure);
        throw failure;
      },
    ),
    feedProgram({
      program: psql,
      args: ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--output', '/dev/null', '--file', '-', ...target],
      environment,
      content: withoutTimeout(script),
      toEnd: false,
      signal: both,
    }),
  ]);
  return carriedOut.exitCode === 0 ? written : carriedOut;
}

/** The line that says why, of either program. */
export const isErrorLine = (line: string): boolean => /error: |ERROR: {2}/.test(line);

function psqlBeside({ folder, major }: FoundProgram, serverMajor: number): string {
  const psql = join(folder, 'psql');
  if (existsSync(psql)) return psql;
  throw new RestoreFailed(
    `pg_restore ${major} needs psql to restore into PostgreSQL ${serverMajor}, and ${psql} is not there`,
    {
      operation: 'find programs',
      subject: psql,
      hint: `install the client programs of PostgreSQL ${major} as a whole`,
    },
  );
}

/** Once nobody reads it any more, it is dropped: pg_restore writes on to its end. */
function passOn(script: PassThrough, bytes: Buffer): Promise<unknown> | undefined {
  if (!script.writable || script.write(bytes)) return undefined;
  return new Promise<void>((resolve) => {
    const done = () => {
      script.off('drain', done).off('close', done);
      resolve();
    };
    script.on('drain', done).on('close', done);
  });
}
