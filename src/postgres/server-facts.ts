import pg from 'pg';
import { ServerError } from '#model/failure';
import { type ConnectionTarget, explainConnectionError } from '#postgres/connection-failure';
import { explainNetworkError } from '#postgres/network-failure';
import { refuseOldServer, watchVersion } from '#postgres/server-version';

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
    const version = watchVersion(client);
    client.on('error', () => undefined); // the query that needs the connection reports it
    try {
      await client.connect();
      refuseOldServer(version(), client); // before it is asked what an old one does not know
    } catch (error) {
      void client.end(); // else the socket stays open until the server gives up waiting for a password
      throw explainConnectionError(error, targetOf(client));
    }
    return new ServerQueries(client);
  }

  /** @throws ConnectionFailed, ServerError */
  async facts(): Promise<ServerFacts> {
    const row = await this.#ask(factsQuery);
    return {
      version: row.version!,
      major: Math.floor(Number(row.version_num) / 10_000),
      systemId: row.system_id!,
      segmentSize: Number(row.segment_size),
      blockSize: Number(row.block_size),
      dataChecksums: row.checksums === 'on',
      superuser: row.superuser!,
      summarizesWal: row.summarize_wal === 'on',
      inRecovery: row.in_recovery === 'true',
    };
  }

  /** The server's clock, milliseconds kept. @throws ConnectionFailed, ServerError */
  async clock(): Promise<Date> {
    const { ms } = await this.#ask('select (extract(epoch from clock_timestamp()) * 1000)::text as ms');
    return new Date(Math.ceil(Number(ms)));
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #ask(question: string): Promise<Record<string, string>> {
    try {
      return (await this.#client.query<Record<string, string>>(question)).rows[0]!;
    } catch (error) {
      throw explainQueryError(error, targetOf(this.#client));
    }
  }
}

const targetOf = ({ host, port, user = '', database = '' }: pg.Client): ConnectionTarget => ({
  host,
  port,
  user,
  database,
});

function explainQueryError(error: unknown, target: ConnectionTarget): Error {
  if (!(error instanceof pg.DatabaseError)) return explainNetworkError(error, target);
  const { host, port } = target;
  return new ServerError(`${host}:${port} does not tell about itself: ${error.message}`, {
    operation: 'read server facts',
    subject: `${host}:${port}`,
    sqlState: error.code ?? 'XX000',
    hint: 'see whether the server runs and what its log says; `lifeboat init --check` tells what it is not ready for',
    cause: error,
  });
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
