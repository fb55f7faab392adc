import { PassThrough } from 'node:stream';
import type pg from 'pg';
import { catalogDump, commitDump } from '#catalog/dumps';
import { dumpId } from '#model/dump-id';
import type { DumpedDatabase, DumpManifest } from '#model/dump-manifest';
import { ServerUnsuitable } from '#model/failure';
import { blockBytes } from '#pipeline/container';
import type { KeyRing } from '#pipeline/data-key';
import type { PartRecord } from '#pipeline/part-record';
import { run } from '#pipeline/run';
import { PartWriter } from '#pipeline/write-parts';
import { type DatabaseFacts, type DumpedServer, databaseClock, readDumpFacts } from '#postgres/dump-facts';
import type { FoundProgram } from '#runtime/find-program';
import { type DumpCall, streamDatabase, streamGlobals } from '#sources/dump';
import { dumpPartName } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { clearLeftovers } from './clear-leftovers.ts';
import { DumpObjects } from './dump-objects.ts';

export interface DumpWork {
  source: string;
  /** undefined: all that take connections and are no templates */
  databases: readonly string[] | undefined;
  schemaOnly: boolean;
  store: ObjectStore;
  /** undefined: the plan says `encryption: none` */
  keyRing: KeyRing | undefined;
  connection: pg.ClientConfig;
  /** the same connection, for PostgreSQL's programs */
  libpq: Readonly<Record<string, string>>;
  /** pg_dump and its siblings of at least that major version, or those that were found */
  findPrograms(major: number): Promise<FoundProgram | { found: FoundProgram[] }>;
  level: number;
  lanes: number;
  /** how long pg_dump waits for who has locked a table; its own default else */
  lockWaitMs?: number;
  /** raw bytes of a part; a multiple of the block */
  partBytes?: number;
  requestedBy: string;
  execution: string | null;
  startedAt: Date;
  now(): Date;
  signal: AbortSignal;
  onProgress(progress: DumpProgress): void;
  /** something that a person should know, though the dump is good */
  onWarning(text: string): void;
}

export interface DumpProgress {
  phase: 'check' | 'globals' | 'databases' | 'commit';
  /** whose archive is being written */
  database?: string;
  doneBytes: number;
  /** by what databases take on the server's disk, which their archives do only roughly; 0 when it is not known yet */
  totalBytes: number;
}

const partBytes = 256 << 20;

/** Dumps databases, one after the other. It is committed when this settles, and nothing of it counts when this rejects. */
export async function takeDump(work: DumpWork): Promise<DumpManifest> {
  const { source, store, keyRing, connection, schemaOnly, startedAt, signal } = work;
  work.onProgress({ phase: 'check', doneBytes: 0, totalBytes: 0 });
  const field = `sources.${source}.dump.databases`;
  const { server, databases } = await readDumpFacts(connection, { databases: work.databases, field, schemaOnly });
  const programs = await programsFor(work, server);
  const lockWait = work.lockWaitMs === undefined ? {} : { lockWaitMs: work.lockWaitMs };
  const call: DumpCall = { binDir: programs.folder, environment: work.libpq, signal, ...lockWait };
  if (!server.passwords) {
    work.onWarning('the role may not read pg_authid: the dump has roles without their passwords');
  }
  const id = dumpId(startedAt, schemaOnly ? 'schema' : 'dump');
  const key = await keyRing?.create(`${source}/${id}`);
  const objects = new DumpObjects(store, { source, id, dataKey: key?.dataKey });
  const globals = await dumpGlobals(work, call, objects, server);
  const dumped = await dumpDatabases(work, call, objects, databases);
  const rawBytes = globals.rawBytes + sum(dumped.map((one) => one.rawBytes));
  const storedBytes = globals.storedBytes + sum(dumped.flatMap(({ parts }) => parts.map((part) => part.storedBytes)));
  work.onProgress({ phase: 'commit', doneBytes: rawBytes, totalBytes: rawBytes });
  const manifest: DumpManifest = {
    format: 'lifeboat-dump/1',
    source,
    dump: id,
    kind: schemaOnly ? 'schema' : 'dump',
    server: { version: server.version, major: server.major },
    client: programs.version,
    globals,
    databases: dumped,
    rawBytes,
    storedBytes,
    compression: { codec: 'zstd', level: work.level },
    encryption: key ? { cipher: 'aes-256-gcm', key: key.wrapped } : null,
    startedAt: startedAt.toISOString(),
    finishedAt: work.now().toISOString(),
    requestedBy: work.requestedBy,
    execution: work.execution,
  };
  signal.throwIfAborted();
  await commitDump(store, manifest);
  await catalogDump(store, manifest).catch((failure: Error) => {
    work.onWarning(`the dump is committed, but the catalog could not be brought up to date: ${failure.message}`);
  });
  await clearLeftovers(store, work);
  return manifest;
}

