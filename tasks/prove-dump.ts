import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { readDump } from '#catalog/dumps';
import type { DumpId } from '#model/dump-id';
import type { DumpedDatabase, DumpManifest } from '#model/dump-manifest';
import { RestoreFailed } from '#model/failure';
import type { Check } from '#model/postgres-source';
import type { ProveDumpResult } from '#model/task-result';
import { createDatabase } from '#postgres/create-database';
import { feedProgram, type ProgramEnd } from '#postgres/feed-program';
import type { Account } from '#postgres/server-process';
import { decodeScript } from '#postgres/text-encoding';
import { askQueries } from '#recovery/checks';
import type { Vault } from '#recovery/open-backup';
import { type OpenDump, openDump } from '#recovery/read-dump';
import { type ThrowAwayGlobals, throwAwayGlobals } from '#recovery/throw-away-globals';
import type { Environment } from '#runtime/environment';
import { takeDrillPlace } from './drill-place.ts';
import { hinderedProof, judgeDump, restoreDumpOperation } from './judge-dump.ts';
import { type ProofPrograms, proofPrograms } from './proof-programs.ts';
import { readAll } from './read-all.ts';
import { isErrorLine, restoreArchive } from './restore-archive.ts';
import { ThrowAwayServer } from './throw-away-server.ts';
import { isDamage } from './verify-parts.ts';

export interface ProofWork {
  source: string;
  dump: DumpId;
  vault: Vault;
  /** whether it is restored, too */
  restore: boolean;
  /** of the source; those of databases that are not in the dump, or have no rows in it, are not asked */
  checks: readonly Check[];
  environment: Environment;
  /** the folder of all drills, and the name of this proof's own folder in it */
  parent: string;
  name: string;
  account: Account | undefined;
  /** LIFEBOAT_BIN_DIR */
  binDir: string | undefined;
  now(): Date;
  signal: AbortSignal;
  onProgress(phase: string, doneBytes: number, totalBytes: number): void;
  /** a log line of the throw-away server */
  onLog(line: string): void;
}

/** How far a proof has come. */
interface Course {
  /** what the server said last */
  log: string[];
  rawBytes: number;
  totalBytes: number;
  databases: ProveDumpResult['databases'];
  checks: ProveDumpResult['checks'];
  restored: boolean;
}

const keptLines = 200;
const maxGlobalsBytes = 64 << 20;

/**
 * Reads every byte of a dump back, and restores it into a server that nobody else can reach and that is gone afterwards:
 *
 *     globals → each database: made as it was, pg_restore fed from the store → the plan's checks
 *
 * Each archive is read to its end whatever pg_restore makes of it, since only the end says whether it is as it was
 * written. That a dump is damaged, or cannot be restored, is an answer; what kept us from trying is thrown.
 */
export async function proveDump(work: ProofWork): Promise<ProveDumpResult> {
  const startedAt = work.now();
  const course: Course = { log: [], rawBytes: 0, totalBytes: 0, databases: [], checks: [], restored: false };
  try {
    const manifest = await readDump(work.vault.store, work.source, work.dump);
    course.totalBytes = manifest.rawBytes;
    const dump = openDump(work.vault, manifest, work.signal);
    if (work.restore) await restoreAll(work, course, manifest, dump);
    else await readBack(work, course, manifest, dump);
    return describe(work, course, startedAt, null);
  } catch (failure) {
    if (work.signal.aborted) throw work.signal.reason;
    if (judgeDump(failure, course.log) === 'hindered') throw hinderedProof(failure, course.log);
    return describe(work, course, startedAt, failure as Error);
  }
}

/** As it was written, and pg_restore reads what is in it. */
async function readBack(work: ProofWork, course: Course, manifest: DumpManifest, dump: OpenDump): Promise<void> {
  const { restorer } = await proofPrograms(manifest, work, { withServer: false });
  const phase = 'read back';
  await readAll(counted(work, course, phase, dump.globals()), maxGlobalsBytes);
  for (const [index, { name }] of manifest.databases.entries()) {
    const end = await feedProgram({
      program: restorer.path,
      args: ['--list'],
      environment: { LC_ALL: 'C' },
      content: counted(work, course, phase, dump.archive(index)),
      toEnd: true,
      signal: work.signal,
    });
    if (end.exitCode !== 0) throw refused(`the table of contents of database ${name} cannot be read`, name, end);
  }
}

async function restoreAll(work: ProofWork, course: Course, manifest: DumpManifest, dump: OpenDump): Promise<void> {
  const programs = await proofPrograms(manifest, work, { withServer: true });
  await dump.dataKey();
  const place = takeDrillPlace(work.parent, work.name);
  try {
    const script = await readAll(counted(work, course, 'restore', dump.globals()), maxGlobalsBytes);
    const globals = throwAwayGlobals(decodeScript(script), join(place.folder, 'tablespaces'));
    const server = await ThrowAwayServer.start({
      ...work,
      place,
      binDir: programs.server!.folder,
      superuser: globals.superuser,
      onLog(line) {
        course.log.push(line);
        if (course.log.length > keptLines) course.log.shift();
        work.onLog(line);
      },
    });
    // a question may take hours, and whoever wants the end does not wait for its answer
    const hangUp = () => void server.stop();
    work.signal.addEventListener('abort', hangUp, { once: true });
    const [tried] = await Promise.allSettled([fillAndAsk(work, course, { manifest, dump, programs, server, globals })]);
    work.signal.removeEventListener('abort', hangUp);
    const end = await server.stop();
    const failure = tried.status === 'rejected' ? tried.reason : undefined;
    if (end.signal === 'SIGKILL' && !isDamage(failure)) throw killed(place.dataDir, failure);
    if (failure !== undefined) throw failure;
  } finally {
    place.remove();
  }
}

