import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DumpedDatabase, DumpManifest } from '#model/dump-manifest';
import { InputInvalid, RestoreFailed } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Connection } from '#model/postgres-source';
import { type ArchiveEntry, parseArchiveList } from '#postgres/archive-list';
import { feedProgram } from '#postgres/feed-program';
import { decodeText } from '#postgres/text-encoding';
import { type ChosenTables, chooseTables } from '#recovery/choose-tables';
import type { Vault } from '#recovery/open-backup';
import { openDump } from '#recovery/read-dump';
import { connectOptions } from '#runtime/connect-options';
import type { Environment } from '#runtime/environment';
import type { FoundProgram } from '#runtime/find-program';
import { libpqEnvironment } from '#runtime/libpq-environment';
import { databaseSettings } from './database-settings.ts';
import { isErrorLine, restoreArchive } from './restore-archive.ts';
import { RestoreTarget, rolesFirst } from './restore-target.ts';
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
  /** everything lies in the server's default tablespace */
  noTablespaces: boolean;
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
 *     look (names, tables, programs, the server, roles) → make the database, under a working name → pg_restore
 *       → compare the whole archive → count rows → settings and rights, then the name that was asked for
 *
 *     a failure before the last step → drop it again; in it → it is whole, and stays under its working name
 *
 * No database of the name that was asked for is there before it is whole, and none that was there before is ever touched.
 * @throws InputInvalid, RestoreFailed, ObjectDamaged, KeyUnusable, ConnectionFailed, AuthenticationFailed
 */
export async function restoreDump(work: RestoreDumpWork): Promise<RestoredDump> {
  const { manifest, connection, environment } = work;
  const [place, database] = findDatabase(manifest, work.database);
  const options = await connectOptions(connection, environment);
  const libpq = await libpqEnvironment(connection, environment);
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-dump-restore-'));
  try {
    const target = await RestoreTarget.open(options);
    const ready = await prepare(work, { place, database, target, folder });
    await target.make(database, work.noOwner);
    const filled = await fillAndCount(work, place, ready, libpq.environment).catch(async (failure: unknown) => {
      throw await dropped(target, work.signal.aborted ? work.signal.reason : failure);
    });
    await target.finish(work.as, ready.settings);
    const { host, port } = connection;
    const leftOut = ready.chosen?.leftOut ?? [];
    return { dump: manifest.dump, database: database.name, as: work.as, host, port, ...filled, leftOut };
  } finally {
    libpq.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface ReadyRestore {
  target: RestoreTarget;
  restorer: FoundProgram;
  chosen: ChosenTables | undefined;
  /** a file with what of the archive is wanted; undefined: everything */
  list: string | undefined;
  /** what sets what belongs to the database itself */
  settings: string[];
}

/** All that can be seen before anything is made. */
async function prepare(
  work: RestoreDumpWork,
  {
    place,
    database,
    target,
    folder,
  }: { place: number; database: DumpedDatabase; target: RestoreTarget; folder: string },
): Promise<ReadyRestore> {
  const { vault, manifest, as, noOwner, signal } = work;
  const restorer = await restoringProgram(manifest, work);
  const entries = await readEntries(work, place, database, restorer.path);
  const chosen = work.tables.length === 0 ? undefined : chooseTables(entries, work.tables, database.owner);
  const content = () => openDump(vault, manifest, signal).archive(place);
  const program = restorer.path;
  const settings = chosen
    ? []
    : await databaseSettings({ program, entries, content: content(), folder, as: target.working, noOwner, signal });
  for (const left of chosen?.leftOut ?? [])
    work.onNote(`left out, since it leads to a table that does not come: ${left}`);
  const list = chosen && join(folder, 'list');
  if (list !== undefined) writeFileSync(list, `${chosen!.ids.map((id) => `${id};`).join('\n')}\n`, { mode: 0o600 });
  await target.check(as, noOwner ? undefined : database.owner);
  return { target, restorer, chosen, list, settings };
}

async function fillAndCount(
  work: RestoreDumpWork,
  place: number,
  ready: ReadyRestore,
  environment: Readonly<Record<string, string>>,
): Promise<Pick<RestoredDump, 'tables' | 'rawBytes'>> {
  const { signal, onNote } = work;
  const { target, chosen, settings } = ready;
  await target.rehearse(settings);
  const rawBytes = await fill(work, place, ready, environment);
  for (const name of await target.detachSubscriptions())
    onNote(`subscription ${name} is there, switched off and without its slot, which is the one of the source`);
  const tables = await target.countRows(chosen?.tables, signal).catch((failure: Error) => {
    signal.throwIfAborted();
    onNote(`all of it was restored, but its rows could not be counted: ${failure.message}`);
    return [];
  });
  signal.throwIfAborted();
  return { tables, rawBytes };
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
  { name, encoding }: DumpedDatabase,
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
  if (end.exitCode === 0) return parseArchiveList(decodeText(end.stdout, encoding));
  throw new RestoreFailed(`the table of contents of database ${name} cannot be read: ${end.stderr.at(-1)}`, {
    operation: 'restore dump',
    subject: name,
    hint: 'read the dump back: `lifeboat dump-export` compares all of it',
  });
}

/** Answers how many bytes were read. */
async function fill(
  work: RestoreDumpWork,
  place: number,
  { target, restorer, list }: ReadyRestore,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const { vault, manifest, noOwner, noTablespaces, signal } = work;
  let rawBytes = 0;
  const content = openDump(vault, manifest, signal).archive(place);
  const end = await restoreArchive({
    restorer,
    serverMajor: target.major,
    args: [
      ...(noOwner ? ['--no-owner', '--no-privileges'] : []),
      ...(noTablespaces ? ['--no-tablespaces'] : []),
      ...(list === undefined ? [] : ['--use-list', list]),
    ],
    database: target.working,
    environment,
    content: counted(content, (bytes) => {
      rawBytes += bytes;
      work.onBytes(bytes);
    }),
    signal,
  });
  if (end.exitCode === 0) return rawBytes;
  const said = whyRefused(end.stderr);
  throw new RestoreFailed(
    `database ${work.database} cannot be restored: ${said || `pg_restore ended by ${end.killedBy}`}`,
    { operation: 'restore dump', subject: work.as, hint: hintFor(said) },
  );
}

/** The error, what is said about it, and which entry of the archive it is about; but no statement, which may hold a password. */
function whyRefused(stderr: readonly string[]): string {
  const at = stderr.findIndex(isErrorLine);
  if (at < 0) return stderr.slice(-2).join('; ');
  const about = stderr.slice(0, at).findLast((line) => line.includes('from TOC entry '));
  const next = stderr.slice(at + 1, at + 3).filter((line) => /^(?:DETAIL|HINT): /.test(line));
  return [stderr[at]!, ...next, ...(about === undefined ? [] : [about.replace(/^pg_restore: /, '')])].join('; ');
}

function hintFor(said: string): string {
  if (/role "[^"]*" does not exist/.test(said)) return rolesFirst;
  if (/tablespace/i.test(said))
    return 'make that tablespace on the server first, for whoever owns the tables, or let everything lie in the default one: --no-tablespaces';
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
async function dropped(target: RestoreTarget, failure: unknown): Promise<unknown> {
  const outcome = await target.drop().then(
    () => 'the database that was made for it is dropped again',
    (error: Error) =>
      `database ${target.working}, which was made for it, is half filled and could not be dropped: ${error.message}`,
  );
  if (failure instanceof Error) Object.defineProperty(failure, 'message', { value: `${failure.message}; ${outcome}` });
  return failure;
}