async function programsFor({ findPrograms, connection }: DumpWork, { version, major }: DumpedServer) {
  const programs = await findPrograms(major);
  if ('folder' in programs) return programs;
  const { host, port } = connection;
  const [newest] = programs.found;
  const there = newest ? `the newest here is ${newest.major}, in ${newest.folder}` : 'there is none here';
  throw new ServerUnsuitable(
    `${host}:${port} runs PostgreSQL ${version}, which needs a pg_dump of ${major} or newer; ${there}`,
    {
      operation: 'dump',
      subject: `${host}:${port}`,
      hint: `install the client programs of PostgreSQL ${major} or newer, or name their folder with LIFEBOAT_BIN_DIR`,
    },
  );
}

async function dumpGlobals(
  work: DumpWork,
  call: DumpCall,
  objects: DumpObjects,
  { passwords }: DumpedServer,
): Promise<DumpManifest['globals']> {
  work.onProgress({ phase: 'globals', doneBytes: 0, totalBytes: 0 });
  const content = new PassThrough({ highWaterMark: 1 << 20 });
  content.on('error', () => undefined); // the put that reads it rejects with the same error
  const database = work.connection.database ?? 'postgres';
  const [said, stored] = await run(work.signal, (signal) => {
    const put = objects.putGlobals(content, work.level, signal);
    const streamed = streamGlobals({ ...call, signal }, { database, passwords }, (bytes) => {
      if (content.write(bytes)) return undefined;
      return Promise.race([new Promise<void>((resolve) => content.once('drain', resolve)), put]);
    });
    const ended = streamed.then(
      (said) => {
        content.end();
        return said;
      },
      (failure: Error) => {
        content.destroy(failure);
        throw failure;
      },
    );
    return [ended, put];
  });
  for (const note of said.notes) work.onWarning(`pg_dumpall: ${note}`);
  return { ...stored, passwords };
}

async function dumpDatabases(
  work: DumpWork,
  call: DumpCall,
  objects: DumpObjects,
  databases: readonly DatabaseFacts[],
): Promise<DumpedDatabase[]> {
  const totalBytes = work.schemaOnly ? 0 : sum(databases.map(({ sizeBytes }) => sizeBytes));
  const records: PartRecord[] = [];
  const writer = partWriter(work, objects, (part) => records.push(part));
  const dumped: DumpedDatabase[] = [];
  let doneBytes = 0;
  try {
    for (const [place, facts] of databases.entries()) {
      const { name } = facts;
      work.onProgress({ phase: 'databases', database: name, doneBytes, totalBytes });
      const startedAt = await databaseClock({ ...work.connection, database: name });
      const begunAtMs = performance.now();
      writer.begin(String(place));
      const { notes, ...archive } = await streamDatabase(
        call,
        { database: name, schemaOnly: work.schemaOnly },
        (bytes) => {
          doneBytes += bytes.length;
          work.onProgress({
            phase: 'databases',
            database: name,
            doneBytes,
            totalBytes: Math.max(totalBytes, doneBytes),
          });
          return writer.write(bytes);
        },
      );
      for (const note of notes) work.onWarning(`pg_dump of ${JSON.stringify(name)}: ${note}`);
      const finishedAt = new Date(startedAt.getTime() + Math.round(performance.now() - begunAtMs));
      const times = { startedAt: startedAt.toISOString(), finishedAt: finishedAt.toISOString() };
      dumped.push({ ...facts, ...times, parts: [], ...archive });
    }
    await writer.finish();
  } catch (failure) {
    await writer.abandon(failure);
    throw failure;
  }
  return dumped.map((database, place) => ({ ...database, parts: partsOf(records, place) }));
}

function partWriter(work: DumpWork, objects: DumpObjects, onPart: (part: PartRecord) => void): PartWriter {
  const { level, lanes, signal } = work;
  return new PartWriter({
    format: 'bytes',
    blockBytes,
    partBytes: work.partBytes ?? partBytes,
    lanes,
    level,
    dataKey: objects.dataKey,
    name: (place, part) => dumpPartName(Number(place), part),
    header: (place, part) => objects.header('dump', { database: Number(place), part }),
    store: (name, body) => objects.putPart(name, body, signal),
    onPart,
    signal,
  });
}

const partsOf = (records: readonly PartRecord[], place: number): DumpedDatabase['parts'] =>
  records
    .filter(({ archive }) => archive === String(place))
    .sort((a, b) => a.part - b.part)
    .map(({ name, rawBytes, storedBytes, sha256 }) => ({ name, rawBytes, storedBytes, sha256 }));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