interface Proof {
  manifest: DumpManifest;
  dump: OpenDump;
  programs: ProofPrograms;
  server: ThrowAwayServer;
  globals: ThrowAwayGlobals;
}

async function fillAndAsk(
  work: ProofWork,
  course: Course,
  { manifest, dump, programs, server, globals }: Proof,
): Promise<void> {
  await makeGlobals(work, server, globals);
  for (const [index, database] of manifest.databases.entries()) {
    const content = counted(work, course, 'restore', dump.archive(index));
    course.databases.push(await restoreOne(work, server, programs, database, content));
  }
  course.restored = true;
  course.checks = await askQueries(server, checksOf(work, manifest), work.signal);
  work.signal.throwIfAborted();
}

/** We send no such signal. */
const killed = (dataDir: string, cause: unknown): RestoreFailed =>
  new RestoreFailed('the throw-away server was killed while the dump was restored or asked', {
    operation: 'ask server',
    subject: dataDir,
    hint: 'nothing is said about the dump: see whether this machine had no memory left (the kernel says so in its log)',
    cause,
  });

async function makeGlobals(work: ProofWork, server: ThrowAwayServer, globals: ThrowAwayGlobals): Promise<void> {
  for (const folder of globals.tablespaces) {
    mkdirSync(folder, { mode: 0o700 });
    if (work.account) chownSync(folder, work.account.uid, work.account.gid);
  }
  const client = await server.connect(server.ownDatabase);
  try {
    for (const statement of globals.statements) {
      work.signal.throwIfAborted();
      await client.query(statement).catch((cause: unknown) => {
        // what comes behind the first words may be a password
        throw serverRefused(`the globals cannot be restored: ${statement.split(' ', 3).join(' ')} …`, 'globals', cause);
      });
    }
  } finally {
    await client.end();
  }
}

async function restoreOne(
  { signal }: ProofWork,
  server: ThrowAwayServer,
  { restorer, server: { major: serverMajor } = restorer }: ProofPrograms,
  database: DumpedDatabase,
  content: AsyncIterable<Buffer>,
): Promise<ProveDumpResult['databases'][number]> {
  const { name } = database;
  const begun = performance.now();
  await makeRoom(server, name);
  await server.query(server.ownDatabase, createDatabase(name, database)).catch((cause: unknown) => {
    throw serverRefused(`database ${name} cannot be made`, name, cause);
  });
  const end = await restoreArchive({
    restorer,
    serverMajor,
    args: [],
    database: name,
    environment: { LC_ALL: 'C', TZ: 'UTC', PGHOST: server.socketFolder, PGPORT: '5432', PGUSER: server.user },
    content,
    signal,
  });
  if (end.exitCode !== 0) throw refused(`database ${name} cannot be restored`, name, end);
  const [row] = await server.query(name, countTables);
  return { name, tables: Number(row!.tables), durationMs: Math.round(performance.now() - begun) };
}

const countTables = `
  select count(*) as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** template1 is there already, and cannot be dropped as it is. */
async function makeRoom(server: ThrowAwayServer, name: string): Promise<void> {
  if (name !== 'template1') return;
  await server.query(server.ownDatabase, `ALTER DATABASE template1 IS_TEMPLATE false`);
  await server.query(server.ownDatabase, 'DROP DATABASE template1');
}

function checksOf({ checks }: ProofWork, { kind, databases }: DumpManifest): Check[] {
  if (kind === 'schema') return [];
  return checks.filter(({ database }) => databases.some(({ name }) => name === database));
}

async function* counted(
  { onProgress }: ProofWork,
  course: Course,
  phase: string,
  content: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void> {
  onProgress(phase, course.rawBytes, course.totalBytes);
  for await (const block of content) {
    yield block;
    course.rawBytes += block.length;
    onProgress(phase, course.rawBytes, course.totalBytes);
  }
}

/** A program that was killed says nothing: see judgeDump for the words. */
function refused(what: string, subject: string, { exitCode, killedBy, stderr }: ProgramEnd): RestoreFailed {
  const line = stderr.find(isErrorLine) ?? stderr.at(-1) ?? `it ended with exit code ${exitCode}`;
  const signals: Partial<Record<string, string>> = { SIGKILL: '9' };
  const why = killedBy ? `pg_restore was terminated by signal ${signals[killedBy] ?? killedBy}` : line;
  return new RestoreFailed(`${what}: ${why}`, { operation: restoreDumpOperation, subject });
}

/** Whoever lost the connection looks at the server's log: see judgeDump. */
function serverRefused(what: string, subject: string, cause: unknown): RestoreFailed {
  const operation = cause instanceof pg.DatabaseError ? restoreDumpOperation : 'ask server';
  return new RestoreFailed(`${what}: ${(cause as Error).message}`, { operation, subject, cause });
}

function describe(work: ProofWork, course: Course, startedAt: Date, failure: Error | null): ProveDumpResult {
  const finishedAt = work.now();
  const { databases, checks, rawBytes, restored } = course;
  const ok = failure === null && checks.every((check) => check.ok);
  return {
    source: work.source,
    dump: work.dump,
    ok,
    verdict: !ok ? 'broken' : restored ? 'proven' : 'verified',
    restored,
    failure: failure && { name: failure.name, message: failure.message },
    checks,
    databases,
    rawBytes,
    durationMs: Math.max(0, finishedAt.getTime() - startedAt.getTime()),
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
  };
}
