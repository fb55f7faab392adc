import pg from 'pg';
import { InputInvalid, ServerError, ServerUnsuitable } from '#model/failure';
import { nearest } from '#model/nearest';
import { type ConnectionTarget, explainConnectionError, quoteRole } from '#postgres/connection-failure';
import { explainNetworkError } from '#postgres/network-failure';
import { ownSession } from '#postgres/own-session';

/** What a dump records of its server. */
export interface DumpedServer {
  version: string;
  major: number;
  /** whether the role may read the passwords of roles (hashed, as pg_authid has them) */
  passwords: boolean;
}

/** What a dump records of a database before it is dumped. */
export interface DatabaseFacts {
  name: string;
  owner: string;
  encoding: string;
  collate: string;
  ctype: string;
  /** where its default collation is none of libc: whose, and which */
  locale?: { provider: 'icu' | 'builtin'; name: string };
  sizeBytes: number;
}

/**
 * Ask a server about itself and the databases that shall be dumped: all that take connections and are no templates, by
 * name, or those that are named. Says before anything is dumped what would make a dump fail later.
 * `field` is for messages: where they are named.
 * @throws InputInvalid for a database that is not there; ServerUnsuitable for rights; ConnectionFailed, ServerError
 */
export async function readDumpFacts(
  config: pg.ClientConfig,
  asked: { databases: readonly string[] | undefined; field: string; schemaOnly: boolean },
): Promise<{ server: DumpedServer; databases: DatabaseFacts[] }> {
  const facts = await ask(config, async (query, target) => {
    const [server] = await query(serverQuery);
    const rows = chosen(await query(databasesQuery), asked, target);
    return {
      server: {
        version: server!.version!,
        major: Math.floor(Number(server!.version_num) / 10_000),
        passwords: server!.passwords === 't',
      },
      databases: rows.map(describe),
    };
  });
  for (const { name } of facts.databases) await checkRights({ ...config, database: name }, asked.schemaOnly);
  return facts;
}

/** The server's clock in one of its databases, milliseconds kept: never later than what is seen after it. */
export const databaseClock = (config: pg.ClientConfig): Promise<Date> =>
  ask(config, async (query) => {
    const [row] = await query('select floor(extract(epoch from clock_timestamp()) * 1000)::text as ms');
    return new Date(Number(row!.ms));
  });

type Row = Record<string, string | null>;
type Query = (sql: string) => Promise<Row[]>;

async function ask<T>(
  config: pg.ClientConfig,
  work: (query: Query, target: ConnectionTarget) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...ownSession(config), types: { getTypeParser: () => (text: string) => text } });
  client.on('error', () => undefined); // the query that needs the connection reports it
  const { host, port, user = '', database = '' } = client;
  const target = { host, port, user, database };
  try {
    await client.connect().catch((error: unknown) => {
      throw explainConnectionError(error, target);
    });
    const query: Query = async (sql) => {
      try {
        return (await client.query<Row>(sql)).rows;
      } catch (error) {
        throw explainQueryError(error, target);
      }
    };
    return await work(query, target);
  } finally {
    // who waits for a password that never comes would wait long
    void client.end().catch(() => undefined);
  }
}

function explainQueryError(error: unknown, target: ConnectionTarget): Error {
  if (!(error instanceof pg.DatabaseError)) return explainNetworkError(error, target);
  const { host, port } = target;
  return new ServerError(`${host}:${port} does not tell what a dump needs to know: ${error.message}`, {
    operation: 'read server facts',
    subject: `${host}:${port}`,
    sqlState: error.code ?? 'XX000',
    hint: 'see whether the server runs and what its log says',
    cause: error,
  });
}

function chosen(
  rows: Row[],
  { databases, field }: { databases: readonly string[] | undefined; field: string },
  { host, port, user }: ConnectionTarget,
): Row[] {
  const offered = rows.filter(({ offered }) => offered === 't');
  const names = offered.map(({ name }) => name!);
  if (!databases && offered.length === 0) {
    throw new ServerUnsuitable(`${host}:${port} has no database that could be dumped`, {
      operation: 'dump',
      subject: `${host}:${port}`,
      hint: 'templates, and databases that allow no connections, are not dumped unless they are named',
    });
  }
  const wanted = databases ?? names;
  const found = wanted.map((name) => rows.find((row) => row.name === name));
  const missing = found.indexOf(undefined);
  if (missing >= 0) {
    const meant = nearest(wanted[missing]!, names);
    const hint = meant === undefined ? 'it was dropped or renamed: change the plan' : `did you mean "${meant}"?`;
    throw new InputInvalid(field, wanted[missing], `a database of ${host}:${port}: ${names.join(', ')}`, hint);
  }
  const closed = found.find((row) => row!.connect !== 't');
  if (!closed) return found as Row[];
  throw new ServerUnsuitable(`${user} may not connect to database ${JSON.stringify(closed.name)} of ${host}:${port}`, {
    operation: 'dump',
    subject: closed.name!,
    hint: `GRANT CONNECT ON DATABASE ${quoteRole(closed.name!)} TO ${quoteRole(user)}; or name the others in ${field}`,
  });
}

