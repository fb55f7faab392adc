import pg from 'pg';
import { ServerUnsuitable } from '#model/failure';
import { explainConnectionError } from '#postgres/connection-failure';

/** What a backup records of its server. */
export interface ServerFacts {
  version: string;
  major: number;
  /** 64 bits as decimal text */
  systemId: string;
  segmentSize: number;
  blockSize: number;
  dataChecksums: boolean;
  superuser: string;
  summarizesWal: boolean;
  inRecovery: boolean;
}

/** An ordinary connection beside the replication one: settings, and the server's clock. */
export class ServerQueries {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** @throws ConnectionFailed, AuthenticationFailed, ServerUnsuitable */
  static async open(config: pg.ClientConfig): Promise<ServerQueries> {
    const client = new pg.Client({ connectionTimeoutMillis: 10_000, ...config });
    client.on('error', () => undefined); // the query that needs the connection reports it
    try {
      await client.connect();
    } catch (error) {
      void client.end(); // else the socket stays open until the server gives up waiting for a password
      throw explainConnectionError(error, {
        host: client.host,
        port: client.port,
        user: client.user ?? '',
        database: client.database ?? '',
      });
    }
    return new ServerQueries(client);
  }

  async facts(): Promise<ServerFacts> {
    const { rows } = await this.#client.query(factsQuery);
    const row = rows[0] as Record<string, string>;
    const major = Math.floor(Number(row.version_num) / 10_000);
    if (major < 15) {
      throw new ServerUnsuitable(`the server runs PostgreSQL ${row.version}, expected 15 or newer`, {
        operation: 'read server facts',
        subject: this.#client.host,
        hint: 'upgrade the server, or back it up with pg_dump until then',
      });
    }
    return {
      version: row.version!,
      major,
      systemId: row.system_id!,
      segmentSize: Number(row.segment_size),
      blockSize: Number(row.block_size),
      dataChecksums: row.checksums === 'on',
      superuser: row.superuser!,
      summarizesWal: row.summarize_wal === 'on',
      inRecovery: row.in_recovery === 'true',
    };
  }

  /** The server's clock, milliseconds kept. */
  async clock(): Promise<Date> {
    const { rows } = await this.#client.query('select (extract(epoch from clock_timestamp()) * 1000)::text as ms');
    return new Date(Math.ceil(Number((rows[0] as { ms: string }).ms)));
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

const factsQuery = `
  select current_setting('server_version') as version,
         current_setting('server_version_num') as version_num,
         (select system_identifier::text from pg_control_system()) as system_id,
         (select setting::bigint::text from pg_settings where name = 'wal_segment_size') as segment_size,
         current_setting('block_size') as block_size,
         current_setting('data_checksums') as checksums,
         (select rolname from pg_roles where oid = 10) as superuser,
         coalesce(current_setting('summarize_wal', true), 'off') as summarize_wal,
         pg_is_in_recovery()::text as in_recovery`;
