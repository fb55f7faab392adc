import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { DumpedDatabase, DumpManifest } from '#model/dump-manifest';
import { Failure, InputInvalid, RestoreFailed } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Connection } from '#model/postgres-source';
import { type ArchiveEntry, parseArchiveList } from '#postgres/archive-list';
import { feedProgram } from '#postgres/feed-program';
import { chooseTables } from '#recovery/choose-tables';
import type { Vault } from '#recovery/open-backup';
import { openDump } from '#recovery/read-dump';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';
import type { FoundProgram } from '#runtime/find-program';
import { libpqEnvironment } from '#runtime/libpq-environment';
import { databaseSettings } from './database-settings.ts';
import { isErrorLine, restoreArchive } from './restore-archive.ts';
import { RestoreTarget } from './restore-target.ts';
import { restoringProgram } from './restoring-program.ts';

export interface RestoreDumpWork {
  vault: Vault;
  manifest: DumpManifest;
  /** its name in the dump */
  database: string;
  /** what the database that is made is called */
  as: string;
  /** `schema.table`; empty: everything */
  tables: readonly string[];
  /** everything belongs to who connects, and nobody else is given rights */
  noOwner: boolean;
  connection: Connection;
  environment: Environment;
  /** folder of pg_restore; undefined: looked for */
  binDir: string | undefined;
  signal: AbortSignal;
  onBytes(bytes: number): void;
  onNote(text: string): void;
}

export interface RestoredDump {
  dump: string;
  database: string;
  as: string;
  host: string;
  port: number;
  /** that came with their rows, and how many these are */
  tables: { table: string; rows: number }[];
  /** what belongs to a table and could not come without another one */
  leftOut: string[];
  rawBytes: number;
}

/**
 * Restore a database of a dump, or some of its tables, into a database that is made for it:
 *
 *     look (names, tables, programs, the server) → make the database → pg_restore → compare the whole archive → count rows
 *                                                        any failure → drop it again
 *
 * Nothing is touched before everything was looked at, and no database that was there before is ever touched.
 * @throws InputInvalid, RestoreFailed, ObjectDamaged, KeyUnusable, ConnectionFailed, AuthenticationFailed
 */
