import pg from 'pg';
import type { DumpedDatabase } from '#model/dump-manifest';
import { RestoreFailed } from '#model/failure';
import { explainConnectionError } from '#postgres/connection-failure';
import { createDatabase, quoteName } from '#postgres/create-database';

/** A server that a database is restored into. */
export class RestoreTarget {
  readonly major: number;
  readonly #options: pg.ClientConfig;
  readonly #client: pg.Client;

  /** @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable */
  static async open(options: pg.ClientConfig): Promise<RestoreTarget> {
    const client = await connect(options);
    const { rows } = await client.query<{ number: string }>("select current_setting('server_version_num') as number");
    return new RestoreTarget(options, client, Math.floor(Number(rows[0]!.number) / 10_000));
  }

  private constructor(options: pg.ClientConfig, client: pg.Client, major: number) {
    this.#options = options;
    this.#client = client;
    this.major = major;
  }

  /** @throws RestoreFailed when there is such a database, or nobody whom it could belong to */
  async check(database: string, owner: string | undefined): Promise<void> {
    const { rows } = await this.#client.query<{ taken: boolean; owned: boolean }>(
      `select exists (select from pg_database where datname = $1) as taken,
              exists (select from pg_roles where rolname = $2) as owned`,
      [database, owner ?? ''],
    );
    const { taken, owned } = rows[0]!;
    if (taken) throw this.#exists(database);
    if (owned || owner === undefined) return;
    throw new RestoreFailed(`${this.#name} has no role ${owner}, to which the database belongs in the dump`, {
      operation: 'restore dump',
      subject: database,
      hint: 'restore the roles first (`lifeboat dump-export --globals`), or let everything belong to who connects: --no-owner',
    });
  }

  /** @throws RestoreFailed; what it says was made by somebody else is not ours to drop */
  async make(name: string, { owner, ...shape }: DumpedDatabase, noOwner: boolean): Promise<void> {
    try {
      await this.#client.query(createDatabase(name, noOwner ? shape : { owner, ...shape }));
    } catch (cause) {
      if ((cause as pg.DatabaseError).code === duplicateDatabase) throw this.#exists(name);
      throw new RestoreFailed(`database ${name} cannot be made on ${this.#name}: ${(cause as Error).message}`, {
        operation: 'restore dump',
        subject: name,
        hint: 'the role needs CREATEDB and has to be a member of the owner, and the server the locale; --no-owner asks for the first alone',
        cause,
      });
    }
  }

  async apply(statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.#client.query(statement);
  }

  /** Of tables with rows of their own, by name; where names are given, of these alone. */
  async countRows(database: string, wanted: readonly string[] | undefined): Promise<{ table: string; rows: number }[]> {
    const client = await connect({ ...this.#options, database });
    try {
      const { rows: tables } = await client.query<{ name: string; quoted: string }>(ownTables);
      const counted: { table: string; rows: number }[] = [];
      for (const { name, quoted } of tables) {
        if (wanted && !wanted.includes(name)) continue;
        const { rows } = await client.query<{ count: string }>(`select count(*)::text as count from only ${quoted}`);
        counted.push({ table: name, rows: Number(rows[0]!.count) });
      }
      return counted;
    } finally {
      await client.end();
    }
  }

  async drop(database: string): Promise<void> {
    const client = await connect(this.#options); // the other one may have been lost
    try {
      await client.query(`DROP DATABASE ${quoteName(database)} WITH (FORCE)`);
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined); // it was lost
  }

  get #name(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }

  #exists(database: string): RestoreFailed {
    return new RestoreFailed(`database ${database} is there already on ${this.#name}: nothing was touched`, {
      operation: 'restore dump',
      subject: database,
      hint: 'restore it under another name: --as NAME; rename it when you have seen that it is what you want',
    });
  }
}

/** duplicate_database */
const duplicateDatabase = '42P04';

const ownTables = `
  select n.nspname || '.' || c.relname as name, format('%I.%I', n.nspname, c.relname) as quoted
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   order by 1`;

async function connect(options: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(options);
  client.on('error', () => undefined); // the query under way reports it
  const { host, port, user = '', database = '' } = client;
  try {
    await client.connect();
    return client;
  } catch (error) {
    void client.end().catch(() => undefined); // else the socket stays open
    throw explainConnectionError(error, { host, port, user, database });
  }
}
