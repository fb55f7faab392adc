import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { openChosenDump } from '#cli/open-dump';
import { UsageInvalid } from '#cli/usage-invalid';
import { chooseDumped } from '#model/choose-dumped';
import { formatDuration } from '#model/duration';
import { InputInvalid } from '#model/failure';
import { formatBytes } from '#model/format-bytes';
import type { Plan } from '#model/plan';
import { type Connection, connection } from '#model/postgres-source';
import { findDatabase, type RestoredDump, restoreDump } from '#tasks/restore-dump';

export const command = defineCommand({
  name: 'dump-restore',
  summary: 'restore a database, or some tables, from a dump',
  help: `Makes a database on a server and fills it by pg_restore, straight from the bucket: nothing is put on a disk in between. The
database must not exist yet, so nothing that is there is ever touched; rename it when you have seen that it is right.

With --table only these tables come, each with its rows, indexes, constraints, defaults, the sequences that it owns, triggers,
policies and rights, and with the schemas, types, functions and extensions that it needs; partitions come with their table. A
foreign key to a table that does not come is left out and told.

The server is that of the dump's source, unless --into-source names another source of the plan or --into a host; a password
comes from the plan, else from PGPASSFILE or ~/.pgpass. Roles must be there (\`lifeboat dump-export --globals\`), or say
--no-owner; tablespaces, too, or --no-tablespaces. Everything is compared while it is read. The database has a name of its own
until all of it is there and right, and is dropped again where anything fails. At the end the rows of each table are counted.
Subscriptions come switched off and without their slots.`,
  examples: [
    'lifeboat dump-restore 20261120T051345123Z-dump --database shop --as shop_restored',
    'lifeboat dump-restore 20261120T051345123Z-dump --database shop --as rescue --table public.orders --table public.lines',
    'lifeboat dump-restore 20261120T051345123Z-dump --database shop --into-source staging --no-owner',
    'lifeboat dump-restore 20261120T051345123Z-dump --database shop --into db2.internal --user admin',
  ],
  arguments: { dump: { summary: 'its id: `lifeboat dumps` lists them' } },
  options: {
    source: { flags: '--source <name>', summary: 'whose dump it is (needed when the plan has several)' },
    database: { flags: '--database <name>', summary: 'a database in the dump', required: true },
    table: { flags: '--table <schema.table>', summary: 'only this table, and what belongs to it', repeatable: true },
    as: { flags: '--as <name>', summary: 'what the new database is called (default: as in the dump)' },
    intoSource: { flags: '--into-source <name>', summary: 'into the server of another source in the plan' },
    into: { flags: '--into <host>', summary: "into any server: a host, or a socket's folder" },
    port: { flags: '--port <number>', summary: 'of --into (default: 5432)' },
    user: { flags: '--user <role>', summary: 'who connects to --into' },
    sslmode: { flags: '--sslmode <mode>', summary: 'of --into, as libpq means it (default: prefer)' },
    noOwner: { flags: '--no-owner', summary: 'everything belongs to who connects, and nobody is given rights' },
    noTablespaces: { flags: '--no-tablespaces', summary: "everything lies in the server's default tablespace" },
    binDir: { flags: '--bin-dir <directory>', summary: 'where pg_restore is (default: looked for)' },
  },

  async run(input, context) {
    const { plan, source, vault, manifest } = await openChosenDump(context, input.dump, input.source);
    const { environment, signal, output } = context;
    const [, { rawBytes }] = findDatabase(manifest, input.database);
    const as = input.as ?? input.database;
    if (!/^\P{Cc}+$/u.test(as) || Buffer.byteLength(as) > 63)
      throw new InputInvalid('--as', as, 'the name of a database: 63 bytes at most, without control characters');
    const target = connectionOf(input, plan, source);
    const begun = performance.now();
    const bar = output.progress(input.database, rawBytes);
    const restored = await restoreDump({
      vault,
      manifest,
      database: input.database,
      as,
      tables: input.table,
      noOwner: input.noOwner,
      noTablespaces: input.noTablespaces,
      connection: target,
      environment,
      binDir: input.binDir,
      signal,
      onBytes: (bytes) => bar.advance(bytes),
      onNote: (text) => output.warn(text),
    }).finally(() => bar.end());
    const durationMs = Math.round(performance.now() - begun);
    output.print(describe(restored, durationMs), { ...restored, durationMs });
  },
});

interface Into {
  intoSource: string | undefined;
  into: string | undefined;
  port: string | undefined;
  user: string | undefined;
  sslmode: string | undefined;
}

/** @throws InputInvalid, UsageInvalid */
function connectionOf({ intoSource, into, port, user, sslmode }: Into, plan: Plan, source: string): Connection {
  if (into === undefined) {
    if (port !== undefined || user !== undefined || sslmode !== undefined)
      throw new UsageInvalid('--port, --user and --sslmode belong to --into', 'name the host, too: --into HOST');
    return chooseDumped(plan, intoSource ?? source, '--into-source').connection;
  }
  if (intoSource !== undefined)
    throw new UsageInvalid('there are two servers to restore into', 'say --into or --into-source');
  if (user === undefined) throw new UsageInvalid('nobody is named who connects', 'name the role: --user ROLE');
  const parsed = connection.safeParse({
    host: into,
    user,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(sslmode === undefined ? {} : { sslmode }),
  });
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const field = path[0] === 'host' ? '--into' : `--${String(path[0])}`;
  throw new InputInvalid(field, { host: into, port, user, sslmode }[String(path[0])], message);
}

function describe({ dump, database, as, host, port, tables, rawBytes }: RestoredDump, durationMs: number): string {
  const rows = tables.map(({ table, rows }) => [`  ${table}`, `${rows} ${rows === 1 ? 'row' : 'rows'}`]);
  return [
    `database ${as} on ${host}:${port} is ${database} of ${dump}: ${formatBytes(rawBytes)} read in ${formatDuration(durationMs)}`,
    ...(rows.length === 0 ? ['  without any table'] : [formatTable(rows)]),
  ].join('\n');
}
