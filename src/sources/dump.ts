import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BackupIncomplete } from '#model/failure';
import { asConnectionString } from '#postgres/create-database';
import { ArchiveContents } from '#sources/archive-contents';
import { streamProgram, type TakeBytes } from '#sources/stream-program';

/** How PostgreSQL's programs are called. */
export interface DumpCall {
  /** with pg_dump, pg_dumpall and pg_restore */
  binDir: string;
  /** how libpq connects, and nothing else */
  environment: Readonly<Record<string, string>>;
  /** how long pg_dump waits for who has locked a table (30 minutes) */
  lockWaitMs?: number;
  signal: AbortSignal;
}

export interface DumpedArchive {
  rawBytes: number;
  /** of all raw bytes, hexadecimal */
  sha256: string;
  /** what pg_dump said, though it went well */
  notes: string[];
}

/**
 * The archive of one database in pg_dump's custom format, uncompressed, as `take` takes it. Its name is passed on by the
 * environment: as an argument `a=b` and `postgresql://…` would mean something else.
 * Source: https://www.postgresql.org/docs/current/app-pgdump.html
 * @throws BackupIncomplete unless pg_dump ends well, and what it wrote begins with a readable table of contents
 */
export async function streamDatabase(
  { binDir, environment, lockWaitMs = 30 * 60_000, signal }: DumpCall,
  { database, schemaOnly }: { database: string; schemaOnly: boolean },
  take: TakeBytes,
): Promise<DumpedArchive> {
  const subject = `database ${JSON.stringify(database)}`;
  const args = ['--format=custom', '--compress=0', '--no-password', `--lock-wait-timeout=${lockWaitMs}`];
  if (schemaOnly) args.push('--schema-only');
  const call = { program: join(binDir, 'pg_dump'), args, subject, hintFor: hintForLocks, signal };
  const contents = new ArchiveContents(binDir, subject);
  const hash = createHash('sha256');
  let rawBytes = 0;
  try {
    const notes = await streamProgram(
      { ...call, environment: { ...environment, PGDATABASE: database } },
      async (bytes) => {
        hash.update(bytes);
        rawBytes += bytes.length;
        await contents.feed(bytes);
        await take(bytes);
      },
    );
    await contents.end();
    return { rawBytes, sha256: hash.digest('hex'), notes };
  } finally {
    await contents.abandon();
  }
}

/** It locks all tables first, so that none changes; that it waited too long for one is told with that statement. */
const hintForLocks = (said: string): string | undefined =>
  said.includes('LOCK TABLE')
    ? 'somebody has locked a table, or dropped one, while it was dumped (VACUUM FULL, ALTER TABLE, a transaction that was ' +
      'forgotten: look at pg_locks and pg_stat_activity); take the dump when that has ended'
    : undefined;

/** What pg_dumpall writes last. */
const globalsEnd = '-- PostgreSQL database cluster dump complete';

/**
 * SQL with the roles, their memberships and settings, and the tablespaces of a server. `database`: where it connects.
 * Source: https://www.postgresql.org/docs/current/app-pg-dumpall.html
 * @throws BackupIncomplete unless pg_dumpall ends well, and with its own last words
 */
export async function streamGlobals(
  { binDir, environment, signal }: DumpCall,
  { database, passwords }: { database: string; passwords: boolean },
  take: TakeBytes,
): Promise<{ rawBytes: number; notes: string[] }> {
  const subject = 'roles and tablespaces';
  const args = ['--globals-only', '--no-password', '--database', asConnectionString(database)];
  if (!passwords) args.push('--no-role-passwords');
  let rawBytes = 0;
  let tail = '';
  const notes = await streamProgram(
    { program: join(binDir, 'pg_dumpall'), args, environment, subject, signal },
    (bytes) => {
      rawBytes += bytes.length;
      tail = (tail + bytes.toString('latin1')).slice(-200);
      return take(bytes);
    },
  );
  if (tail.includes(globalsEnd)) return { rawBytes, notes };
  throw new BackupIncomplete(`pg_dumpall of ${subject} ended without "${globalsEnd}"`, { operation: 'dump', subject });
}
