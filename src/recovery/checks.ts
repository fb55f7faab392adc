import type { Check } from '#model/postgres-source';
import type { PrivateServer } from '#recovery/private-server';

/** One question to a restored cluster, and its answer. */
export interface CheckResult {
  check: string;
  ok: boolean;
  /** what was found, and what was expected where that differs */
  detail: string;
  durationMs: number;
}

export interface ChecksWork {
  server: PrivateServer;
  /** the cluster that was backed up */
  systemId: string;
  /** the plan's queries with expected answers */
  checks: readonly Check[];
  signal: AbortSignal;
}

/** Ask a running restored cluster everything we know to ask. A check that cannot be asked has failed. */
export async function askChecks(work: ChecksWork): Promise<CheckResult[]> {
  const { server } = work;
  const results = [await ask('system identifier', () => sameSystem(work))];
  const databases = await connectableDatabases(server);
  for (const database of databases) {
    work.signal.throwIfAborted();
    results.push(await ask(`database ${database}`, () => readCatalog(server, database)));
    if (await hasAmcheck(server, database)) {
      results.push(await ask(`amcheck in ${database}`, () => checkIndexes(server, database)));
    }
  }
  return [...results, ...(await askQueries(server, work.checks, work.signal))];
}

/** Whoever asks a database something, and is answered in text. */
export type Asking = Pick<PrivateServer, 'query'>;

/** The plan's own questions. */
export async function askQueries(
  server: Asking,
  checks: readonly Check[],
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    signal.throwIfAborted();
    results.push(await ask(`query ${check.name}`, () => compareAnswer(server, check)));
  }
  return results;
}

interface Answer {
  ok: boolean;
  detail: string;
}

async function ask(check: string, question: () => Promise<Answer>): Promise<CheckResult> {
  const begun = performance.now();
  const answer = await question().catch((error: Error): Answer => ({ ok: false, detail: error.message }));
  return { check, ...answer, durationMs: Math.round(performance.now() - begun) };
}

async function sameSystem({ server, systemId }: ChecksWork): Promise<Answer> {
  const [row] = await server.query('template1', 'select system_identifier::text as id from pg_control_system()');
  if (row?.id === systemId) return { ok: true, detail: systemId };
  return { ok: false, detail: `found ${row?.id}, expected ${systemId}` };
}

async function connectableDatabases(server: PrivateServer): Promise<string[]> {
  const rows = await server.query('template1', 'select datname from pg_database where datallowconn order by oid');
  return rows.map((row) => row.datname!);
}

/** Every column of the catalogs that everything else is found through. */
async function readCatalog(server: PrivateServer, database: string): Promise<Answer> {
  const [row] = await server.query(
    database,
    `select (select count(*) from pg_class c where c is not null) as relations,
            (select count(a::text) from pg_attribute a) as columns,
            (select count(t::text) from pg_type t) as types,
            (select count(p.oid) from pg_proc p) as functions`,
  );
  return { ok: true, detail: `${row!.columns} columns of ${row!.types} types are readable` };
}

async function hasAmcheck(server: PrivateServer, database: string): Promise<boolean> {
  const rows = await server.query(database, "select 1 from pg_extension where extname = 'amcheck'").catch(() => []); // that the database does not answer is told by the check before this one
  return rows.length > 0;
}

async function checkIndexes(server: PrivateServer, database: string): Promise<Answer> {
  const [row] = await server.query(
    database,
    `select count(bt_index_check(i.indexrelid)) as checked
       from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
      where a.amname = 'btree' and c.relpersistence = 'p' and i.indisready and i.indisvalid and c.relkind = 'i'`,
  );
  return { ok: true, detail: `${row!.checked} B-tree indexes are sound` };
}

async function compareAnswer(server: Asking, check: Check): Promise<Answer> {
  const [row] = await server.query(check.database, check.query);
  const found = row === undefined ? 'no row' : (Object.values(row)[0] ?? 'null');
  const expected = typeof check.expect === 'boolean' ? (check.expect ? 't' : 'f') : String(check.expect);
  return found === expected
    ? { ok: true, detail: found }
    : { ok: false, detail: `found ${found}, expected ${expected}` };
}
