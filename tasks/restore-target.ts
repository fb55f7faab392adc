import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DumpedDatabase } from '#model/dump-manifest';
import { RestoreFailed } from '#model/failure';
import { explainConnectionError } from '#postgres/connection-failure';
import { createDatabase, quoteName } from '#postgres/create-database';
import { ownSession } from '#postgres/own-session';

/**
 * A server that a database is restored into. Each step has a connection of its own: hours lie between them, and a firewall
 * or a timeout would have ended one that does nothing. While it is filled, the database has a name that nobody takes for
 * what was asked for, whatever happens to us.
 */
export class RestoreTarget {
  readonly major: number;
  /** what the database is called until it is whole */
  readonly working = `lifeboat_restoring_${randomBytes(6).toString('hex')}`;
  readonly #options: pg.ClientConfig;

  /** @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable */
  static async open(options: pg.ClientConfig): Promise<RestoreTarget> {
    const { rows } = await connected(options, (client) =>
      client.query<{ number: string }>("select current_setting('server_version_num') as number"),
    );
    return new RestoreTarget(options, Math.floor(Number(rows[0]!.number) / 10_000));
  }

  private constructor(options: pg.ClientConfig, major: number) {
    this.#options = options;
    this.major = major;
  }

  /** @throws RestoreFailed when there is such a database, or nobody whom it could belong to */
  async check(database: string, owner: string | undefined): Promise<void> {
    const { rows } = await connected(this.#options, (client) =>
      client.query<{ taken: boolean; owned: boolean }>(
        `select exists (select from pg_database where datname = $1) as taken,
                exists (select from pg_roles where rolname = $2) as owned`,
        [database, owner ?? ''],
      ),
    );
    const { taken, owned } = rows[0]!;
    if (taken) throw this.#exists(database);
    if (owned || owner === undefined) return;
    throw new RestoreFailed(`${this.#name} has no role ${owner}, to which the database belongs in the dump`, {
      operation: 'restore dump',
      subject: database,
      hint: rolesFirst,
    });
  }

