import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type RunningServer, startServer } from '#postgres/server-process';
import { type Installation, serverAccount } from './postgres-installations.ts';

const started = new Set<number>();
process.on('exit', () => {
  for (const pid of started) killIfAlive(pid);
});

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A real cluster in a folder of its own, reachable through a Unix socket in that folder (port 5432). */
export class TestServer {
  readonly installation: Installation;
  readonly home: string;
  readonly dataDir: string;
  #server: RunningServer | undefined;
  readonly log: string[] = [];

  private constructor(installation: Installation, home: string) {
    this.installation = installation;
    this.home = home;
    this.dataDir = join(home, 'data');
  }

  /** initdb and start. `settings` go to postgresql.conf. */
  static async create(
    installation: Installation,
    options: { settings?: Record<string, string>; initdb?: string[]; start?: boolean } = {},
  ): Promise<TestServer> {
    const server = new TestServer(installation, serverFolder('lifeboat-pg-'));
    const init = spawnSync(
      `${installation.binDir}/initdb`,
      ['-D', server.dataDir, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C', '-k'].concat(
        options.initdb ?? [],
      ),
      { ...serverAccount, env: {}, encoding: 'utf8', cwd: '/' },
    );
    if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`);
    server.configure({
      fsync: 'off',
      listen_addresses: '',
      unix_socket_directories: server.home,
      port: '5432',
      max_wal_senders: '10',
      wal_level: 'replica',
      ...(installation.major >= 17 ? { summarize_wal: 'on' } : {}),
      ...options.settings,
    });
    if (options.start !== false) await server.start();
    return server;
  }

  /** A cluster that somebody else laid down, e.g. a restored one. */
  static adopt(installation: Installation, dataDir: string): TestServer {
    const server = new TestServer(installation, serverFolder('lifeboat-pg-'));
    (server as { dataDir: string }).dataDir = dataDir;
    return server;
  }

  configure(settings: Record<string, string>): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    appendFileSync(join(this.dataDir, 'postgresql.conf'), lines.join(''));
  }

  async start(settings: Record<string, string> = {}): Promise<void> {
    this.#server = await startServer({
      binDir: this.installation.binDir,
      dataDir: this.dataDir,
      settings: { unix_socket_directories: this.home, listen_addresses: '', port: '5432', ...settings },
      ...(serverAccount ? { account: serverAccount } : {}),
      onLog: (line) => this.log.push(line),
    });
    started.add(this.#server.pid);
    await this.untilReady();
  }

  /** All WAL so far is with a receiver that is streaming, though it need not have stored it. */
  async untilReceived(): Promise<void> {
    const sent = `select count(*) from pg_stat_replication
                   where state = 'streaming' and sent_lsn >= pg_current_wal_flush_lsn()`;
    while ((await this.value(sent)) === '0') await sleep(20);
    await sleep(200); // sent is not yet received
  }

  /** The connection, as a plan's `connection` has it. */
  get connection() {
    return { host: this.home, port: 5432, user: 'postgres', database: 'postgres' };
  }

  async untilReady(): Promise<void> {
    for (;;) {
      try {
        await this.query('select 1');
        return;
      } catch (error) {
        const gone = await Promise.race([this.#server!.ended, sleep(30)]);
        if (gone) throw new Error(`the server did not start: ${gone.lastLines.join('\n')}`, { cause: error });
      }
    }
  }

  /** One statement, or several with `;`, over a connection of its own; rows of the last. */
  async query(sql: string, options: { database?: string } = {}): Promise<Record<string, string | null>[]> {
    const client = new pg.Client({
      ...this.connection,
      ...options,
      types: { getTypeParser: () => (text: string) => text },
    });
    client.on('error', () => undefined); // a killed server's connections end; the query itself rejects
    await client.connect();
    try {
      const result: pg.QueryResult | pg.QueryResult[] = await client.query(sql);
      return (Array.isArray(result) ? result.at(-1)! : result).rows;
    } finally {
      await client.end();
    }
  }

  async value(sql: string, options: { database?: string } = {}): Promise<string> {
    const row = (await this.query(sql, options))[0];
    return row === undefined ? '' : (Object.values(row)[0] ?? '');
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#server?.stop(mode);
    if (this.#server) started.delete(this.#server.pid);
    this.#server = undefined;
  }

  /** kill -9 of the postmaster, as when a machine dies; its children notice and leave. */
  async kill(): Promise<void> {
    process.kill(this.#server!.pid, 'SIGKILL');
    await this.#server!.ended;
    started.delete(this.#server!.pid);
    this.#server = undefined;
    rmSync(join(this.dataDir, 'postmaster.pid'), { force: true });
  }

  get pid(): number | undefined {
    return this.#server?.pid;
  }

  async remove(): Promise<void> {
    await this.stop('immediate');
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A folder that the server's account owns. */
export function serverFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  ownByServer(folder);
  chmodSync(folder, 0o700);
  return folder;
}

export function makeServerFolder(path: string): string {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
  ownByServer(path);
  return path;
}

function ownByServer(path: string): void {
  if (serverAccount) chownSync(path, serverAccount.uid, serverAccount.gid);
}