function describe({ name, owner, encoding, collate, ctype, provider, locale, size_bytes: size }: Row): DatabaseFacts {
  const facts = { name: name!, owner: owner!, encoding: encoding!, collate: collate!, ctype: ctype! };
  const other = ({ i: 'icu', b: 'builtin' } as const)[provider ?? ''];
  return {
    ...facts,
    ...(other && locale !== null && locale !== undefined ? { locale: { provider: other, name: locale } } : {}),
    sizeBytes: Number(size ?? 0),
  };
}

/** pg_dump stops at the first relation that it may not read; this names how many there are. */
async function checkRights(config: pg.ClientConfig, schemaOnly: boolean): Promise<void> {
  await ask(config, async (query, { host, port, user, database }) => {
    const unreadable = await query(schemaOnly ? unreadableQuery(['r', 'p']) : unreadableQuery(['r', 'p', 'S']));
    const hidden = schemaOnly ? [] : await query(hiddenQuery);
    const objects = schemaOnly ? [] : await query(largeObjectsQuery);
    const refuse = (what: Row[], may: string, hint: string): ServerUnsuitable => {
      const more = what.length > 1 ? ` and ${what.length - 1} more` : '';
      const where = `of database ${JSON.stringify(database)} of ${host}:${port}`;
      return new ServerUnsuitable(`${user} may not read ${may}${what[0]!.name}${more} ${where}`, {
        operation: 'dump',
        subject: database,
        hint,
      });
    };
    if (unreadable.length > 0) throw refuse(unreadable, '', `GRANT pg_read_all_data TO ${quoteRole(user)}`);
    const owner = 'or let the owner, or a superuser, take the dump';
    if (hidden.length > 0) throw refuse(hidden, 'all rows of ', `ALTER ROLE ${quoteRole(user)} BYPASSRLS; ${owner}`);
    if (objects.length > 0) {
      throw refuse(objects, 'large object ', `GRANT SELECT ON LARGE OBJECT … TO ${quoteRole(user)}; ${owner}`);
    }
  });
}

const serverQuery = `
  select current_setting('server_version') as version,
         current_setting('server_version_num') as version_num,
         has_table_privilege('pg_catalog.pg_authid', 'SELECT') as passwords`;

/**
 * What databases are called changes with the version, so their rows are read as JSON. An interrupted DROP DATABASE leaves
 * one with limit -2. RDS keeps one for itself that nobody else may enter.
 */
const databasesQuery = `
  select d.datname as name, pg_get_userbyid(d.datdba) as owner, pg_encoding_to_char(d.encoding) as encoding,
         d.datcollate as collate, d.datctype as ctype, row ->> 'datlocprovider' as provider,
         coalesce(row ->> 'datlocale', row ->> 'daticulocale') as locale,
         connect,
         d.datallowconn and not d.datistemplate and d.datconnlimit <> -2
           and (d.datname, pg_get_userbyid(d.datdba)) <> ('rdsadmin', 'rdsadmin') as offered,
         case when connect or pg_has_role('pg_read_all_stats', 'usage') then pg_database_size(d.oid)::text end
           as size_bytes
    from pg_database d, to_jsonb(d) as row, has_database_privilege(d.oid, 'CONNECT') as connect
   order by d.datname`;

/** Relations that pg_dump would lock or read, and cannot; members of extensions are made by CREATE EXTENSION. */
const unreadableQuery = (kinds: readonly string[]): string => `
  select c.oid::regclass::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in (${kinds.map((kind) => `'${kind}'`).join(', ')})
     and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
     and not (has_schema_privilege(n.oid, 'USAGE')
              and case c.relkind when 'S' then has_sequence_privilege(c.oid, 'SELECT')
                                 else has_table_privilege(c.oid, 'SELECT') end)
   order by 1`;

/** Tables of which the role sees only the rows that a policy lets it see: pg_dump refuses those. */
const hiddenQuery = `
  select c.oid::regclass::text as name
    from pg_class c
   where c.relkind in ('r', 'p') and c.relrowsecurity and row_security_active(c.oid)
   order by 1`;

/** Nobody may read all large objects but superusers; in earlier versions everybody might, by a setting. */
const largeObjectsQuery = `
  select m.oid::text as name
    from pg_largeobject_metadata m
   where current_setting('lo_compat_privileges') = 'off'
     and not (select rolsuper from pg_roles where rolname = current_user)
     and not pg_has_role(m.lomowner, 'usage')
     and not exists (select from aclexplode(m.lomacl) a
                      where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))
   order by m.oid`;