  /** Under its working name. @throws RestoreFailed */
  async make({ owner, ...shape }: DumpedDatabase, noOwner: boolean): Promise<void> {
    try {
      const statement = createDatabase(this.working, noOwner ? shape : { owner, ...shape });
      await connected(this.#options, (client) => client.query(statement));
    } catch (cause) {
      throw this.#refused('cannot be made', cause, {
        hint: 'the role needs CREATEDB and has to be a member of the owner, and the server the locale; --no-owner asks for the first alone',
      });
    }
  }

  /** Whether the statements can be carried out, which then are taken back: better now than hours later. @throws RestoreFailed */
  async rehearse(statements: readonly string[]): Promise<void> {
    await this.#inTransaction(statements, 'ROLLBACK');
  }

  /**
   * It is whole: the statements are carried out, in it, since what is said of a database is kept in the encoding of whoever
   * says it; then it gets its name. @throws RestoreFailed
   */
  async finish(name: string, statements: readonly string[]): Promise<void> {
    const rename = `ALTER DATABASE ${quoteName(this.working)} RENAME TO ${quoteName(name)}`;
    const done = this.#inTransaction(statements, 'COMMIT').then(() =>
      connected(this.#options, (client) => client.query(rename)),
    );
    await done.catch((cause: Error) => {
      const what = `all of it was restored, and stays on ${this.#name} as database ${this.working}`;
      throw new RestoreFailed(`${what}, since it could not be called ${name}: ${cause.message}`, {
        operation: 'restore dump',
        subject: this.working,
        hint: `${rename}, or to another name that is free; see whether its settings and rights are there`,
        cause,
      });
    });
  }

  /** Of tables with rows of their own, by name; where names are given, of these alone. */
  async countRows(
    wanted: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<{ table: string; rows: number }[]> {
    return connected({ ...this.#options, database: this.working }, async (client) => {
      const hangUp = () => void client.end();
      signal.addEventListener('abort', hangUp, { once: true });
      try {
        const { rows: tables } = await client.query<{ name: string; quoted: string }>(ownTables);
        const counted: { table: string; rows: number }[] = [];
        for (const { name, quoted } of tables) {
          signal.throwIfAborted();
          if (wanted && !wanted.includes(name)) continue;
          const { rows } = await client.query<{ count: string }>(`select count(*)::text as count from only ${quoted}`);
          counted.push({ table: name, rows: Number(rows[0]!.count) });
        }
        return counted;
      } finally {
        signal.removeEventListener('abort', hangUp);
      }
    });
  }

  /**
   * Takes their slots from the subscriptions: these are the source's, and whoever switched such a subscription on or dropped
   * it would take what the source still has to receive. Answers what they are called.
   * Source: https://www.postgresql.org/docs/current/sql-altersubscription.html
   */
  async detachSubscriptions(): Promise<string[]> {
    return connected({ ...this.#options, database: this.working }, async (client) => {
      const { rows } = await client.query<{ name: string }>(ownSubscriptions);
      for (const { name } of rows) await client.query(`ALTER SUBSCRIPTION ${quoteName(name)} SET (slot_name = NONE)`);
      return rows.map(({ name }) => name);
    });
  }

  /** What was made; a database with subscriptions cannot be dropped. */
  async drop(): Promise<void> {
    const names = await this.detachSubscriptions().catch(() => []); // the drop says what is in its way
    if (names.length > 0) {
      await connected({ ...this.#options, database: this.working }, async (client) => {
        for (const name of names) await client.query(`DROP SUBSCRIPTION ${quoteName(name)}`);
      });
    }
    await connected(this.#options, (client) => client.query(`DROP DATABASE ${quoteName(this.working)} WITH (FORCE)`));
  }

  async #inTransaction(statements: readonly string[], ending: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    await connected({ ...this.#options, database: this.working }, async (client) => {
      for (const statement of ['BEGIN', ...statements, ending]) {
        await client.query(statement).catch((cause: unknown) => {
          const [words] = /^(?:[A-Z]+ ){1,2}/.exec(statement) ?? [statement];
          const isOfRole = (cause as pg.DatabaseError).code === undefinedObject;
          throw this.#refused(`cannot be set up (${words.trim()} …)`, cause, isOfRole ? { hint: rolesFirst } : {});
        });
      }
    });
  }

  get #name(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }

  #refused(what: string, cause: unknown, { hint }: { hint?: string }): Error {
    if (!(cause instanceof pg.DatabaseError)) return cause as Error;
    return new RestoreFailed(`the database ${what} on ${this.#name}: ${cause.message}`, {
      operation: 'restore dump',
      subject: this.#name,
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }

  #exists(database: string): RestoreFailed {
    return new RestoreFailed(`database ${database} is there already on ${this.#name}: nothing was touched`, {
      operation: 'restore dump',
      subject: database,
      hint: 'restore it under another name: --as NAME; rename it when you have seen that it is what you want',
    });
  }
}

export const rolesFirst =
  'restore the roles first (`lifeboat dump-export --globals`), or let everything belong to who connects: --no-owner';

const undefinedObject = '42704';

const ownTables = `
  select n.nspname || '.' || c.relname as name, format('%I.%I', n.nspname, c.relname) as quoted
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   order by 1`;

const ownSubscriptions = `
  select s.subname as name
    from pg_subscription s join pg_database d on d.oid = s.subdbid
   where d.datname = current_database()
   order by 1`;

async function connected<T>(options: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(ownSession(options));
  client.on('error', () => undefined); // the query under way reports it
  const { host, port, user = '', database = '' } = client;
  try {
    await client.connect().catch((error: unknown) => {
      throw explainConnectionError(error, { host, port, user, database });
    });
    return await work(client);
  } finally {
    // who waits for a password that never comes would wait long
    void client.end().catch(() => undefined);
  }
}