export async function restoreDump(work: RestoreDumpWork): Promise<RestoredDump> {
  const { manifest, connection, environment, as, onNote } = work;
  const [place, database] = findDatabase(manifest, work.database);
  const options = await connectOptions(connection, environment);
  const libpq = await libpqEnvironment(connection, environment);
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-dump-restore-'));
  const target = await RestoreTarget.open(options).catch((failure: unknown) => {
    libpq.remove();
    rmSync(folder, { recursive: true });
    throw failure;
  });
  try {
    const restorer = await restoringProgram(manifest, work);
    const entries = await readEntries(work, place, database, restorer.path);
    const chosen = work.tables.length === 0 ? undefined : chooseTables(entries, work.tables, database.owner);
    const settings = chosen ? [] : await settingsOf(work, { place, entries, program: restorer.path, folder });
    for (const left of chosen?.leftOut ?? []) onNote(`left out, since it leads to a table that does not come: ${left}`);
    const list = chosen && join(folder, 'list');
    if (list !== undefined) writeFileSync(list, `${chosen!.ids.map((id) => `${id};`).join('\n')}\n`, { mode: 0o600 });
    await target.check(as, work.noOwner ? undefined : database.owner);
    await target.make(as, database, work.noOwner);
    try {
      const rawBytes = await fill(work, place, { restorer, serverMajor: target.major }, libpq.environment, list);
      await target.apply(settings);
      const tables = await target.countRows(as, chosen?.tables);
      const { host, port } = connection;
      return {
        dump: manifest.dump,
        database: database.name,
        as,
        host,
        port,
        tables,
        leftOut: chosen?.leftOut ?? [],
        rawBytes,
      };
    } catch (failure) {
      throw await dropped(target, as, work.signal.aborted ? work.signal.reason : failure);
    }
  } finally {
    await target.close();
    libpq.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws InputInvalid that names those there are */
export function findDatabase({ databases, dump }: DumpManifest, name: string): [place: number, DumpedDatabase] {
  const place = databases.findIndex((one) => one.name === name);
  if (place >= 0) return [place, databases[place]!];
  const known = databases.map((one) => one.name);
  const meant = nearest(name, known);
  const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
  throw new InputInvalid('--database', name, `one of those in ${dump}: ${known.join(', ')}`, hint);
}

/** Only the beginning of the archive is read: its table of contents. */
async function readEntries(
  { vault, manifest, signal }: RestoreDumpWork,
  place: number,
  { name }: DumpedDatabase,
  program: string,
): Promise<ArchiveEntry[]> {
  const end = await feedProgram({
    program,
    args: ['--list', '--verbose'],
    environment: { LC_ALL: 'C' },
    content: openDump(vault, manifest, signal).archive(place),
    toEnd: false,
    signal,
  });
  if (end.exitCode === 0) return parseArchiveList(end.stdout);
  throw new RestoreFailed(`the table of contents of database ${name} cannot be read: ${end.stderr.at(-1)}`, {
    operation: 'restore dump',
    subject: name,
    hint: 'read the dump back: `lifeboat dump-export` compares all of it',
  });
}

const settingsOf = (
  { vault, manifest, as, noOwner, signal }: RestoreDumpWork,
  { place, ...rest }: { place: number; entries: ArchiveEntry[]; program: string; folder: string },
): Promise<string[]> =>
  databaseSettings({ ...rest, content: openDump(vault, manifest, signal).archive(place), as, noOwner, signal });

/** Answers how many bytes were read. */
async function fill(
  work: RestoreDumpWork,
  place: number,
  { restorer, serverMajor }: { restorer: FoundProgram; serverMajor: number },
  environment: Readonly<Record<string, string>>,
  list: string | undefined,
): Promise<number> {
  const { vault, manifest, as, noOwner, signal } = work;
  let rawBytes = 0;
  const content = openDump(vault, manifest, signal).archive(place);
  const end = await restoreArchive({
    restorer,
    serverMajor,
    args: [...(noOwner ? ['--no-owner', '--no-privileges'] : []), ...(list === undefined ? [] : ['--use-list', list])],
    database: as,
    environment,
    content: counted(content, (bytes) => {
      rawBytes += bytes;
      work.onBytes(bytes);
    }),
    signal,
  });
  if (end.exitCode === 0) return rawBytes;
  const at = end.stderr.findIndex(isErrorLine);
  const said = (at < 0 ? end.stderr.slice(-2) : end.stderr.slice(at, at + 2)).join('; ');
  throw new RestoreFailed(
    `database ${work.database} cannot be restored: ${said || `pg_restore ended by ${end.killedBy}`}`,
    {
      operation: 'restore dump',
      subject: as,
      hint: hintFor(said),
    },
  );
}

function hintFor(said: string): string {
  if (/role "[^"]*" does not exist/.test(said))
    return 'restore the roles first (`lifeboat dump-export --globals`), or let everything belong to who connects: --no-owner';
  if (/extension/.test(said)) return 'install that extension on the server';
  return 'correct what it says on the server and run it again';
}

async function* counted(content: AsyncIterable<Buffer>, tell: (bytes: number) => void): AsyncGenerator<Buffer, void> {
  for await (const block of content) {
    yield block;
    tell(block.length);
  }
}

/** Nobody should take what is half there for what was asked for. The failure says what became of it. */
async function dropped(target: RestoreTarget, as: string, failure: unknown): Promise<unknown> {
  const outcome = await target.drop(as).then(
    () => `database ${as}, which was made for it, is dropped again`,
    (error: Error) =>
      `database ${as}, which was made for it, is half filled and could not be dropped: ${error.message}`,
  );
  if (failure instanceof Error) Object.defineProperty(failure, 'message', { value: `${failure.message}; ${outcome}` });
  if (failure instanceof Failure || !(failure instanceof pg.DatabaseError)) return failure;
  return new RestoreFailed(failure.message, { operation: 'restore dump', subject: as, cause: failure });
}
