import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Account, type RunningServer, type ServerEnd, startServer } from '#postgres/server-process';

export interface PrivateServerOptions {
  binDir: string;
  dataDir: string;
  account?: Account;
  environment: Readonly<Record<string, string | undefined>>;
  /** the role to connect as: the cluster's own superuser */
  superuser: string;
  settings: Record<string, string>;
  onLog?: (line: string) => void;
}

/** How the folders of such servers' sockets are called. */
export const socketFolderPrefix = 'lifeboat-server-';

/**
 * A server that nobody but us can reach: it listens on a socket in a folder of its own, open to its account alone,
 * where anybody may connect as anybody. What it was configured with for its real life (addresses, certificates,
 * archiving) is switched off on the command line and stays as it is in the files.
 */
export class PrivateServer {
  readonly #options: PrivateServerOptions;
  readonly #folder: string;
  readonly #server: RunningServer;

  static async start(options: PrivateServerOptions): Promise<PrivateServer> {
    const folder = mkdtempSync(join(tmpdir(), socketFolderPrefix));
    chmodSync(folder, 0o700);
    const rules = join(folder, 'pg_hba.conf');
    writeFileSync(rules, 'local all all trust\n');
    if (options.account) for (const path of [folder, rules]) chownSync(path, options.account.uid, options.account.gid);
    try {
      const server = await startServer({
        binDir: options.binDir,
        dataDir: options.dataDir,
        ...(options.account ? { account: options.account } : {}),
        environment: options.environment,
        settings: {
          listen_addresses: '',
          unix_socket_directories: folder,
          port: '5432',
          hba_file: rules,
          ssl: 'off',
          archive_mode: 'off',
          ...options.settings,
        },
        ...(options.onLog ? { onLog: options.onLog } : {}),
      });
      return new PrivateServer(options, folder, server);
    } catch (failure) {
      rmSync(folder, { recursive: true, force: true });
      throw failure;
    }
  }

  private constructor(options: PrivateServerOptions, folder: string, server: RunningServer) {
    this.#options = options;
    this.#folder = folder;
    this.#server = server;
  }

  get ended(): Promise<ServerEnd> {
    return this.#server.ended;
  }

  /** Where it listens, on port 5432. */
  get socketFolder(): string {
    return this.#folder;
  }

  /** A connection of its own to a database; the caller ends it. */
  async connect(database: string, user = this.#options.superuser): Promise<pg.Client> {
    const client = new pg.Client({
      host: this.#folder,
      port: 5432,
      user,
      database,
      types: { getTypeParser: () => (text: string) => text },
    });
    client.on('error', () => undefined); // the query under way reports it
    await client.connect();
    return client;
  }

  /** The rows of one query in a connection of its own, values as text. */
  async query(database: string, sql: string, user?: string): Promise<Record<string, string | null>[]> {
    const client = await this.connect(database, user);
    try {
      return (await client.query<Record<string, string | null>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<ServerEnd> {
    const end = await this.#server.stop(mode);
    rmSync(this.#folder, { recursive: true, force: true });
    return end;
  }
}
